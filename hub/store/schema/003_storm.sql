-- Storms and losses: which notification tells of which, and what came of each node's messages.

-- A page that waits for the next digest is 'held'; once it is listed, digest names the
-- notification that carries it.
ALTER TABLE notification ADD COLUMN digest TEXT NOT NULL DEFAULT '';
CREATE INDEX notification_digest ON notification (digest) WHERE digest <> '';
CREATE INDEX notification_held ON notification (person, channel) WHERE state = 'held';
CREATE INDEX notification_left ON notification (person, due_us)
  WHERE digest = '' AND state <> 'held';

-- One message that lists many incidents; its code answers for all of them.
CREATE TABLE digest (
  notification TEXT PRIMARY KEY,
  code         TEXT NOT NULL,
  person       TEXT NOT NULL,
  created_us   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX digest_code ON digest (code, created_us);

-- The loss ledger: messages (and rows of the quarantine) per node and hour since 1970 UTC.
CREATE TABLE loss (
  hour        INTEGER NOT NULL,
  node        TEXT NOT NULL,           -- '' for what no known node can be blamed for
  received    INTEGER NOT NULL DEFAULT 0,
  late        INTEGER NOT NULL DEFAULT 0,
  duplicates  INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0,
  evicted     INTEGER NOT NULL DEFAULT 0,
  asked       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (hour, node)
) WITHOUT ROWID;

-- Numbers that were skipped when a later one came; what has come since is taken off by readers.
CREATE TABLE sequence_gap (
  node TEXT NOT NULL, boot TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  noticed_us INTEGER NOT NULL,
  PRIMARY KEY (node, boot, low)
) WITHOUT ROWID;

-- Numbers that a node says it had to evict: they will never come.
CREATE TABLE gone_range (
  node TEXT NOT NULL, boot TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  PRIMARY KEY (node, boot, low)
) WITHOUT ROWID;
