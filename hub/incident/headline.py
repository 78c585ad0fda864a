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
    english, chinese = NAMES[hazard]
    if site is not None:
        english, chinese = f"{english}, {site.name_en}", f"{chinese}，{site.name_zh}"
    seen_en = evidence.words_en or evidence.words_zh
    seen_zh = evidence.words_zh or evidence.words_en
    return (
        (f"{english}: {seen_en}" if seen_en else english)[:LONGEST],
        (f"{chinese}：{seen_zh}" if seen_zh else chinese)[:LONGEST],
    )
