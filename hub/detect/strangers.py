"""A node heard under another site than its own: a condition until a person decides where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

RULE: Final = "node-site"


class Strangers:
    """Nodes that speak from another site, as intake tells them; a decision ends it."""

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}

    def hear(self, body: Mapping[str, object], at_us: int, offset: int) -> list[Transition]:
        """Learn that a node was heard under another site; told once until it is decided."""
        node, home, site = (str(body.get(key, "")) for key in ("node", "home", "site"))
        if node in self._homes:
            return []
        self._homes[node] = home
        return [said(node, home, Change.RAISED, words(node, home, site), (at_us, offset))]

    def decide(self, body: Mapping[str, object], at_us: int, offset: int) -> list[Transition]:
        """Learn that a person said where a node belongs."""
        node, site = str(body.get("node", "")), str(body.get("site", ""))
        home = self._homes.pop(node, None)
        if home is None:
            return []
        return [said(node, home, Change.CLEARED, settled(node, site), (at_us, offset))]

    def dump(self) -> dict[str, object]:
        """Return which nodes wait for a decision, each with its own site."""
        return dict(self._homes)

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._homes = dict(state)


def said(
    node: str, home: str, change: Change, told: tuple[str, str], where: tuple[int, int]
) -> Transition:
    """Return the step of one node's condition; it belongs to the node's own site."""
    raised = change is Change.RAISED
    return Transition(
        key=f"{RULE}:{node}",
        change=change,
        kind=Kind.FAULT,
        severity=Severity.MINOR,
        time_us=where[0],
        offset=where[1],
        slot=-1,
        hazard=Hazard.SENSOR,
        site=home,
        certainty=Certainty.OBSERVED,
        urgency=Urgency.EXPECTED if raised else Urgency.PAST,
        evidence=Evidence(
            detector=RULE,
            rule=RULE,
            words_en=told[0],
            words_zh=told[1],
            parameters={"node": node},
        ),
    )


def words(node: str, home: str, site: str) -> tuple[str, str]:
    """Return what was heard, and what ends it either way."""
    return (
        f"{node} of {home} speaks as {site}; kept aside until tocsin accept-node {node} SITE",
        f"{home} 的 {node} 以 {site} 名义上报，数据暂存；请执行 tocsin accept-node {node} 站点",
    )


def settled(node: str, site: str) -> tuple[str, str]:
    """Return that a person decided."""
    return f"{node} belongs to {site}, a person said", f"已确认 {node} 归属 {site}"
