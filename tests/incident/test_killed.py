"""Killed between any two statements, the hub comes to the same incidents and the same pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from town import Town

from hub.model.incident import ActionKind, Status
from hub.model.network import Severity
from hub.model.notification import NotificationState
from hub.model.transition import Change
from hub.store.book import Book
from hub.store.database import transaction
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hub.model.transition import Transition

TABLES = ("incident", "condition", "timeline", "deadline", "action_result", "position", "mute")
NOTES = "SELECT id, incident, step, person, channel, purpose, severity, state, due_us"


class KilledError(BaseException):
    """The process is gone; nothing catches this."""


class Dying:
    """A real connection that dies before its n-th statement and stays dead."""

    def __init__(self, real: sqlite3.Connection, statements: int) -> None:
        self.real = real
        self.left = statements

    def execute(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401
        """Run a statement unless the end has come."""
        self.count()
        return self.real.execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401
        """Run statements unless the end has come."""
        self.count()
        return self.real.executemany(*args)

    def count(self) -> None:
        """Die when the end has come."""
        self.left -= 1
        if self.left < 0:
            raise KilledError

    @property
    def in_transaction(self) -> bool:
        """Return what the real connection says."""
        return self.real.in_transaction


class Story:
    """One incident from its first level to its stand-down, with a mute and a failed page."""

    def __init__(self, path: Path) -> None:
        self.town = Town(path)
        self.found = [
            self.town.flood(severity=Severity.SEVERE),
            self.town.flood(Change.WORSENED),
            self.town.flood(key="rate:gauge/stage"),
            self.town.transition(
                "smoke:hall/smoke", Change.RAISED, Severity.SEVERE, slot=1, value=1.0
            ),
            self.town.flood(Change.CLEARED),
        ]

    def chapters(self) -> Iterator[Callable[[], None]]:
        """Yield the pieces of work; each may be killed and is then done again."""
        town = self.town
        yield self.watched(self.found[:1])
        town.mark(NotificationState.FAILED)
        yield self.respond
        town.mark(NotificationState.DELIVERED)
        town.clock.advance(300)
        yield self.respond
        yield self.watched(self.found[:2])
        self.does(ActionKind.ACKNOWLEDGE, "wang")
        yield self.respond
        until_us = town.clock.now_us() + 60_000_000
        self.does(ActionKind.MUTE, "li", "hall/smoke", reason="dust", until_us=until_us)
        yield self.respond
        yield self.watched(self.found)
        town.clock.advance(60)
        yield self.respond
        town.mark(NotificationState.DELIVERED)
        flood = next(i for i in town.book.open_incidents() if i.site == "bridge")
        self.does(ActionKind.STAND_DOWN, "wang", flood.id)
        self.does(ActionKind.TEST, "li", "zhao")
        yield self.respond
        town.clock.advance(7200)
        yield self.respond

    def does(self, kind: ActionKind, by: str, target: str = "", **details: object) -> None:
        """Append what a person did."""
        self.town.log.append_action(
            kind,
            target,
            by,
            "cli",
            details,
            self.town.clock.now_us(),  # type: ignore[arg-type]
        )

    def watched(self, found: list[Transition]) -> Callable[[], None]:
        """Return watch's work: record what is after its position, together with the position."""

        def work() -> None:
            with transaction(self.town.connection):
                done = Log(self.town.connection).position("watch")
                new = tuple(t for t in found if t.offset > done)
                self.town.record(new)
                Log(self.town.connection).set_position("watch", found[-1].offset)

        return work

    def respond(self) -> None:
        """Let the respond loop do all that waits."""
        self.town.settle()

    def outcome(self) -> dict[str, list[Any]]:
        """Return everything that was decided; tokens alone may differ."""
        real = self.town.connection
        rows = {t: real.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall() for t in TABLES}  # noqa: S608
        rows["notification"] = real.execute(f"{NOTES} FROM notification ORDER BY id").fetchall()
        return rows


def die_in(story: Story, work: Callable[[], None], statements: int) -> bool:
    """Do ``work`` with a store that dies after ``statements``; say whether it died."""
    town = story.town
    real, own = town.connection, town.respond._connection
    town.connection = Dying(real, statements)  # type: ignore[assignment]
    dying = Dying(own, statements)
    town.respond._connection = dying  # type: ignore[assignment]
    town.respond._book = Book(dying)  # type: ignore[arg-type]
    town.respond._log = Log(dying)  # type: ignore[arg-type]
    try:
        work()
    except KilledError:
        return True
    finally:
        for connection in (real, own):
            if connection.in_transaction:
                connection.execute("ROLLBACK")  # as the file is found after a kill
        town.connection = real
        own.close()
        town.respond = town.start()
    return False


def undisturbed(path: Path) -> dict[str, list[Any]]:
    """Return the outcome of the story without any kill."""
    story = Story(path)
    for work in story.chapters():
        work()
    told = story.outcome()
    story.town.close()
    return told


def killed_before(path: Path, statements: int) -> tuple[dict[str, list[Any]], int]:
    """Return the outcome when each chapter is killed once, and how many chapters were."""
    story = Story(path)
    kills = 0
    for work in story.chapters():
        if die_in(story, work, statements):
            kills += 1
            work()
    told = story.outcome()
    story.town.close()
    return told, kills


def test_killed_between_any_two_statements(tmp_path: Path) -> None:
    """Whatever statement the kill precedes: same incidents, same pages, none lost, none twice."""
    expected = undisturbed(tmp_path / "whole.db")
    assert len(expected["notification"]) >= 8
    statements, kills = 0, 1
    while kills:
        got, kills = killed_before(tmp_path / f"killed{statements}.db", statements)
        for table, rows in expected.items():
            assert got[table] == rows, f"{table} differs when killed before {statements}"
        statements += 1
    assert statements > 40


@pytest.mark.parametrize("seconds", [0, 299, 300, 301])
def test_a_kill_at_the_edge_of_the_deadline(town: Town, seconds: int) -> None:
    """Around the five minutes a restart neither loses nor doubles the second page."""
    town.see(town.flood())
    town.mark(NotificationState.DELIVERED)
    town.pass_s(seconds)
    for _ in range(3):
        town.restart()
        town.settle()
    expected = 1 if seconds < 300 else 2
    assert len(town.pages()) == expected
    assert town.only().status is Status.TRIGGERED
