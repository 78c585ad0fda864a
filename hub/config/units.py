"""UCUM codes: what is refused here is what people write instead of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hub.config import words

if TYPE_CHECKING:
    from hub.config.table import Table
    from hub.words import Words

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
    "metre": "m",
    "meter": "m",
    "米": "m",
    "毫米": "mm",
    "percent": "%",
    "mbar": "mbar",
    "sec": "s",
    "hour": "h",
}
FOREIGN: Final = {"ft": "m", "foot": "m", "in": "mm", "inch": "mm"}
UCUM: Final = re.compile(r"[!-~]{0,32}")


def check_unit(table: Table, key: str) -> str:
    """Return the UCUM code that ``key`` holds; a switch has none."""
    unit = table.text(key, "")
    if (fix := mend(unit)) is not None:
        table.wrong(key, words.NOT_UCUM.filled(unit=unit), fix)
    return unit


def mend(unit: str) -> Words | None:
    """Return what to write instead of ``unit``, or None where it is a UCUM code already."""
    if unit in FOREIGN:
        return words.CONVERT_TO.filled(unit=FOREIGN[unit])
    if MEANT.get(unit, unit) != unit:
        return words.DID_YOU_MEAN.filled(near=MEANT[unit])
    return None if UCUM.fullmatch(unit) else words.UCUM_FOR_EXAMPLE
