"""The respond loop: what people did, what is due by the clock, what could not be delivered.

Each action and each timer is one transaction: read, decide, write. So a kill between
any two statements loses nothing and doubles nothing, and an acknowledgement that was
written before a timer fired stops it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.errors import StoreUnavailableError
from hub.flow import acting, timers
from hub.flow.clockstep import StepWatch, to_move
from hub.flow.desk import Desk, Paging
from hub.flow.record import record
from hub.flow.restored import tell
from hub.model.book import ActionResult
from hub.model.catalogue import Catalogue
from hub.model.network import Severity
from hub.model.transition import Change, Evidence, Kind, Transition
from hub.store.book import Book
from hub.store.canary import Canaries, Stage
from hub.store.database import open_database, transaction
from hub.store.log import Log, action_of, control_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.clock import Clock
    from hub.dispatch.text import Message
    from hub.flow.clockstep import Step
    from hub.flow.health import Health
    from hub.model.book import Deadline
    from hub.model.network import Network
    from hub.model.response import People
    from hub.store.log import Control

LOOP: Final = "respond"
AT_ONCE: Final = 100  # actions, and timers, of one step
BACKLOG_WAIT_S: Final = 10.0
AGAIN_S: Final = 10.0  # hub seconds until a timer that failed is tried again
READ_ACTIONS: Final = """
SELECT "offset", at_us, kind, by, body FROM control
WHERE "offset" > ? AND kind = 'action' ORDER BY "offset" LIMIT ?
"""

logger = logging.getLogger(__name__)


class Respond:
    """Applies actions in log order and fires timers, the most severe first."""

    def __init__(
        self,
        *,
        database: Path,
        clock: Clock,
        health: Health,
        wake: Callable[..., None],
        network: Network,
        people: People,
        composer: Callable[[Message, str], str],
        paging: Paging | None = None,
        backlog_wait_s: float = BACKLOG_WAIT_S,
    ) -> None:
        self._connection = open_database(database)
        self._log = Log(self._connection)
        self._book = Book(self._connection)
        self._clock = clock
        self._health = health
        self._wake = wake
        self._network = network
        self._people = people
        self._composer = composer
        self._paging = paging or Paging(rate=clock.rate)
        self._canaries = Canaries(self._connection)
        self._catalogue = Catalogue(network)
        self._outline = (0, 0)
        self._steps = StepWatch(clock)
        self._restore_told = False
        self._backlog_end = self._log.end()
        self._backlog_until = time.monotonic() + backlog_wait_s

    def step(self) -> bool:
        """Do what is waiting, at most a hundred of each sort; say whether more may wait."""
        self._keep_remaining_time()
        done = self._apply_actions() + self._tell_of_restore()
        if self._backlog_read():
            done += self._fire_timers()
        self._take_back()
        done += self._canaries.pass_on(Stage.WATCHED)
        if done:
            self._wake("deliver")
        return done >= AT_ONCE

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _tell_of_restore(self) -> int:
        """Say once, after a start, that the hub goes on from a backup; return 1 if it did."""
        if self._restore_told:
            return 0
        told = tell(self._connection, self._book, self._desk(), self._clock.now_us())
        self._restore_told = True
        return int(told)

    def _desk(self) -> Desk:
        """Return what deciding rests on, with every datastream the log knows by now."""
        outline = self._log.outline()
        if outline != self._outline:
            self._outline = outline
            for row in self._log.datastreams():
                self._catalogue.add(row.slot, row.site, row.node, row.name, row.unit)
        return Desk(
            network=self._network,
            people=self._people,
            catalogue=self._catalogue,
            composer=self._composer,
            paging=self._paging,
        )

    # what people did

    def _apply_actions(self) -> int:
        """Apply the actions after the position, each with its answer and its position."""
        after = self._log.position(LOOP)
        found = self._connection.execute(READ_ACTIONS, (after, AT_ONCE)).fetchall()
        for row in found:
            self._apply(row)
        return len(found)

    def _apply(self, row: tuple[int, int, str, str, str]) -> None:
        """Apply one action; one that breaks is answered as refused, and the next goes on."""
        try:
            with transaction(self._connection):
                self._answer(row[0], self._result_of(control_of(row)))
        except StoreUnavailableError:
            raise
        except Exception as error:
            logger.exception("respond: the action at offset %d failed", row[0])
            self._health.count("respond_errors_total", label="action")
            words = f"could not be done: {type(error).__name__}"
            result = ActionResult(
                offset=row[0], ok=False, words_en=words, words_zh="未能执行，请查看日志"
            )
            with transaction(self._connection):
                self._answer(row[0], result)

    def _result_of(self, control: Control) -> ActionResult:
        """Return what becomes of one action; an answered one keeps its answer."""
        earlier = self._book.action_result(control.offset)
        if earlier is not None:
            return earlier
        return acting.apply(self._book, self._desk(), action_of(control), self._clock.now_us())

    def _answer(self, offset: int, result: ActionResult) -> None:
        """Write the answer and the position together."""
        self._book.put_result(result)
        self._log.set_position(LOOP, offset)

    # what is due

    def _backlog_read(self) -> bool:
        """Say whether watch has read what came in before this start, or had its time.

        What it finds there may clear or acknowledge what would ring now.
        """
        if self._backlog_end == 0:
            return True
        late = time.monotonic() >= self._backlog_until
        if late or self._log.position("watch") >= self._backlog_end:
            self._backlog_end = 0
        return self._backlog_end == 0

    def _fire_timers(self) -> int:
        """Fire what is due, the most severe first; each is read again in its transaction."""
        due = self._book.due(self._clock.now_us(), AT_ONCE)
        for deadline in due:
            self._fire(deadline)
        return len(due)

    def _fire(self, deadline: Deadline) -> None:
        """Fire one timer, unless somebody took it away or set it anew meanwhile."""
        try:
            with transaction(self._connection):
                if self._book.deadlines_between(deadline.seq - 1, deadline.seq):
                    timers.fire(self._book, self._desk(), deadline, self._clock.now_us())
        except StoreUnavailableError:
            raise
        except Exception:
            logger.exception("respond: the timer %s failed, trying again", deadline.id)
            self._health.count("respond_errors_total", label="timer")
            due_us = self._clock.now_us() + round(AGAIN_S * MICROSECONDS)
            with transaction(self._connection):
                self._book.put_deadline(replace(deadline, due_us=due_us))

    def _take_back(self) -> None:
        """Cancel pages that came back to be tried again after somebody had answered."""
        for incident in self._book.paged_without_need():
            with transaction(self._connection):
                self._book.cancel_pages(incident, "answered meanwhile")

    # the clock

    def _keep_remaining_time(self) -> None:
        """Move timers with the wall clock when it was stepped, and say so."""
        newest_seq = self._book.newest_deadline()
        step = self._steps.look()
        if step is not None:
            with transaction(self._connection):
                self._follow(step)
            newest_seq = self._book.newest_deadline()
        self._steps.accept(newest_seq)

    def _follow(self, step: Step) -> None:
        """Move every timer and mute set before ``step``; raise a condition of the hub."""
        newest = self._book.newest_deadline()
        moved = to_move(step, self._book.deadlines_between(0, newest), self._steps.newest_seq)
        self._book.shift_deadlines(moved, step.by_us)
        self._book.shift_mutes(step.now_us - step.by_us, step.by_us)
        self._book.release_pending(step.now_us)
        by_s = step.by_us / MICROSECONDS
        body = {"by_s": by_s, "timers": len(moved)}
        offset = self._log.append_control("clock-step", step.now_us, "respond", body)
        record(self._book, self._desk(), [stepped(step, by_s, offset)], step.now_us, mutes=())


def stepped(step: Step, by_s: float, offset: int) -> Transition:
    """Return the condition that the hub's clock was stepped; a person ends it."""
    return Transition(
        key="clock-step:hub",
        change=Change.RAISED,
        kind=Kind.HUB,
        severity=Severity.MINOR,
        time_us=step.now_us,
        offset=offset,
        slot=-1,
        evidence=Evidence(
            detector="clock",
            words_en=f"the clock was stepped by {by_s:+.0f} s, timers kept",
            words_zh=f"时钟跳变{by_s:+.0f}秒，计时不变",
            value=by_s,
            unit="s",
        ),
    )
