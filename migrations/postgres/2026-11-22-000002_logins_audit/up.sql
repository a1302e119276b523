-- Browsers that are logged in: the hash of the cookie's secret, and the token that the login rests on.
CREATE TABLE logins (
    sha256 TEXT COLLATE "C" PRIMARY KEY,
    token_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Who did or tried what. Ids sort by time.
CREATE TABLE audit (
    id TEXT COLLATE "C" PRIMARY KEY,
    wall_time_ms BIGINT NOT NULL,
    server TEXT NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    token_id TEXT NOT NULL,
    address TEXT NOT NULL,
    via TEXT NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT NOT NULL
);
