"""Sensor drivers by kind: a new device is one file here and one line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin_edge.sensors.ads1115 import Ads1115, Ads1115Settings
from tocsin_edge.sensors.contact import Contact, ContactSettings
from tocsin_edge.sensors.ds18b20 import Ds18b20, Ds18b20Settings
from tocsin_edge.sensors.replay import Replay, ReplaySettings
from tocsin_edge.sensors.simulate import Simulate, SimulateSettings
from tocsin_edge.sensors.smoke_relay import SmokeRelay, SmokeRelaySettings
from tocsin_edge.sensors.tipping_bucket import TippingBucket, TippingBucketSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin_edge.sensors.base import Sensor

SENSORS: Final[dict[str, tuple[type[Any], Callable[..., Sensor]]]] = {
    "ads1115": (Ads1115Settings, Ads1115),
    "contact": (ContactSettings, Contact),
    "ds18b20": (Ds18b20Settings, Ds18b20),
    "replay": (ReplaySettings, Replay),
    "simulate": (SimulateSettings, Simulate),
    "smoke_relay": (SmokeRelaySettings, SmokeRelay),
    "tipping_bucket": (TippingBucketSettings, TippingBucket),
}
"""Kind -> its settings and what builds it from (settings, surroundings)."""
