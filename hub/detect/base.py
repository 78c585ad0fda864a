"""The ports of detection: columns of many streams in, steps of conditions out.

A detector is a pure state machine over the streams bound to one rule: memory is a
fixed number of values per stream, there is no clock but the data's own and the ticks
of the log, no I/O and no chance. So live, replayed and rebuilt runs agree exactly,
however the log is cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.detect.live import One
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.transition import Transition

    State = dict[str, object]


class Detector(Protocol):
    """Looks for one kind of change in every stream bound to it.

    ``at_once`` detectors take observations as they arrive; the others take each
    stream's in the order of phenomenon time.
    """

    @property
    def at_once(self) -> bool:
        """Say whether arrival order is good enough."""

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream``; once more with new metadata replaces the old and keeps the state."""

    def update(self, batch: Batch) -> list[Transition]:
        """Take in live observations and return the steps they caused.

        Rows of streams that are not bound are skipped. A null, or a reading with
        quality FAIL, is never taken for the world. How a series is cut into batches
        changes nothing.
        """

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Return the steps caused by nothing but time; ``offset`` is the tick's in the log."""

    def dump(self) -> State:
        """Return the whole state, ready for JSON; what ``bind`` gave is not part of it."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what ``dump`` returned, after the same streams have been bound."""


class Fusion(Protocol):
    """Looks at several streams of one site together.

    It sees the same ordered observations as the detectors, and what these said.
    """

    def bind(self, stream: Datastream) -> None:
        """Take ``stream`` into its group."""

    def update(self, batch: Batch, said: Sequence[Transition]) -> list[Transition]:
        """Return ``said``, amended where other streams bear on it, and the fusion's own steps."""

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Return the steps caused by nothing but time."""

    def dump(self) -> State:
        """Return the whole state, ready for JSON."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what ``dump`` returned, after the same streams have been bound."""


@runtime_checkable
class Brisk(Protocol):
    """A detector or fusion that takes a usual reading in plain numbers.

    Arrays cost as much for one reading as for a hundred. A reading of which nothing comes
    is most readings; what is not is left to ``update``, so that each decision is written once.
    """

    def usual(self, one: One) -> bool:
        """Take in ``one`` as ``update`` would, if nothing is to be said of it and return True.

        False: nothing was changed, it is for ``update``. The state afterwards is the same to
        the last bit, whichever took it.
        """


@runtime_checkable
class Waits(Protocol):
    """A detector that time alone can move: it is asked before a tick enters the log."""

    def due(self, now_us: int) -> bool:
        """Say whether a tick at ``now_us`` would cause a step; changes nothing."""


@runtime_checkable
class Hears(Protocol):
    """A detector that must know whether the hub itself can hear."""

    def hear(self, connected: bool, at_us: int) -> None:  # noqa: FBT001  a fact, not an option
        """Learn that intake is connected and caught up since ``at_us``, or is not."""

    def resume(self, at_us: int) -> None:
        """Learn that the hub was down, or its clock wrong, until ``at_us``."""


@runtime_checkable
class Belated(Protocol):
    """A detector that looks at late data for danger that still stands."""

    def late(self, batch: Batch) -> None:
        """Take in backfilled observations; what they mean is said by a later tick."""


@runtime_checkable
class Fitted(Protocol):
    """A detector whose baseline is fitted elsewhere and arrives through the log."""

    def fit(self, slot: int, parameters: Mapping[str, object]) -> None:
        """Use ``parameters`` for the stream ``slot`` from here on."""

    def wanting(self, now_us: int) -> list[int]:
        """Return the slots whose baseline should be fitted, or fitted again."""


@runtime_checkable
class Scored(Protocol):
    """A detector that can say how close it is, not only when it speaks."""

    def score(self) -> float:
        """Return how far the worst stream is on its way to an alarm, 0 to 1; 0.5 raises one."""
