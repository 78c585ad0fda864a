-- The book: incidents, what became of them, and the outbox. Written by watch, respond
-- and deliver, each row together with the position of the loop that wrote it.

CREATE TABLE condition (
  key        TEXT PRIMARY KEY,         -- Transition.key
  incident   TEXT,
  slot       INTEGER NOT NULL,
  site       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  hazard     TEXT NOT NULL,
  severity   TEXT NOT NULL,
  standing   INTEGER NOT NULL,         -- 1 raised, 0 cleared
  raised_us  INTEGER NOT NULL,
  changed_us INTEGER NOT NULL,
  "offset"   INTEGER NOT NULL,         -- of the deciding observation or control entry
  evidence   TEXT NOT NULL,            -- JSON of model.transition.Evidence
  applied    TEXT NOT NULL DEFAULT '', -- changes taken at this offset: the same ones change nothing
  muted      INTEGER NOT NULL DEFAULT 0 -- 1: the incident does not know yet what this row says
) WITHOUT ROWID;
CREATE INDEX condition_incident ON condition (incident);
CREATE INDEX condition_standing ON condition (standing, muted);

CREATE TABLE incident (
  id              TEXT PRIMARY KEY,
  code            TEXT NOT NULL,
  version         INTEGER NOT NULL,
  site            TEXT NOT NULL,
  hazard          TEXT NOT NULL,
  cell            TEXT NOT NULL,
  status          TEXT NOT NULL,
  presence        TEXT NOT NULL,
  severity        TEXT NOT NULL,
  certainty       TEXT NOT NULL,
  urgency         TEXT NOT NULL,
  raised_us       INTEGER NOT NULL,
  triggered_us    INTEGER NOT NULL,
  changed_us      INTEGER NOT NULL,
  policy          TEXT NOT NULL,
  step            INTEGER NOT NULL,
  headline_en     TEXT NOT NULL,
  headline_zh     TEXT NOT NULL,
  acknowledged_by TEXT NOT NULL DEFAULT '',
  acknowledged_us INTEGER,
  resolved_by     TEXT NOT NULL DEFAULT '',
  resolved_us     INTEGER,
  found_late      INTEGER NOT NULL DEFAULT 0,
  drill           INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX incident_open ON incident (status, site, hazard);
CREATE INDEX incident_code ON incident (code);

CREATE TABLE timeline (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL,
  at_us    INTEGER NOT NULL,
  kind     TEXT NOT NULL,              -- raised, worsened, eased, cleared, paged, delivered, failed,
                                       -- acknowledged, escalated, note, resolved, stood-down, ...
  by       TEXT NOT NULL DEFAULT '',
  body     TEXT NOT NULL               -- JSON
);
CREATE INDEX timeline_incident ON timeline (incident, id);

CREATE TABLE notification (
  id            TEXT PRIMARY KEY,
  incident      TEXT NOT NULL,
  step          INTEGER NOT NULL,
  person        TEXT NOT NULL,
  channel       TEXT NOT NULL,
  address       TEXT NOT NULL,
  purpose       TEXT NOT NULL,
  severity      TEXT NOT NULL,
  severity_rank INTEGER NOT NULL,
  language      TEXT NOT NULL,
  text          TEXT NOT NULL,
  link          TEXT NOT NULL DEFAULT '',
  state         TEXT NOT NULL,
  due_us        INTEGER NOT NULL,      -- real time for retries: see hub/flow/deliver.py
  created_us    INTEGER NOT NULL,
  lease_until   REAL,                  -- real seconds since 1970
  attempt       INTEGER NOT NULL DEFAULT 0,
  repeat        INTEGER NOT NULL DEFAULT 0,
  provider_id   TEXT NOT NULL DEFAULT '',
  reason        TEXT NOT NULL DEFAULT '',
  sent_us       INTEGER,
  delivered_us  INTEGER
) WITHOUT ROWID;
CREATE INDEX notification_due ON notification (state, severity_rank DESC, due_us);
CREATE INDEX notification_incident ON notification (incident);
CREATE INDEX notification_provider ON notification (provider_id);

CREATE TABLE attempt (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  notification TEXT NOT NULL,
  at_us        INTEGER NOT NULL,
  outcome      TEXT NOT NULL,          -- a NotificationState or a named reason
  detail       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX attempt_notification ON attempt (notification);

-- Timers: UTC instants of the hub's clock; each fires once. seq says which was set
-- first, so that a step of the clock moves exactly those set before it.
CREATE TABLE deadline (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  id            TEXT NOT NULL UNIQUE,
  kind          TEXT NOT NULL,         -- model.book.DeadlineKind
  incident      TEXT NOT NULL,
  notification  TEXT NOT NULL DEFAULT '',
  severity_rank INTEGER NOT NULL,
  due_us        INTEGER NOT NULL,
  created_us    INTEGER NOT NULL DEFAULT 0,
  body          TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX deadline_due ON deadline (due_us);
CREATE INDEX deadline_incident ON deadline (incident, kind);

CREATE TABLE mute (
  id       INTEGER PRIMARY KEY,        -- offset of the action that made it
  target   TEXT NOT NULL,              -- node/name, node or site
  reason   TEXT NOT NULL,
  by       TEXT NOT NULL,
  from_us  INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  ended    INTEGER NOT NULL DEFAULT 0
);

-- What became of each action: the door that appended it waits for this row.
CREATE TABLE action_result (
  "offset" INTEGER PRIMARY KEY, ok INTEGER NOT NULL,
  words_en TEXT NOT NULL, words_zh TEXT NOT NULL, incident TEXT NOT NULL DEFAULT ''
);

-- Single-use links: only a hash of the token is kept.
CREATE TABLE link (
  token_hash BLOB PRIMARY KEY, incident TEXT NOT NULL, person TEXT NOT NULL,
  expires_us INTEGER NOT NULL, used_us INTEGER
) WITHOUT ROWID;
