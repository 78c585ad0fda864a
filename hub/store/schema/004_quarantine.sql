-- What is sent again is counted, and what a node sent under another site is taken once it may.

ALTER TABLE quarantine ADD COLUMN digest BLOB;                 -- of whence, which and what
ALTER TABLE quarantine ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE quarantine ADD COLUMN last_us INTEGER;             -- when it last came; NULL: once
ALTER TABLE quarantine ADD COLUMN site TEXT NOT NULL DEFAULT '';  -- waits for its node to move there
ALTER TABLE quarantine ADD COLUMN retaken_us INTEGER;          -- when it went into the log after all
CREATE UNIQUE INDEX quarantine_digest ON quarantine (digest) WHERE digest IS NOT NULL;
CREATE INDEX quarantine_site ON quarantine (node, site) WHERE site <> '';
