DROP TABLE tokens;
DROP TABLE metrics;
DROP TABLE telemetry;
DROP TABLE drones;
DROP TABLE hashes;
DROP TABLE happenings;
DROP TABLE journal;
DROP TABLE runs;
