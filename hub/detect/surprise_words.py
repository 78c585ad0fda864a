"""What an odd reading is called, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hub.detect.signs import JUMP, LAG4, LAG16, LEVEL, NOISE, STUCK
from hub.detect.words import quantity, span

SENTINEL: Final = 6
OFFSET: Final = 7  # a jump that has not come back
NATURES: Final = {
    JUMP: "spike",
    NOISE: "noise",
    LAG4: "surge",
    LAG16: "surge",
    LEVEL: "shift",
    STUCK: "stuck",
    SENTINEL: "sentinel",
    OFFSET: "offset",
}
WORLD: Final = frozenset({"surge", "shift"})
SAID: Final = {
    "spike": ("jumped to {at}", "突变到 {at}"),
    "offset": ("jumped to {at} and stays", "突变到 {at} 且未恢复"),
    "noise": ("far noisier than usual, now {at}", "波动远超平时，当前 {at}"),
    "surge": ("moved to {at} faster than it ever does", "变化到 {at}，远快于平时"),
    "shift": ("has drifted to {at}", "已漂移到 {at}"),
    "stuck": ("stuck at {at}", "读数停在 {at} 不变"),
    "sentinel": ("{at} is a code for no value", "{at} 是无效值代码"),
    "": ("{at}, nothing unusual any more", "{at}，已无异常"),
}


def phrase(
    nature: str, unit: str, value: float, usual: float | None, lasted_s: float
) -> tuple[str, str]:
    """Return what happened in words; the empty nature means that it is over."""
    at = quantity(value, unit)
    en, zh = (text.format(at=at) for text in SAID[nature])
    if nature in ("noise", "surge", "shift", "stuck") and lasted_s > 0:
        lasting, lasting_zh = span(lasted_s)
        en, zh = f"{en} for {lasting}", f"{zh}，已持续 {lasting_zh}"
    if nature in ("spike", "offset", "surge", "shift") and usual is not None:
        expected = quantity(usual, unit)
        en, zh = f"{en} (expected about {expected})", f"{zh}（预期约 {expected}）"
    return en, zh
