-- Same tables and columns as migrations/postgres; docs/DATA.md says what stands in them.
-- WITHOUT ROWID: rows lie in the order of their key, without a second index.
-- Not for the tables with long texts, which would bloat the inner pages of the tree.

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    swarm TEXT NOT NULL,
    scenario TEXT NOT NULL,
    scenario_text TEXT NOT NULL,
    seed TEXT NOT NULL,
    tick_s DOUBLE NOT NULL,
    version TEXT NOT NULL,
    server TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    ticks BIGINT NOT NULL,
    status TEXT NOT NULL,
    final_hash TEXT,
    written_ms BIGINT NOT NULL
);
CREATE INDEX runs_started ON runs (started_ms, id);

CREATE TABLE journal (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    tick BIGINT NOT NULL,
    author TEXT NOT NULL,
    via TEXT NOT NULL,
    command_id TEXT NOT NULL,
    command TEXT NOT NULL,
    targets TEXT NOT NULL,
    params TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE happenings (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    tick BIGINT NOT NULL,
    wall_time_ms BIGINT NOT NULL,
    level TEXT NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;

CREATE TABLE hashes (
    run_id TEXT NOT NULL,
    tick BIGINT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (run_id, tick)
) WITHOUT ROWID;

CREATE TABLE drones (
    run_id TEXT NOT NULL,
    drone TEXT NOT NULL,
    since_tick BIGINT NOT NULL,
    kind TEXT NOT NULL,
    swarm_group TEXT,
    PRIMARY KEY (run_id, drone, since_tick)
) WITHOUT ROWID;

CREATE TABLE telemetry (
    run_id TEXT NOT NULL,
    tick BIGINT NOT NULL,
    drone TEXT NOT NULL,
    east_m DOUBLE,
    north_m DOUBLE,
    up_m DOUBLE,
    velocity_east_mps DOUBLE,
    velocity_north_mps DOUBLE,
    velocity_up_mps DOUBLE,
    heading_deg DOUBLE,
    battery_pct DOUBLE,
    mode TEXT NOT NULL,
    landed TEXT NOT NULL,
    armed BOOLEAN NOT NULL,
    alert_level TEXT,
    alert_text TEXT,
    PRIMARY KEY (run_id, tick, drone)
) WITHOUT ROWID;

CREATE TABLE metrics (
    run_id TEXT NOT NULL,
    tick BIGINT NOT NULL,
    wall_time_ms BIGINT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (run_id, tick)
);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
);
