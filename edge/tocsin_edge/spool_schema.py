"""The spool's tables. One file per node; ``status`` is a number of the class Status."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boot (
  boot     TEXT PRIMARY KEY,
  next_seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS draft (          -- readings on disk that no message carries yet
  id   INTEGER PRIMARY KEY,
  boot TEXT NOT NULL,
  obs  TEXT NOT NULL,                       -- one observation, JSON
  crc  INTEGER                              -- see sums.py; NULL: from before there were any
);
CREATE TABLE IF NOT EXISTS message (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  boot     TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  alarming INTEGER NOT NULL,
  status   INTEGER NOT NULL DEFAULT 0,
  n        INTEGER NOT NULL,                -- observations
  size     INTEGER NOT NULL,                -- bytes it is charged for
  crc      INTEGER NOT NULL,                -- see sums.py: a flipped bit must not become a flood
  reason   TEXT,                            -- why it was set aside
  obs      TEXT NOT NULL,                   -- JSON array, fixed for ever
  UNIQUE (boot, seq)
);
CREATE INDEX IF NOT EXISTS message_order ON message (status, alarming, id);
CREATE TABLE IF NOT EXISTS gone (           -- numbers evicted without a receipt
  boot TEXT NOT NULL,
  low  INTEGER NOT NULL,
  high INTEGER NOT NULL,
  told INTEGER NOT NULL DEFAULT 0,          -- 1: a message that says so was receipted
  crc  INTEGER,
  PRIMARY KEY (boot, low)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (sensor TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

ADDED: Final = (("draft", "crc"), ("gone", "crc"))
"""Columns that a spool of an earlier node lacks; each stands last in its table."""
