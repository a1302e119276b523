DROP TABLE keyframes;
ALTER TABLE runs DROP COLUMN fork_tick;
ALTER TABLE runs DROP COLUMN parent_id;
