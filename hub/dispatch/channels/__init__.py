"""The ways of reaching a person: one file each, one line in the registry."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.dispatch.channels.sms import SmsChannel, SmsSettings
from hub.dispatch.channels.terminal import TerminalChannel, TerminalSettings
from hub.dispatch.channels.webhook import WebhookChannel, WebhookSettings
from hub.errors import ConfigError
from hub.reasons import why
from hub.words import Words, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.dispatch.base import Channel, Surroundings

CHANNELS: Final[dict[str, tuple[type[Any], Callable[[str, Any, Surroundings], Channel]]]] = {
    "sms": (SmsSettings, SmsChannel),
    "webhook": (WebhookSettings, WebhookChannel),
    "terminal": (TerminalSettings, TerminalChannel),
}

UNKNOWN_OPTION: Final = Words(
    "is unknown; {kind} has {names}", "没有这个选项；{kind} 渠道可用：{names}"
)
UNKNOWN_KIND: Final = Words(
    "is {kind!r}, not one of {names}", "没有“{kind}”这种渠道；可选：{names}"
)


def build(name: str, kind: str, options: Mapping[str, object], around: Surroundings) -> Channel:
    """Return the channel ``name`` of ``kind``, with its secrets read.

    Raises:
        ConfigError: unknown kind or option, a wrong value, a secret that is not there.
    """
    return CHANNELS[known(name, kind)][1](name, check(name, kind, options), around)


def check(name: str, kind: str, options: Mapping[str, object]) -> Any:  # noqa: ANN401  a Settings of the registry
    """Return the settings of a channel; reads no secret.

    Raises:
        ConfigError: unknown kind or option, or a wrong value.
    """
    shape = CHANNELS[known(name, kind)][0]
    names = {field.name for field in fields(shape)}
    for option in sorted(set(options) - names):
        unknown = UNKNOWN_OPTION.filled(kind=kind, names=listed(sorted(names)))
        raise ConfigError(f"channel.{name}.{option}", unknown)
    try:
        return msgspec.convert(dict(options), shape)
    except msgspec.ValidationError as error:
        raise ConfigError(f"channel.{name}", why(error.__cause__ or error)) from error


def known(name: str, kind: str) -> str:
    """Return ``kind`` if it is in the registry.

    Raises:
        ConfigError: it is not.
    """
    if kind not in CHANNELS:
        unknown = UNKNOWN_KIND.filled(kind=kind, names=listed(sorted(CHANNELS)))
        raise ConfigError(f"channel.{name}.kind", unknown)
    return kind
