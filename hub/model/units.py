"""Units as UCUM codes, and how one is turned into another.

Codes are case-sensitive (UCUM 2.1, "c/s" column). Only units of one dimension convert;
an affine pair (factor, shift) covers temperatures too: ``base = value * factor + shift``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """One code: its dimension and how a value in it becomes the dimension's base unit."""

    dimension: str
    factor: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """``result = value * factor + shift``."""

    factor: float = 1.0
    shift: float = 0.0


SAME: Final = Conversion()

UNITS: Final[dict[str, Unit]] = {
    "1": Unit("number"),
    "%": Unit("number", 1e-2),
    "[ppth]": Unit("number", 1e-3),
    "[ppm]": Unit("number", 1e-6),
    "[ppb]": Unit("number", 1e-9),
    "m": Unit("length"),
    "km": Unit("length", 1e3),
    "dm": Unit("length", 1e-1),
    "cm": Unit("length", 1e-2),
    "mm": Unit("length", 1e-3),
    "um": Unit("length", 1e-6),
    "[ft_i]": Unit("length", 0.3048),
    "[in_i]": Unit("length", 0.0254),
    "m/s": Unit("speed"),
    "cm/s": Unit("speed", 1e-2),
    "mm/s": Unit("speed", 1e-3),
    "km/h": Unit("speed", 1 / 3.6),
    "[kn_i]": Unit("speed", 1852 / 3600),
    "[mi_i]/h": Unit("speed", 0.44704),
    "mm/h": Unit("speed", 1e-3 / 3600),
    "mm/d": Unit("speed", 1e-3 / 86400),
    "m/s2": Unit("acceleration"),
    "[g]": Unit("acceleration", 9.80665),
    "K": Unit("temperature"),
    "Cel": Unit("temperature", 1.0, 273.15),
    "[degF]": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "Pa": Unit("pressure"),
    "hPa": Unit("pressure", 1e2),
    "kPa": Unit("pressure", 1e3),
    "MPa": Unit("pressure", 1e6),
    "mbar": Unit("pressure", 1e2),
    "bar": Unit("pressure", 1e5),
    "[psi]": Unit("pressure", 6894.757293168),
    "m[H2O]": Unit("pressure", 9806.65),
    "m3/s": Unit("flow"),
    "m3/h": Unit("flow", 1 / 3600),
    "m3/d": Unit("flow", 1 / 86400),
    "L/s": Unit("flow", 1e-3),
    "L/min": Unit("flow", 1e-3 / 60),
    "L/h": Unit("flow", 1e-3 / 3600),
    "[cft_i]/s": Unit("flow", 0.028316846592),
    "m3": Unit("volume"),
    "L": Unit("volume", 1e-3),
    "mL": Unit("volume", 1e-6),
    "kg": Unit("mass"),
    "g": Unit("mass", 1e-3),
    "t": Unit("mass", 1e3),
    "kg/m3": Unit("density"),
    "g/m3": Unit("density", 1e-3),
    "mg/m3": Unit("density", 1e-6),
    "ug/m3": Unit("density", 1e-9),
    "mg/L": Unit("density", 1e-3),
    "V": Unit("voltage"),
    "mV": Unit("voltage", 1e-3),
    "kV": Unit("voltage", 1e3),
    "A": Unit("current"),
    "mA": Unit("current", 1e-3),
    "W": Unit("power"),
    "kW": Unit("power", 1e3),
    "MW": Unit("power", 1e6),
    "J": Unit("energy"),
    "kW.h": Unit("energy", 3.6e6),
    "W.h": Unit("energy", 3.6e3),
    "Hz": Unit("frequency"),
    "kHz": Unit("frequency", 1e3),
    "/min": Unit("frequency", 1 / 60),
    "s": Unit("time"),
    "ms": Unit("time", 1e-3),
    "min": Unit("time", 60),
    "h": Unit("time", 3600),
    "d": Unit("time", 86400),
    "deg": Unit("angle", 0.017453292519943295),
    "rad": Unit("angle"),
    "lx": Unit("illuminance"),
    "dB": Unit("level"),
    "dB[SPL]": Unit("sound"),
    "S/m": Unit("conductivity"),
    "mS/cm": Unit("conductivity", 1e-1),
    "uS/cm": Unit("conductivity", 1e-4),
    "[pH]": Unit("acidity"),
    "[NTU]": Unit("turbidity"),
    "W/m2": Unit("irradiance"),
    "Bq": Unit("activity"),
    "uSv/h": Unit("dose-rate"),
}


def known(code: str) -> bool:
    """Say whether ``code`` is a UCUM code the hub can convert."""
    return code in UNITS


def conversion(source: str, target: str) -> Conversion | None:
    """Return how a value in ``source`` becomes one in ``target``, or None if it cannot.

    Equal codes convert to themselves, also when the hub does not know them.
    """
    if source == target:
        return SAME
    first, second = UNITS.get(source), UNITS.get(target)
    if first is None or second is None or first.dimension != second.dimension:
        return None
    return Conversion(first.factor / second.factor, (first.shift - second.shift) / second.factor)
