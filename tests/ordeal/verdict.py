"""What one fault came to, and what every row of the Ordeal has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was required and what was seen; ``skipped`` says why there was nothing to see.

    ``numbers`` are the counts behind ``figure``, to be added up over a run: lost, kills,
    power_cuts, receipted, incidents, notified, duplicates, hostile_inputs, ...
    """

    figure: str
    passed: bool
    skipped: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a row may use: everything random comes from ``seed``, everything lands in ``folder``.

    ``seconds`` is the row's share of the run (a row may end earlier, never much later);
    ``influxd`` is the InfluxDB 2 program, None where there is none; ``say`` shows progress.
    """

    seed: int
    seconds: float
    folder: Path
    influxd: str | None
    say: Callable[[str], None]


class Row(Protocol):
    """One fault: ``number`` is the catalogue's, ``weight`` its share of a run's time."""

    number: int
    fault: str
    required: str
    weight: float

    def __call__(self, given: Given) -> Verdict:
        """Inject the fault and compare ledgers; must leave no process behind."""


def row_of(row: Row, verdict: Verdict) -> dict[str, Any]:
    """Return one line of the verdict table."""
    return {
        "number": row.number,
        "fault": row.fault,
        "required": row.required,
        "figure": verdict.figure,
        "passed": verdict.passed,
        "skipped": verdict.skipped,
        "numbers": verdict.numbers,
    }
