-- The log: everything a decision rests on, in one order of offsets. Times are
-- microseconds since 1970 UTC. Observations and control entries share one sequence
-- of offsets (meta 'next_offset'), taken inside the transaction that writes them.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Who should speak and who ever spoke; slots are dense and never reused.
CREATE TABLE node (
  name     TEXT PRIMARY KEY,
  site     TEXT NOT NULL,              -- a node seen under another site is quarantined
  state    TEXT,                       -- last state message, JSON
  state_us INTEGER,
  clock_s  REAL                        -- how far its clock is behind, once beyond tolerance
) WITHOUT ROWID;

CREATE TABLE datastream (
  slot      INTEGER PRIMARY KEY,
  node      TEXT NOT NULL,
  name      TEXT NOT NULL,
  site      TEXT NOT NULL,
  unit      TEXT NOT NULL DEFAULT '',
  learnt_s  REAL,                      -- interval learnt from arrivals, when none is declared
  newest_us INTEGER,                   -- newest phenomenon time ever stored: ties need it
  UNIQUE (node, name)
);

CREATE TABLE message (
  id          INTEGER PRIMARY KEY,
  node        TEXT NOT NULL,
  boot        TEXT NOT NULL,
  seq         INTEGER NOT NULL,
  received_us INTEGER NOT NULL,
  sent_us     INTEGER,
  digest      BLOB NOT NULL            -- of the obs array as sent: same key, same content?
);
CREATE INDEX message_number ON message (node, boot, seq);

-- Numbers stored, for ever, as ranges: (node, boot, low..high).
CREATE TABLE stored_range (
  node TEXT NOT NULL, boot TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  PRIMARY KEY (node, boot, low)
) WITHOUT ROWID;

-- What was learnt of a start of a node: how far its clock is behind, when it began.
CREATE TABLE boot (
  node TEXT NOT NULL, boot TEXT NOT NULL, behind_us INTEGER, start_us INTEGER,
  PRIMARY KEY (node, boot)
) WITHOUT ROWID;

CREATE TABLE observation (
  "offset"  INTEGER PRIMARY KEY,
  slot      INTEGER NOT NULL,
  time_us   INTEGER NOT NULL,
  tie       INTEGER NOT NULL,          -- 0..999 nanoseconds that keep equal instants apart
  start_us  INTEGER NOT NULL,
  result    REAL,
  quality   INTEGER NOT NULL,
  lateness  INTEGER NOT NULL,
  trusted   INTEGER NOT NULL,          -- 0: time_us is the arrival, or was corrected (raw_us)
  message   INTEGER NOT NULL,
  pos       INTEGER NOT NULL,
  raw_us    INTEGER,                   -- the node's own stamp, where the hub corrected it
  why       TEXT                       -- the node's reason for a null
);
CREATE INDEX observation_series ON observation (slot, time_us, tie);

CREATE TABLE control (
  "offset" INTEGER PRIMARY KEY,
  at_us    INTEGER NOT NULL,
  kind     TEXT NOT NULL,              -- config, fit, action, tick, connected, clock, learnt, state
  by       TEXT NOT NULL DEFAULT '',
  body     TEXT NOT NULL               -- JSON
);

CREATE TABLE quarantine (
  id          INTEGER PRIMARY KEY,
  received_us INTEGER NOT NULL,
  door        TEXT NOT NULL,           -- mqtt, influx, sms, watch
  topic       TEXT NOT NULL DEFAULT '',
  node        TEXT NOT NULL DEFAULT '',
  boot        TEXT NOT NULL DEFAULT '',
  seq         INTEGER,
  pos         INTEGER,                 -- one bad observation of a message; NULL: all of it
  reason      TEXT NOT NULL,
  payload     BLOB NOT NULL            -- bounded by intake
);
CREATE INDEX quarantine_number ON quarantine (node, boot, seq);

-- Where each loop stands; committed with what it wrote.
CREATE TABLE position (
  loop TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
  PRIMARY KEY (loop, partition)
) WITHOUT ROWID;

CREATE TABLE snapshot (
  loop TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
  taken_us INTEGER NOT NULL, state BLOB NOT NULL,
  PRIMARY KEY (loop, partition, "offset")
) WITHOUT ROWID;
