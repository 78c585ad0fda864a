"""The words of a page in English and Chinese: levels, hazards, units, what to do.

Each pair is (English in GSM-7, Chinese). Kept short: every word here costs another one.
"""

from __future__ import annotations

import re
from typing import Final

from hub.model.network import Hazard, Severity

Pair = tuple[str, str]

LEVELS: Final[dict[Severity, Pair]] = {
    Severity.EXTREME: ("RED", "红色"),
    Severity.SEVERE: ("ORANGE", "橙色"),
    Severity.MODERATE: ("YELLOW", "黄色"),
    Severity.MINOR: ("BLUE", "蓝色"),
    Severity.UNKNOWN: ("NOTICE", "提示"),
}

HAZARDS: Final[dict[Hazard, Pair]] = {
    Hazard.FLOOD: ("flood", "洪水"),
    Hazard.FIRE: ("fire", "火警"),
    Hazard.GAS: ("gas", "燃气"),
    Hazard.LEAK: ("water leak", "漏水"),
    Hazard.STRUCTURE: ("structure", "结构险情"),
    Hazard.SENSOR: ("sensor fault", "传感器故障"),
    Hazard.HUB: ("hub trouble", "中心故障"),
    Hazard.OTHER: ("emergency", "险情"),
}

TODO: Final[dict[Hazard, Pair]] = {
    Hazard.FLOOD: ("Clear low ground, close underpasses", "撤离低处人员，封下穿道"),
    Hazard.FIRE: ("Get everyone out, call the fire service", "立即疏散，拨打119"),
    Hazard.GAS: ("Get everyone out, no flames, no switches", "立即疏散，勿动火、勿开关电"),
    Hazard.LEAK: ("Shut the valve, look for water", "关阀，查看漏水"),
    Hazard.STRUCTURE: ("Keep people away, close it", "清场封闭，勿靠近"),
    Hazard.SENSOR: ("Check sensor, power and link", "查传感器、电源和网络"),
    Hazard.HUB: ("Check the hub now", "立即检查中心"),
    Hazard.OTHER: ("Go and look", "到场查看"),
}

# Yellow and blue of a slow hazard: nobody is to close a road yet.
WATCH: Final[Pair] = ("Go and look, be ready", "到场查看，做好准备")
SLOW: Final = frozenset({Hazard.FLOOD, Hazard.STRUCTURE})
SILENT: Final[Pair] = ("Not known to be safe: check on site", "安全与否不明，请到场查看")
OVER: Final[Pair] = ("readings are back to normal", "实测已恢复正常")
CONFIRM: Final[Pair] = ("Confirm on site, then close it", "请到场确认后结案")
ONLY_A_TEST: Final[Pair] = ("Only a test, just reply", "仅为测试，请回复")

RISES: Final = frozenset({"水位", "流量", "雨量"})  # water rises by a word of its own
QUANTITIES: Final[dict[str, Pair]] = {
    "stage": ("level", "水位"),
    "level": ("level", "水位"),
    "water_level": ("level", "水位"),
    "discharge": ("flow", "流量"),
    "flow": ("flow", "流量"),
    "rain": ("rain", "雨量"),
    "rainfall": ("rain", "雨量"),
    "temperature": ("temperature", "温度"),
    "humidity": ("humidity", "湿度"),
    "smoke": ("smoke", "烟雾"),
    "co": ("CO", "一氧化碳"),
    "carbon_monoxide": ("CO", "一氧化碳"),
    "co2": ("CO2", "二氧化碳"),
    "gas": ("gas", "燃气"),
    "methane": ("methane", "甲烷"),
    "pressure": ("pressure", "压力"),
    "leak": ("leak contact", "漏水触点"),
    "float": ("float switch", "浮球开关"),
    "tilt": ("tilt", "倾斜"),
    "vibration": ("vibration", "振动"),
    "voltage": ("voltage", "电压"),
}

UNITS: Final[dict[str, Pair]] = {
    "": ("", ""),
    "1": ("", ""),
    "m": ("m", "米"),
    "cm": ("cm", "厘米"),
    "mm": ("mm", "毫米"),
    "mm/h": ("mm/h", "毫米/时"),
    "m/h": ("m/h", "米/时"),
    "m/s": ("m/s", "米/秒"),
    "mm/s": ("mm/s", "毫米/秒"),
    "m/s2": ("m/s2", "m/s²"),
    "m3/s": ("m3/s", "m³/s"),
    "m3/h": ("m3/h", "m³/h"),
    "L/s": ("L/s", "升/秒"),
    "L/min": ("L/min", "升/分"),
    "Cel": ("C", "℃"),
    "[degF]": ("F", "℉"),
    "K": ("K", "K"),
    "%": ("%", "%"),
    "1/m": ("per m", "/m"),
    "%/m": ("%/m", "%/m"),
    "dB/m": ("dB/m", "dB/m"),
    "[ppm]": ("ppm", "ppm"),
    "[ppb]": ("ppb", "ppb"),
    "ug/m3": ("ug/m3", "μg/m³"),
    "mg/m3": ("mg/m3", "mg/m³"),
    "deg": ("deg", "°"),
    "Pa": ("Pa", "帕"),
    "kPa": ("kPa", "千帕"),
    "bar": ("bar", "巴"),
    "min": ("min", "分钟"),
    "s": ("s", "秒"),
    "h": ("h", "小时"),
}

ANNOTATION: Final = re.compile(r"\{[^}]*\}")


def unit_name(code: str, *, chinese: bool = False) -> str:
    """Return the UCUM ``code`` as people write it: ``m3/s`` is m³/s where UCS-2 allows it.

    A code without an entry is shown as it is, without its annotations and brackets.
    """
    known = UNITS.get(code)
    if known is None:
        bare = ANNOTATION.sub("", code).strip("[]")
        known = UNITS.get(bare, (bare, bare))
    return known[chinese]
