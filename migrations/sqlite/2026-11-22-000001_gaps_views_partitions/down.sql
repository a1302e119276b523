DROP VIEW logs;
DROP VIEW scenarios;
DROP TABLE thinned;
DROP TABLE gaps;
