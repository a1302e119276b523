-- What is missing is said: ticks whose telemetry was dropped for want of room.
CREATE TABLE gaps (
    run_id TEXT COLLATE "C" NOT NULL,
    from_tick BIGINT NOT NULL,
    to_tick BIGINT NOT NULL,
    frames BIGINT NOT NULL,
    PRIMARY KEY (run_id, from_tick)
);

-- How far upkeep has thinned the telemetry of a run: every Nth tick is left, 0 none. No row: as it was recorded.
CREATE TABLE thinned (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    every BIGINT NOT NULL
);

-- Each scenario source once, however many runs flew it.
CREATE VIEW scenarios AS
SELECT scenario AS name, scenario_text AS text, count(*) AS runs, min(started_ms) AS first_used_ms
FROM runs GROUP BY scenario, scenario_text;

-- For reading: times as people write them.
CREATE VIEW logs AS
SELECT h.run_id, h.seq,
    to_char(to_timestamp(h.wall_time_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS time,
    h.tick, h.tick * r.tick_s AS sim_time_s, h.level, h.source, h.code, h.message
FROM happenings h LEFT JOIN runs r ON r.id = h.run_id;

-- Telemetry is partitioned by the day on which its run began, which is how the run's name begins: a run lies in one
-- partition whatever the clock does meanwhile, a query that names a run reads that one, and old days are dropped whole.
-- The program makes the partitions as days come. What was there before becomes the default partition, without a copy.
ALTER INDEX telemetry_pkey RENAME TO telemetry_other_pkey;
ALTER TABLE telemetry RENAME TO telemetry_other;
CREATE TABLE telemetry (
    run_id TEXT COLLATE "C" NOT NULL,
    tick BIGINT NOT NULL,
    drone TEXT COLLATE "C" NOT NULL,
    east_m DOUBLE PRECISION,
    north_m DOUBLE PRECISION,
    up_m DOUBLE PRECISION,
    velocity_east_mps DOUBLE PRECISION,
    velocity_north_mps DOUBLE PRECISION,
    velocity_up_mps DOUBLE PRECISION,
    heading_deg DOUBLE PRECISION,
    battery_pct DOUBLE PRECISION,
    mode TEXT NOT NULL,
    landed TEXT NOT NULL,
    armed BOOLEAN NOT NULL,
    alert_level TEXT,
    alert_text TEXT,
    PRIMARY KEY (run_id, tick, drone)
) PARTITION BY RANGE (run_id);
ALTER TABLE telemetry ATTACH PARTITION telemetry_other DEFAULT;
