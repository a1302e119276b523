-- What is missing is said: ticks whose telemetry was dropped for want of room.
CREATE TABLE gaps (
    run_id TEXT NOT NULL,
    from_tick BIGINT NOT NULL,
    to_tick BIGINT NOT NULL,
    frames BIGINT NOT NULL,
    PRIMARY KEY (run_id, from_tick)
) WITHOUT ROWID;

-- How far upkeep has thinned the telemetry of a run: every Nth tick is left, 0 none. No row: as it was recorded.
CREATE TABLE thinned (
    run_id TEXT NOT NULL PRIMARY KEY,
    every BIGINT NOT NULL
);

-- Each scenario source once, however many runs flew it.
CREATE VIEW scenarios AS
SELECT scenario AS name, scenario_text AS text, count(*) AS runs, min(started_ms) AS first_used_ms
FROM runs GROUP BY scenario, scenario_text;

-- For reading: times as people write them.
CREATE VIEW logs AS
SELECT h.run_id, h.seq, strftime('%Y-%m-%dT%H:%M:%fZ', h.wall_time_ms / 1000.0, 'unixepoch') AS time,
    h.tick, h.tick * r.tick_s AS sim_time_s, h.level, h.source, h.code, h.message
FROM happenings h LEFT JOIN runs r ON r.id = h.run_id;
