"""UCUM codes: what is refused here is what people write instead of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.config.table import Table

MEANT: Final = {
    "°C": "Cel",
    "℃": "Cel",
    "C": "Cel",
    "degC": "Cel",
    "celsius": "Cel",
    "°F": "[degF]",
    "F": "[degF]",
    "ppm": "[ppm]",
    "ppmv": "[ppm]",
    "ppb": "[ppb]",
    "m³/s": "m3/s",
    "m^3/s": "m3/s",
    "cumecs": "m3/s",
    "m³/h": "m3/h",
    "m²": "m2",
    "µm": "um",
    "μm": "um",
    "ft": "m (convert: feet are not metric)",
    "inch": "mm (convert: inches are not metric)",
    "metre": "m",
    "meter": "m",
    "米": "m",
    "毫米": "mm",
    "percent": "%",
    "mbar": "mbar",
    "sec": "s",
    "hour": "h",
}
UCUM: Final = re.compile(r"[!-~]{0,32}")


def check_unit(table: Table, key: str) -> str:
    """Return the UCUM code that ``key`` holds; a switch has none."""
    unit = table.text(key, "")
    meant = MEANT.get(unit, unit)
    if meant != unit:
        table.wrong(key, f"{unit!r} is not a UCUM code", f"did you mean {meant!r}?")
    elif not UCUM.fullmatch(unit):
        table.wrong(key, f"{unit!r} is not a UCUM code", "for example m, mm, Cel, [ppm], m3/s")
    return unit
