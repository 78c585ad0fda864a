"""What watch decides, the pages and its position are one commit, wherever a kill comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.store.log import Log
from tests.detect.log_writer import Bench, until_idle

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class KilledError(BaseException):
    """The process is gone; nothing catches this."""


class Dying:
    """A real connection that dies before its n-th statement and stays dead."""

    def __init__(self, real: sqlite3.Connection, statements: int) -> None:
        self._real, self._left = real, statements

    def execute(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401
        """Run a statement unless the end has come."""
        self._left -= 1
        if self._left < 0:
            raise KilledError
        return self._real.execute(*args)

    executemany = execute

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._real, name)


def killed_before(path: Path, statements: int) -> tuple[Bench, bool]:
    """Return a bench whose watch was killed in a flood, then started again; and if it was."""
    bench = Bench(path)
    first = bench.watch()
    until_idle(first)
    bench.live(2.0, 5.4)
    real = first._connection
    assert real is not None
    dying: Any = Dying(real, statements)
    first._connection, first._log = dying, Log(dying)
    killed = False
    try:
        until_idle(first)
    except KilledError:
        killed = True
    if real.in_transaction:
        real.execute("ROLLBACK")  # as the file is found after a kill
    real.close()
    until_idle(bench.watch())
    return bench, killed


def test_a_kill_at_any_statement_of_the_commit_loses_no_page(tmp_path: Path) -> None:
    """Incident and page are both there after a restart, once, whatever the kill preceded."""
    statements, killed = 0, True
    while killed:
        bench, killed = killed_before(tmp_path / f"{statements}.db", statements)
        assert len(bench.book.open_incidents()) == 1, f"killed before {statements}"
        assert bench.pages() == 1, f"killed before {statements}"
        statements += 1
    assert statements > 20
