"""Units of recordings and sensors turned into the UCUM metric units that travel."""

from __future__ import annotations

from typing import Final, NamedTuple

from tocsin_edge.errors import ConfigError
from tocsin_edge.refusals import UNKNOWN_UNIT
from tocsin_edge.words import listed


class Conversion(NamedTuple):
    """``ucum`` value = recorded value x ``factor`` + ``offset``."""

    ucum: str
    factor: float = 1.0
    offset: float = 0.0


UNITS: Final = {
    "m": Conversion("m"),
    "cm": Conversion("m", 0.01),
    "mm": Conversion("mm"),
    "ft": Conversion("m", 0.3048),
    "in": Conversion("mm", 25.4),
    "m3/s": Conversion("m3/s"),
    "ft3/s": Conversion("m3/s", 0.3048**3),
    "m3/h": Conversion("m3/h"),
    "degC": Conversion("Cel"),
    "Cel": Conversion("Cel"),
    "degF": Conversion("Cel", 5 / 9, -160 / 9),
    "1/m": Conversion("1/m"),
    "ppm": Conversion("[ppm]"),
    "[ppm]": Conversion("[ppm]"),
    "uS/cm": Conversion("uS/cm"),
    "FNU": Conversion("[FNU]"),
    "%": Conversion("%"),
    "V": Conversion("V"),
    "kPa": Conversion("kPa"),
    "1": Conversion("1"),
}


def conversion(unit: str, where: str) -> Conversion:
    """Return how values in ``unit`` become metric.

    Raises:
        ConfigError: for a unit nobody wrote down here; guessing would be dangerous.
    """
    try:
        return UNITS[unit]
    except KeyError:
        unknown = UNKNOWN_UNIT.filled(unit=unit, names=listed(UNITS))
        raise ConfigError(where, unknown) from None


def convert(value: float, to: Conversion) -> float:
    """Return ``value`` in the metric unit, without digits the recording never had."""
    if to.factor == 1.0 and to.offset == 0.0:
        return value
    return round(value * to.factor + to.offset, 6)
