"""The hub's own hearing: a deaf hub is one condition, never a thousand silent streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.instant import MICROSECONDS
from hub.model.network import Hazard, Severity
from hub.model.transition import Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

DEAF: Final = "hub:deaf"
FULL: Final = "hub:disk"
PATIENCE_US: Final = 30 * MICROSECONDS
WORDS: Final = {
    Change.RAISED: (
        "the hub cannot hear its nodes: not connected to the broker",
        "中枢收不到节点数据：未连接消息服务器",
    ),
    Change.CLEARED: ("the hub hears its nodes again", "中枢已恢复接收节点数据"),
}


FULL_WORDS: Final = {
    Change.RAISED: (
        "the hub's disk is full: nothing is taken in, nodes keep their data; free space",
        "中枢磁盘已满：停止接收，数据留存节点；请清理空间",
    ),
    Change.CLEARED: ("the hub's disk has room again", "中枢磁盘空间已恢复"),
}


class Hearing:
    """Whether intake is connected, as the log tells it; a brief loss is not told.

    ``hears`` says whether silence counts: connected, caught up, and room on the disk.
    """

    def __init__(self) -> None:
        self._full = False
        self._heard = False
        self._deaf_us: int | None = None
        self._standing = False

    @property
    def hears(self) -> bool:
        """Say whether what is not heard is not said."""
        return self._heard and not self._full

    def disk(self, full: bool, at_us: int, offset: int) -> list[Transition]:  # noqa: FBT001  a fact
        """Learn whether there is room to take anything in."""
        before, self._full = self._full, full
        change = Change.RAISED if full else Change.CLEARED
        return [] if before is full else [said(change, at_us, offset, FULL, FULL_WORDS)]

    def link(self, connected: bool, caught_up: bool) -> None:  # noqa: FBT001  facts
        """Learn how well intake hears."""
        self._heard = connected and caught_up

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
        return {
            "deaf_us": self._deaf_us,
            "standing": self._standing,
            "full": self._full,
            "heard": self._heard,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._deaf_us, self._standing = state["deaf_us"], state["standing"]
        self._full, self._heard = state.get("full", False), state.get("heard", True)


def said(
    change: Change,
    at_us: int,
    offset: int,
    key: str = DEAF,
    words: Mapping[Change, tuple[str, str]] = WORDS,
) -> Transition:
    """Return the step of one of the hub's own conditions."""
    words_en, words_zh = words[change]
    return Transition(
        key=key,
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
