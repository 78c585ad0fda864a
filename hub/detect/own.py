"""Conditions of the hub itself: it cannot hear, or its clock was stepped.

A deaf hub is one condition, never a thousand silent streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.clock import MICROSECONDS
from hub.detect.words import span
from hub.model.network import Hazard, Severity
from hub.model.transition import Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

DEAF: Final = "hub:deaf"
CLOCK: Final = "hub:clock"
PATIENCE_US: Final = 30 * MICROSECONDS
CLOCK_SHOWN_US: Final = 600 * MICROSECONDS


class Own:
    """What the hub knows of its own hearing and clock, from the log."""

    def __init__(self) -> None:
        self._deaf_us: int | None = None
        self._stepped_us: int | None = None
        self._standing: set[str] = set()

    def hear(self, connected: bool, at_us: int, offset: int) -> list[Transition]:  # noqa: FBT001
        """Learn whether intake is connected; hearing again ends the condition."""
        if not connected:
            self._deaf_us = at_us if self._deaf_us is None else self._deaf_us
            return []
        self._deaf_us = None
        return self._end(DEAF, at_us, offset, ("the hub hears its nodes again", "中枢已恢复接收"))

    def stepped(self, step_s: float, at_us: int, offset: int) -> list[Transition]:
        """Tell of a step of the hub's clock."""
        self._stepped_us = at_us
        en, zh = span(abs(step_s))
        way_en, way_zh = ("forward", "向前") if step_s > 0 else ("back", "向后")
        words = f"the hub's clock stepped {way_en} by {en}", f"中枢时钟{way_zh}跳变 {zh}"
        return self._begin(CLOCK, at_us, offset, words)

    def due(self, now_us: int) -> bool:
        """Say whether a tick at ``now_us`` would tell something."""
        return self._too_deaf(now_us) or self._settled(now_us)

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Raise deafness that lasts; end the word of a clock that has been steady."""
        said: list[Transition] = []
        if self._too_deaf(now_us):
            words = (
                "the hub cannot hear its nodes: not connected to the broker",
                "中枢收不到节点数据：未连接消息服务器",
            )
            said += self._begin(DEAF, now_us, offset, words)
        if self._settled(now_us):
            said += self._end(
                CLOCK, now_us, offset, ("the hub's clock is steady", "中枢时钟已稳定")
            )
        return said

    def dump(self) -> dict[str, object]:
        """Return what stands and since when."""
        return {
            "deaf_us": self._deaf_us,
            "stepped_us": self._stepped_us,
            "standing": sorted(self._standing),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._deaf_us = state["deaf_us"]
        self._stepped_us = state["stepped_us"]
        self._standing = set(state["standing"])

    def _too_deaf(self, now_us: int) -> bool:
        return (
            DEAF not in self._standing
            and self._deaf_us is not None
            and now_us - self._deaf_us >= PATIENCE_US
        )

    def _settled(self, now_us: int) -> bool:
        stepped = self._stepped_us
        return (
            CLOCK in self._standing
            and stepped is not None
            and abs(now_us - stepped) >= CLOCK_SHOWN_US
        )

    def _begin(self, key: str, at_us: int, offset: int, words: tuple[str, str]) -> list[Transition]:
        if key in self._standing:
            return []
        self._standing.add(key)
        return [said(key, Change.RAISED, at_us, offset, words)]

    def _end(self, key: str, at_us: int, offset: int, words: tuple[str, str]) -> list[Transition]:
        if key not in self._standing:
            return []
        self._standing.remove(key)
        return [said(key, Change.CLEARED, at_us, offset, words)]


def said(key: str, change: Change, at_us: int, offset: int, words: tuple[str, str]) -> Transition:
    """Return a transition of the hub itself."""
    return Transition(
        key=key,
        change=change,
        kind=Kind.HUB,
        severity=Severity.SEVERE if key == DEAF else Severity.MINOR,
        time_us=at_us,
        offset=offset,
        slot=-1,
        hazard=Hazard.HUB,
        site="hub",
        urgency=Urgency.IMMEDIATE if change is Change.RAISED else Urgency.PAST,
        evidence=Evidence(detector="hub", rule="hub", words_en=words[0], words_zh=words[1]),
    )
