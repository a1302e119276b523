CREATE TABLE telemetry_plain (LIKE telemetry INCLUDING DEFAULTS);
INSERT INTO telemetry_plain SELECT * FROM telemetry;
DROP TABLE telemetry;
ALTER TABLE telemetry_plain RENAME TO telemetry;
ALTER TABLE telemetry ADD CONSTRAINT telemetry_pkey PRIMARY KEY (run_id, tick, drone);
DROP VIEW logs;
DROP VIEW scenarios;
DROP TABLE thinned;
DROP TABLE gaps;
