"""Detection: columns of readings in, condition transitions out. One line per kind here."""

from __future__ import annotations

from typing import Final

from hub.detect.cusum import Cusum, CusumSettings
from hub.detect.fault import Fault, FaultSettings
from hub.detect.forecast import Forecast, ForecastSettings
from hub.detect.joint_rise import JointRise, JointRiseSettings
from hub.detect.level import LevelDetector, LevelSettings
from hub.detect.neighbours import Neighbours, NeighboursSettings
from hub.detect.rate import Rate, RateSettings
from hub.detect.stale import Stale, StaleSettings
from hub.detect.surprise import Surprise, SurpriseSettings
from hub.detect.unusual import Unusual, UnusualSettings
from hub.detect.upstream import Upstream, UpstreamSettings

DETECTORS: Final = {
    "level": (LevelSettings, LevelDetector),
    "rate": (RateSettings, Rate),
    "forecast": (ForecastSettings, Forecast),
    "stale": (StaleSettings, Stale),
    "cusum": (CusumSettings, Cusum),
    "fault": (FaultSettings, Fault),
    "surprise": (SurpriseSettings, Surprise),
    "unusual": (UnusualSettings, Unusual),
}
FUSIONS: Final = {
    "joint_rise": (JointRiseSettings, JointRise),
    "upstream": (UpstreamSettings, Upstream),
    "neighbours": (NeighboursSettings, Neighbours),
}
