"""Everything that decides, together: order, detectors, fusions and the hub's own conditions.

A pure function of the log: the same entries give the same transitions, live, replayed
or rebuilt, however they are cut into batches.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from hub.detect import DETECTORS, FUSIONS
from hub.detect.base import Belated, Brisk, Fitted, Hears, Scored, Waits
from hub.detect.clocks import Clocks
from hub.detect.flapping import Flapping
from hub.detect.live import few, ones, split
from hub.detect.order import Order
from hub.detect.own import Hearing
from hub.detect.strangers import Strangers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hub.detect.base import Detector, Fusion
    from hub.detect.live import One
    from hub.model.network import Datastream, Site
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

HOLD_S: Final = 2.0
ALL: Final = -1

Look: TypeAlias = "Callable[[One], bool]"


class DetectionError(Exception):
    """A rule's detector failed on what it was given; the stack must be rebuilt.

    ``rule`` is the rule's name. This is a fault of the program, not of the data.
    """

    def __init__(self, rule: str, cause: Exception) -> None:
        super().__init__(f"rule {rule}: {type(cause).__name__}: {cause}")
        self.rule = rule


class Stack:
    """All rules over all streams.

    ``marks`` maps (rule, slot) to the offset from which that rule no longer sees that
    stream (slot -1: none at all), because its detector failed there.

    Raises:
        ValueError: a rule names no known detector, or its options are wrong.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        sites: Mapping[str, Site],
        *,
        marks: dict[tuple[str, int], int] | None = None,
        hold_s: float = HOLD_S,
        kinds: Mapping[str, tuple[Any, Any]] = DETECTORS,
    ) -> None:
        self._rules = tuple(rules)
        self._detectors: dict[str, Detector] = {}
        self._fusions: dict[str, Fusion] = {}
        for rule in rules:
            if rule.name in {**self._detectors, **self._fusions}:
                raise ValueError(f"rule {rule.name}: the name is used twice")
            if rule.detector in FUSIONS:
                self._fusions[rule.name] = build_fusion(rule, sites)
            else:
                self._detectors[rule.name] = build_detector(rule, kinds)
        self._waiting = [d for d in self._detectors.values() if isinstance(d, Waits)]
        self._hearing = [d for d in self._detectors.values() if isinstance(d, Hears)]
        self._belated = {r: d for r, d in self._detectors.items() if isinstance(d, Belated)}
        self._fitted = {r: d for r, d in self._detectors.items() if isinstance(d, Fitted)}
        every = [*self._detectors.values(), *self._fusions.values()]
        self._scored = [detector for detector in every if isinstance(detector, Scored)]
        self.marks = marks if marks is not None else {}
        self._order, self._own, self._clocks = Order(hold_s), Hearing(), Clocks()
        self._flapping, self._strangers = Flapping(), Strangers()
        self._looks: dict[int, list[tuple[str, Look]]] = {}

    def bind(self, stream: Datastream) -> None:
        """Let every rule that matches look at ``stream``."""
        self._order.bind(stream)
        matching = [rule.name for rule in self._rules if rule.matches(stream)]
        for name in matching:
            self._member(name).bind(stream)
        self._looks[stream.slot] = [(name, look_of(self._member(name))) for name in matching]

    def update(self, batch: Batch) -> list[Transition]:
        """Take in observations of the log, in its order, and return what they cause.

        Raises:
            DetectionError: a detector failed.
        """
        live, late = split(batch)
        if late is not None:
            self._late(late)
        if not len(live):
            return []
        steps = self._in_turn(live) if not self.marks and few(live) else self._together(live)
        return self._flapping.take(steps)

    def control(
        self, kind: str, at_us: int, offset: int, body: Mapping[str, object]
    ) -> list[Transition]:
        """Take in one control entry of the log; kinds that decide nothing are skipped.

        Raises:
            DetectionError: a detector failed.
        """
        return self._flapping.take(self._control(kind, at_us, offset, body)) + (
            self._flapping.tick(at_us, offset) if kind == "tick" else []
        )

    def _control(
        self, kind: str, at_us: int, offset: int, body: Mapping[str, object]
    ) -> list[Transition]:
        heard = {"connected": self._hear, "disk": self._fill, "clock": self._clocks.hear,
                 "stranger": self._strangers.hear, "moved": self._strangers.decide}  # fmt: skip
        if kind in heard:
            return heard[kind](body, at_us, offset)
        match kind:
            case "tick":
                return self._tick(at_us, offset)
            case "fit":
                return self._fit(int(str(body["slot"])), body["params"])
            case "started" | "clock-step":
                return self._restart(at_us)
        return []

    def due(self, now_us: int) -> bool:
        """Say whether a tick at ``now_us`` would change anything."""
        return (
            self._order.due(now_us)
            or self._own.due(now_us)
            or self._flapping.due(now_us)
            or any(detector.due(now_us) for detector in self._waiting)
        )

    def wanting(self, now_us: int) -> list[int]:
        """Return the slots whose baseline should be fitted now."""
        fitted = self._fitted.values()
        return sorted({slot for detector in fitted for slot in detector.wanting(now_us)})

    def score(self) -> float:
        """Return how far the worst stream is on its way to an alarm, 0 to 1; 0.5 raises one."""
        return max((detector.score() for detector in self._scored), default=0.0)

    def dump(self) -> dict[str, object]:
        """Return the whole state, ready for JSON."""
        names = (rule.name for rule in self._rules)
        return {
            "order": self._order.dump(),
            "own": self._own.dump(),
            "clocks": self._clocks.dump(),
            "flapping": self._flapping.dump(),
            "strangers": self._strangers.dump(),
            "marks": [[rule, slot, since] for (rule, slot), since in self.marks.items()],
            "rules": {name: self._member(name).dump() for name in names},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it after the same streams were bound; a rule that is new starts fresh."""
        self._order.load(state["order"])
        self._own.load(state["own"])
        self._clocks.load(state.get("clocks", {}))
        self._flapping.load(state.get("flapping", {}))
        self._strangers.load(state.get("strangers", {}))
        self.marks.update({(rule, slot): since for rule, slot, since in state["marks"]})
        for rule in self._rules:
            if rule.name in state["rules"]:
                self._member(rule.name).load(state["rules"][rule.name])

    def _together(self, live: Batch) -> list[Transition]:
        """Take in many readings as arrays."""
        said = [step for rule in self._at_once() for step in self._update(rule, live)]
        ordered, let = self._order.arrange(live)
        return self._look(ordered, let, said)

    def _in_turn(self, live: Batch) -> list[Transition]:
        """Take in few readings one by one: plain numbers where they are usual."""
        said: list[Transition] = []
        for place, one in enumerate(ones(live)):
            if not self._order.passes(one):
                said += self._together(live.take(np.array([place])))
            elif unusual := self._unusual(one):
                said += self._look_closely(live.take(np.array([place])), unusual)
        return said

    def _unusual(self, one: One) -> list[str]:
        """Let every rule take ``one``; return those that must look at it closely."""
        rule, left = "", []
        try:
            for rule, usual in self._looks[one.slot]:
                if not usual(one):
                    left.append(rule)
        except Exception as error:
            raise DetectionError(rule, error) from error
        return left

    def _look_closely(self, batch: Batch, rules: list[str]) -> list[Transition]:
        """Let ``rules`` look at one reading, which the others have taken already."""
        first = [rule for rule in self._at_once() if rule in rules]
        then = [rule for rule in self._detectors if rule in rules and rule not in first]
        said = [step for rule in (*first, *then) for step in self._update(rule, batch)]
        for rule, fusion in self._fusions.items():
            if said or rule in rules:
                with failing(rule):
                    seen = batch if rule in rules else nothing_of(batch)
                    said = fusion.update(seen, said)
        return said

    def _member(self, name: str) -> Detector | Fusion:
        return self._detectors[name] if name in self._detectors else self._fusions[name]

    def _look(self, ordered: Batch, let: np.ndarray, said: list[Transition]) -> list[Transition]:
        """Let the patient detectors, then the fusions, see what is in order."""
        for rule, detector in self._detectors.items():
            if not detector.at_once:
                said = said + self._update(rule, ordered)
        let_at = dict(zip(ordered.offset.tolist(), let.tolist(), strict=True)) if said else {}
        said = sorted(said, key=lambda step: let_at.get(step.offset, step.offset))
        for rule, fusion in self._fusions.items():
            seen = self._unmarked(rule, ordered)
            if not self._hidden(rule, int(let[-1]) if len(let) else 0):
                with failing(rule):
                    said = fusion.update(seen, said)
        return said

    def _tick(self, now_us: int, offset: int) -> list[Transition]:
        passed = self._order.release(now_us)
        let = np.full(len(passed), offset)
        before = self._look(passed, let, []) if len(passed) else []
        said: list[Transition] = []
        for rule, detector in self._detectors.items():
            if not self._hidden(rule, offset):
                with failing(rule):
                    said = said + detector.tick(now_us, offset)
        nothing = passed.take(np.zeros(len(passed), dtype=bool))
        for rule, fusion in self._fusions.items():
            if not self._hidden(rule, offset):
                with failing(rule):
                    said = fusion.update(nothing, said) + fusion.tick(now_us, offset)
        return before + said + self._own.tick(now_us, offset)

    def _fit(self, slot: int, parameters: Any) -> list[Transition]:  # noqa: ANN401  JSON
        for rule, detector in self._fitted.items():
            with failing(rule):
                detector.fit(slot, parameters)
        return []

    def _hear(self, body: Mapping[str, object], at_us: int, offset: int) -> list[Transition]:
        connected = bool(body.get("connected", True))
        self._own.link(connected, bool(body.get("caught_up", True)))
        self._tell_hearing(at_us)
        return self._own.hear(connected, at_us, offset)

    def _fill(self, body: Mapping[str, object], at_us: int, offset: int) -> list[Transition]:
        """A hub whose disk is full takes nothing in: silence does not count then."""
        said = self._own.disk(bool(body.get("full")), at_us, offset)
        self._tell_hearing(at_us)
        return said

    def _tell_hearing(self, at_us: int) -> None:
        for detector in self._hearing:
            detector.hear(self._own.hears, at_us)

    def _restart(self, at_us: int) -> list[Transition]:
        """Count silence afresh after the hub itself was down, or its clock was stepped."""
        for detector in self._hearing:
            detector.resume(at_us)
        return []

    def _late(self, late: Batch) -> None:
        for rule, detector in self._belated.items():
            with failing(rule):
                detector.late(self._unmarked(rule, late))

    def _at_once(self) -> list[str]:
        return [rule for rule, detector in self._detectors.items() if detector.at_once]

    def _update(self, rule: str, batch: Batch) -> list[Transition]:
        with failing(rule):
            return self._detectors[rule].update(self._unmarked(rule, batch))

    def _hidden(self, rule: str, offset: int) -> bool:
        """Say whether ``rule`` failed for good before ``offset``."""
        return self.marks.get((rule, ALL), offset + 1) <= offset

    def _unmarked(self, rule: str, batch: Batch) -> Batch:
        """Return what ``rule`` may still see of ``batch``."""
        for (name, slot), since in self.marks.items():
            if name == rule:
                marked = (batch.offset >= since) & ((batch.slot == slot) | (slot == ALL))
                batch = batch.take(~marked)
        return batch


def look_of(member: Detector | Fusion) -> Look:
    """Return what takes a usual reading; of a kind that knows none, what never does."""
    return member.usual if isinstance(member, Brisk) else never


def never(one: One) -> bool:  # noqa: ARG001  a look
    """Leave ``one`` to arrays."""
    return False


def nothing_of(batch: Batch) -> Batch:
    """Return no reading."""
    return batch.take(np.zeros(0, dtype=np.intp))


def build_detector(rule: Rule, kinds: Mapping[str, tuple[Any, Any]] = DETECTORS) -> Detector:
    """Return the detector of ``rule``.

    Raises:
        ValueError: an unknown detector or option, or a value out of bounds.
    """
    settings, kind = known(rule, {**kinds})
    detector: Detector = kind(settings, rule)
    return detector


def build_fusion(rule: Rule, sites: Mapping[str, Site]) -> Fusion:
    """Return the fusion of ``rule``.

    Raises:
        ValueError: an unknown fusion or option, or a value out of bounds.
    """
    settings, kind = known(rule, {**FUSIONS})
    fusion: Fusion = kind(settings, rule, sites)
    return fusion


def known(rule: Rule, kinds: Mapping[str, tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the settings of ``rule`` and the class that takes them."""
    if rule.detector not in kinds:
        names = ", ".join(sorted({**DETECTORS, **FUSIONS}))
        raise ValueError(f"rule {rule.name}: no detector {rule.detector!r}; there are {names}")
    settings, kind = kinds[rule.detector]
    try:
        return settings(**rule.options), kind
    except TypeError as error:
        raise ValueError(f"rule {rule.name}: {error}") from error


@contextmanager
def failing(rule: str) -> Iterator[None]:
    """Name the rule whose detector failed."""
    try:
        yield
    except Exception as error:
        raise DetectionError(rule, error) from error
