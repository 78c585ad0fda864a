"""Watch's memory: the stack of detectors at a position of the log, and how it is regained.

After a crash the newest snapshot is loaded and the log replayed to the committed
position; what is said on the way was said before. A detector that fails is found by
bisection: that one observation is set aside and its stream hidden from that rule.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.stack import ALL, DetectionError, Stack
from hub.model.catalogue import Catalogue
from hub.model.transition import Change
from hub.store.book import Book
from hub.store.log import Control, Entries, Log

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from hub.model.network import Network
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

LOOP: Final = "watch"
CHUNK: Final = 5000
DECIDING: Final = frozenset(
    {"tick", "fit", "connected", "started", "clock-step", "clock", "disk", "stranger", "moved"}
)
QUICK: Final = 1  # zlib level: a snapshot must not hold up the pages
DEPTH: Final = 4  # state, stack, rules, one rule: what is below is one array or table


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """One observation that a rule's detector could not take, and why."""

    rule: str
    node: str
    reason: str
    received_us: int
    payload: str

    def row(self) -> dict[str, Any]:
        """Return it as a row of the quarantine."""
        return {
            "received_us": self.received_us,
            "door": LOOP,
            "node": self.node,
            "reason": self.reason,
            "payload": self.payload.encode(),
        }


class Memory:
    """The stack as of ``position``; every entry up to it has been taken in."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        network: Network,
        rules: Sequence[Rule],
        kinds: Mapping[str, tuple[Any, Any]],
    ) -> None:
        self._connection, self._log = connection, Log(connection)
        self._network, self._rules, self._kinds = network, tuple(rules), kinds
        self._marks: dict[tuple[str, int], int] = {}
        self._digest = self._taken_with = digest(rules, network)
        self.position = 0
        self._start_over()

    def take(self, entries: Entries) -> tuple[list[Transition], list[Poison]]:
        """Take in the stretch that continues the position; return what it caused."""
        start = self.position
        self._know(entries.batch)
        try:
            said = [step for part in merged(entries) for step in self._one(part)]
            poison: list[Poison] = []
        except DetectionError:
            self._replay(start)
            said, poison = self._carefully(entries)
        self.position = entries.end
        return said, poison

    def rebuild(self, position: int) -> list[Transition]:
        """Regain the state at ``position``; return only what a changed configuration raises.

        With the rules as they were nothing is new. Where they changed, a condition that
        stands now and that the book does not know is said once.
        """
        last = self._replay(position)
        if self._taken_with == self._digest:
            return []
        standing = {condition.key for condition in Book(self._connection).standing_conditions()}
        return [
            replace(step, change=Change.RAISED)
            for key, step in last.items()
            if key not in standing and step.change is not Change.CLEARED
        ]

    def freeze(self) -> bytes:
        """Return the state as bytes for a snapshot at ``position``."""
        state = {"digest": self._digest, "stack": self.stack.dump()}
        return packed(state)

    def _start_over(self) -> None:
        """Load the newest snapshot into a fresh stack."""
        sites = self._network.sites
        self.stack = Stack(self._rules, sites, marks=self._marks, kinds=self._kinds)
        self.catalogue, self._highest = Catalogue(self._network), -1
        self._learn_streams()
        kept = self._log.newest_snapshot(LOOP)
        self.position, self._taken_with = 0, self._digest
        if kept is not None:
            state = json.loads(zlib.decompress(kept[1]))
            self.stack.load(state["stack"])
            self.position, self._taken_with = kept[0], state["digest"]

    def _replay(self, position: int) -> dict[str, Transition]:
        """Start over and take in the log up to ``position``; return the last word of each key."""
        self._start_over()
        last: dict[str, Transition] = {}
        while self.position < position:
            entries = cut(self._log.read(self.position, CHUNK), position)
            for step in self.take(entries)[0]:
                last[step.key] = step
        return last

    def _learn_streams(self) -> None:
        """Bind the datastreams that the log knows and the stack does not."""
        for row in self._log.datastreams():
            if row.slot not in self.catalogue:
                stream = self.catalogue.add(row.slot, row.site, row.node, row.name, row.unit)
                self.stack.bind(stream)
                self._highest = max(self._highest, row.slot)

    def _settle_again(self) -> None:
        """Bind every datastream anew, a node having moved to another site; all else stays."""
        state = json.dumps(self.stack.dump())
        self.catalogue = Catalogue(self._network)
        for row in self._log.datastreams():
            self.catalogue.add(row.slot, row.site, row.node, row.name, row.unit)
        self._restore(json.loads(state))

    def _know(self, batch: Batch) -> None:
        if len(batch) and int(batch.slot.max()) > self._highest:
            self._learn_streams()

    def _one(self, part: Batch | Control) -> list[Transition]:
        if isinstance(part, Control):
            if part.kind == "moved":
                self._settle_again()
            return self.stack.control(part.kind, part.at_us, part.offset, part.body)
        return self.stack.update(part)

    def _carefully(self, entries: Entries) -> tuple[list[Transition], list[Poison]]:
        """Take in a stretch that holds poison, one half after the other."""
        said: list[Transition] = []
        poison: list[Poison] = []
        for part in merged(entries):
            steps, bad = self._bisect(part)
            said += steps
            poison += bad
        return said, poison

    def _bisect(self, part: Batch | Control) -> tuple[list[Transition], list[Poison]]:
        state = json.dumps(self.stack.dump())
        try:
            return self._one(part), []
        except DetectionError as error:
            self._restore(json.loads(state))
            if isinstance(part, Control) or len(part) == 1:
                poison = [self._mark(part, error)]
                said, more = self._bisect(part)
                return said, poison + more
        half = len(part) // 2
        said, poison = self._bisect(part.take(np.arange(half)))
        more_said, more = self._bisect(part.take(np.arange(half, len(part))))
        return said + more_said, poison + more

    def _restore(self, state: dict[str, Any]) -> None:
        self.stack = Stack(self._rules, self._network.sites, marks=self._marks, kinds=self._kinds)
        for stream in self.catalogue.all():
            self.stack.bind(stream)
        self.stack.load(state)

    def _mark(self, part: Batch | Control, error: DetectionError) -> Poison:
        """Hide the stream from the rule from here on; a second failure hides all of them."""
        if isinstance(part, Control):
            slot, offset, at_us, payload = ALL, part.offset, part.at_us, str(part)
        else:
            slot, offset = int(part.slot[0]), int(part.offset[0])
            at_us, payload = int(part.received_us[0]), str(part)
            if (error.rule, slot) in self._marks:
                slot = ALL
        self._marks[error.rule, slot] = offset
        node = self.catalogue.get(slot).id if slot != ALL else ""
        return Poison(
            rule=error.rule, node=node, reason=str(error), received_us=at_us, payload=payload
        )


def digest(rules: Sequence[Rule], network: Network) -> str:
    """Return a word for what decides besides the log: the rules and what is declared."""
    streams = sorted(network.datastreams.items())
    text = repr((tuple(rules), streams, sorted(network.sites.items())))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def cut(entries: Entries, position: int) -> Entries:
    """Return ``entries`` up to offset ``position``."""
    if entries.end <= position:
        return entries
    return Entries(
        batch=entries.batch.take(entries.batch.offset <= position),
        controls=tuple(c for c in entries.controls if c.offset <= position),
        end=position,
    )


def merged(entries: Entries) -> Iterator[Batch | Control]:
    """Yield the stretch in the order of the log: observations cut at each control entry."""
    batch, start = entries.batch, 0
    for control in entries.controls:
        if control.kind not in DECIDING:
            continue
        end = int(np.searchsorted(batch.offset, control.offset))
        if end > start:
            yield batch.take(np.arange(start, end))
        start = end
        yield control
    if start < len(batch):
        yield batch.take(np.arange(start, len(batch))) if start else batch


def packed(state: Mapping[str, Any]) -> bytes:
    """Return ``state`` as compressed JSON; never as one text: 10,000 streams make 35 MB."""
    file = zlib.compressobj(QUICK)
    return b"".join([*(file.compress(part.encode()) for part in parts(state)), file.flush()])


def parts(value: object, depth: int = DEPTH) -> Iterator[str]:
    """Yield the JSON of ``value``, mappings opened ``depth`` times and all else in one piece."""
    if not isinstance(value, dict) or not value or not depth:
        yield json.dumps(value)
        return
    for number, (key, inner) in enumerate(value.items()):
        yield f"{',' if number else '{'}{json.dumps(key)}:"
        yield from parts(inner, depth - 1)
    yield "}"
