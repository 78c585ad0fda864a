"""The hub's own hearing: a deaf hub is one condition, never a thousand silent streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.instant import MICROSECONDS
from hub.model.network import Hazard, Severity
from hub.model.transition import Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

DEAF: Final = "hub:deaf"
PATIENCE_US: Final = 30 * MICROSECONDS
WORDS: Final = {
    Change.RAISED: (
        "the hub cannot hear its nodes: not connected to the broker",
        "中枢收不到节点数据：未连接消息服务器",
    ),
    Change.CLEARED: ("the hub hears its nodes again", "中枢已恢复接收节点数据"),
}


class Hearing:
    """Whether intake is connected, as the log tells it; a brief loss is not told."""

    def __init__(self) -> None:
        self._deaf_us: int | None = None
        self._standing = False

    def hear(self, connected: bool, at_us: int, offset: int) -> list[Transition]:  # noqa: FBT001  a fact
        """Learn whether intake is connected; hearing again ends the condition."""
        if not connected:
            self._deaf_us = at_us if self._deaf_us is None else self._deaf_us
            return []
        self._deaf_us = None
        cleared, self._standing = self._standing, False
        return [said(Change.CLEARED, at_us, offset)] if cleared else []

    def due(self, now_us: int) -> bool:
        """Say whether the hub has been deaf for too long by ``now_us``."""
        deaf_us = self._deaf_us
        return not self._standing and deaf_us is not None and now_us - deaf_us >= PATIENCE_US

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Raise deafness that lasts."""
        if not self.due(now_us):
            return []
        self._standing = True
        return [said(Change.RAISED, now_us, offset)]

    def dump(self) -> dict[str, object]:
        """Return since when the hub is deaf, and whether that was told."""
        return {"deaf_us": self._deaf_us, "standing": self._standing}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._deaf_us, self._standing = state["deaf_us"], state["standing"]


def said(change: Change, at_us: int, offset: int) -> Transition:
    """Return the step of the hub's one condition."""
    words_en, words_zh = WORDS[change]
    return Transition(
        key=DEAF,
        change=change,
        kind=Kind.HUB,
        severity=Severity.SEVERE,
        time_us=at_us,
        offset=offset,
        slot=-1,
        hazard=Hazard.HUB,
        urgency=Urgency.IMMEDIATE if change is Change.RAISED else Urgency.PAST,
        evidence=Evidence(detector="hub", rule="hub", words_en=words_en, words_zh=words_zh),
    )
