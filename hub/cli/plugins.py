"""Lets every plugin look at its own part of the configuration: no secret, no connection."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.cli import refusals
from hub.config import ConfigurationError, Problem, read_secret
from hub.config.problems import did_you_mean
from hub.config.words import UNKNOWN_KEY
from hub.detect import DETECTORS, FUSIONS
from hub.detect.stack import Stack
from hub.dispatch import channels
from hub.errors import ConfigError
from hub.ingest.decoders import DECODERS
from hub.reasons import why
from hub.words import NOTHING, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.config import ChannelTable, Configuration


SUFFIXES: Final = ("_file", "_env")


def check_plugins(configuration: Configuration) -> None:
    """Refuse kinds that no registry has, and options that their plugin refuses.

    Raises:
        ConfigurationError: with every problem found.
    """
    found = [*rules(configuration), *payloads(configuration), *channel_tables(configuration)]
    if found:
        raise ConfigurationError(found)


def check_secrets(configuration: Configuration) -> None:
    """Refuse to start channels whose secrets are not there; all of them are named at once.

    Raises:
        ConfigurationError: with what to set, or what to take out instead.
    """
    found = list(missing_secrets(configuration))
    if found:
        raise ConfigurationError(found)


def missing_secrets(configuration: Configuration) -> Iterator[Problem]:
    """Yield each secret that a channel names and that is empty or not set."""
    for index, channel in enumerate(configuration.channels):
        for where, file, variable in secrets_of_channel(channel):
            try:
                read_secret(file, variable, where)
            except ConfigError as error:
                fix = refusals.SET_IT.filled(name=channel.name)
                key = f"channel[{index}]"
                yield problem(configuration.file("hub.toml"), key, error.problem, fix)


def secrets_of_channel(channel: ChannelTable) -> Iterator[tuple[str, Path | None, str]]:
    """Yield the secrets that a channel's options name by file or environment variable."""
    for key, value in channel.options.items():
        for suffix in SUFFIXES:
            if key.endswith(suffix):
                where = f"channel.{channel.name}.{key.removesuffix(suffix)}"
                file = Path(str(value)) if suffix == "_file" else None
                yield where, file, "" if file else str(value)


def rules(configuration: Configuration) -> Iterator[Problem]:
    """Yield what is wrong with the rules' detectors and options."""
    known = (*DETECTORS, *FUSIONS)
    for index, rule in enumerate(configuration.rules):
        if rule.detector not in known:
            fix = did_you_mean(rule.detector, known)
            what = refusals.NO_DETECTOR.filled(name=rule.detector)
            yield problem(configuration.file("rules.toml"), f"rule[{index}].detector", what, fix)
            continue
        strange = sorted(set(rule.options) - settings_of(rule.detector))
        if strange:
            for name in strange:
                fix = did_you_mean(name, settings_of(rule.detector))
                key = f"rule[{index}].options.{name}"
                yield problem(configuration.file("rules.toml"), key, UNKNOWN_KEY, fix)
            continue
        try:
            Stack([rule], configuration.network.sites)
        except ValueError as error:
            yield problem(configuration.file("rules.toml"), f"rule[{index}].options", why(error))


def settings_of(kind: str) -> frozenset[str]:
    """Return the names of the settings that a detector or fusion has."""
    settings = DETECTORS[kind][0] if kind in DETECTORS else FUSIONS[kind][0]
    return frozenset(field.name for field in fields(settings))


def payloads(configuration: Configuration) -> Iterator[Problem]:
    """Yield mappings whose kind nobody reads."""
    for index, mapping in enumerate(configuration.mappings):
        if mapping.kind not in DECODERS:
            what = refusals.NO_PAYLOAD.filled(name=mapping.kind)
            fix = did_you_mean(mapping.kind, DECODERS)
            yield problem(configuration.file("hub.toml"), f"mapping[{index}].kind", what, fix)


def channel_tables(configuration: Configuration) -> Iterator[Problem]:
    """Yield what is wrong with the channels' kinds and options."""
    for index, channel in enumerate(configuration.channels):
        try:
            channels.check(channel.name, channel.kind, channel.options)
        except ConfigError as error:
            what = refusals.AT_PLUGIN.filled(where=error.where, problem=error.problem)
            yield problem(configuration.file("hub.toml"), f"channel[{index}]", what)


def problem(file: Path, key: str, what: Words, fix: Words = NOTHING) -> Problem:
    """Return a problem of one of the folder's files."""
    return Problem(file=str(file), key=key, words=what, fix=fix)
