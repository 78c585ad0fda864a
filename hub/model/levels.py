"""What the usual names of levels are in English and Chinese; other names stay as they are."""

from __future__ import annotations

from typing import Final

LEVEL_NAMES: Final[dict[str, tuple[str, str]]] = {
    "": ("limit", "阈值"),
    "danger": ("danger", "危险"),
    "flood": ("flood", "成灾"),
    "warning": ("warning", "警戒"),
    "watch": ("watch", "注意"),
    "action": ("action", "行动"),
    "guarantee": ("guarantee", "保证"),
    "alarm": ("alarm", "报警"),
    "high": ("high", "高限"),
    "low": ("low", "低限"),
    "pre-alarm": ("pre-alarm", "预警"),
    "flooding": ("flooding", "淹没"),
    "dry": ("dry", "抽空"),
    "heat": ("heat", "高温"),
    "critical": ("critical", "紧急"),
    "minor": ("minor", "轻度"),
    "moderate": ("moderate", "中度"),
    "major": ("major", "严重"),
}


def chinese(name: str) -> str:
    """Return a level's name as a Chinese reader knows it."""
    return LEVEL_NAMES.get(name, (name, name))[1]
