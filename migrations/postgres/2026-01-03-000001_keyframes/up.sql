-- Saved worlds, so that seeking and recovering need not begin at the first tick; and where a fork comes from.

ALTER TABLE runs ADD COLUMN parent_id TEXT;
ALTER TABLE runs ADD COLUMN fork_tick BIGINT;

CREATE TABLE keyframes (
    run_id TEXT COLLATE "C" NOT NULL,
    tick BIGINT NOT NULL,
    journal_seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    world BYTEA NOT NULL,
    PRIMARY KEY (run_id, tick)
);
-- Compressed already.
ALTER TABLE keyframes ALTER COLUMN world SET STORAGE EXTERNAL;
