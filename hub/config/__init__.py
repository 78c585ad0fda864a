"""The configuration folder, read once and strictly: TOML and GeoJSON in, frozen data out.

It knows shapes, never plugins: what a detector or a channel makes of its own options is
checked where that plugin is built.
"""

from hub.config.folder import read_config
from hub.config.problems import ConfigurationError, Problem
from hub.config.settings import (
    BrokerSettings,
    ChannelTable,
    Configuration,
    HubSettings,
    InfluxSettings,
    PayloadMapping,
    WebSettings,
    read_secret,
)

__all__ = [
    "BrokerSettings",
    "ChannelTable",
    "Configuration",
    "ConfigurationError",
    "HubSettings",
    "InfluxSettings",
    "PayloadMapping",
    "Problem",
    "WebSettings",
    "read_config",
    "read_secret",
]
