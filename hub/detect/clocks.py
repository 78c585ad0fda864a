"""A node whose clock is wrong: corrected by intake, and a condition until it is right again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.detect.words import span
from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

RULE: Final = "node-clock"


class Clocks:
    """Errors of the nodes' clocks as intake tells them: seconds behind, 0 once right."""

    def __init__(self) -> None:
        self._behind_s: dict[str, float] = {}

    def hear(self, body: Mapping[str, object], at_us: int, offset: int) -> list[Transition]:
        """Learn one node's error; the first one, each change of it and its end are told."""
        node, behind_s = str(body.get("node", "")), float(str(body.get("offset_s", 0.0)))
        wrong = behind_s != 0.0
        if not wrong and self._behind_s.pop(node, None) is None:
            return []
        if wrong:
            self._behind_s[node] = behind_s
        change = Change.RAISED if wrong else Change.CLEARED
        return [said(node, str(body.get("site", "")), change, behind_s, (at_us, offset))]

    def dump(self) -> dict[str, object]:
        """Return whose clock is wrong, and by how much."""
        return dict(self._behind_s)

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._behind_s = {node: float(behind_s) for node, behind_s in state.items()}


def said(
    node: str, site: str, change: Change, behind_s: float, where: tuple[int, int]
) -> Transition:
    """Return the step of one node's condition."""
    raised = change is Change.RAISED
    words_en, words_zh = words(node, behind_s) if raised else right(node)
    return Transition(
        key=f"{RULE}:{node}",
        change=change,
        kind=Kind.FAULT,
        severity=Severity.MINOR,
        time_us=where[0],
        offset=where[1],
        slot=-1,
        hazard=Hazard.SENSOR,
        site=site,
        certainty=Certainty.OBSERVED,
        urgency=Urgency.EXPECTED if raised else Urgency.PAST,
        evidence=Evidence(
            detector=RULE,
            rule=RULE,
            words_en=words_en,
            words_zh=words_zh,
            statistic=round(behind_s, 3),
            parameters={"node": node, "offset_s": round(behind_s, 3)},
        ),
    )


def words(node: str, behind_s: float) -> tuple[str, str]:
    """Return how wrong the clock is; the hub corrects the times, so nothing is lost by it."""
    lasting = span(abs(behind_s))
    way = ("slow", "慢") if behind_s > 0 else ("fast", "快")
    return (
        f"the clock of {node} is {lasting[0]} {way[0]}; its times are corrected",
        f"{node} 时钟{way[1]} {lasting[1]}；时间已校正",
    )


def right(node: str) -> tuple[str, str]:
    """Return that the clock is right again."""
    return f"the clock of {node} is right again", f"{node} 时钟已恢复正常"
