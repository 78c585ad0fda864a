"""One line that says what an incident is about, in both languages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.model.network import Hazard

if TYPE_CHECKING:
    from hub.model.network import Site
    from hub.model.transition import Evidence

NAMES: Final = {
    Hazard.FLOOD: ("Flood", "洪水"),
    Hazard.FIRE: ("Fire", "火警"),
    Hazard.GAS: ("Gas", "燃气"),
    Hazard.LEAK: ("Water leak", "漏水"),
    Hazard.STRUCTURE: ("Structure", "结构险情"),
    Hazard.SENSOR: ("Maintenance", "设备维护"),
    Hazard.HUB: ("The hub itself", "中心自身"),
    Hazard.OTHER: ("Emergency", "险情"),
}
LONGEST: Final = 200


def headline(hazard: Hazard, site: Site | None, evidence: Evidence) -> tuple[str, str]:
    """Return (English, Chinese): hazard, place, and what was seen in the detector's words."""
    return titled(hazard, site, (evidence.words_en, evidence.words_zh))


def titled(hazard: Hazard, site: Site | None, said: tuple[str, str]) -> tuple[str, str]:
    """Return (English, Chinese): hazard, place, and ``said`` in both, of which one may be empty."""
    english, chinese = NAMES[hazard]
    if site is not None:
        english, chinese = f"{english}, {site.name_en}", f"{chinese}，{site.name_zh}"
    seen_en, seen_zh = said[0] or said[1], said[1] or said[0]
    return (
        (f"{english}: {seen_en}" if seen_en else english)[:LONGEST],
        (f"{chinese}：{seen_zh}" if seen_zh else chinese)[:LONGEST],
    )
