"""Nothing is said to be on disk that a power cut could take back."""

from __future__ import annotations

import re
from pathlib import Path

from hub.store.database import open_database
from tocsin_edge.spool import Spool

FULL = 2
ROOT = Path(__file__).parents[2]


def test_every_store_waits_for_the_disk(tmp_path: Path) -> None:
    """The log and the spool are opened with synchronous=FULL, and nothing sets it otherwise."""
    connection = open_database(tmp_path / "hub.db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
    connection.close()
    spool = Spool(tmp_path / "spool.db", boot="aa", max_bytes=1000)
    assert spool._db.execute("PRAGMA synchronous").fetchone() == (FULL,)
    spool.close()
    files = [*(ROOT / "hub").rglob("*.py"), *(ROOT / "edge/tocsin_edge").rglob("*.py")]
    said = re.compile(r"(?i)pragma synchronous\s*=\s*(\w+)")
    assert {word for f in files for word in said.findall(f.read_text("utf-8"))} == {"FULL"}
