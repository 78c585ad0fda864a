"""Whose a topic is: the native topics, and foreign ones by configured patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hub.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NATIVE: Final = ("tocsin/v1/+/+/obs", "tocsin/v1/+/+/state")
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
NATIVE_LEVELS: Final = 5
MOST_CACHED: Final = 100_000


class PayloadMapping(Protocol):
    """A foreign payload: an MQTT filter, who reads it, and whose observations it carries.

    ``{1}`` in ``site`` and ``node`` stands for what the first ``+`` matched. ``names``
    maps the payload's keys to datastreams, ``units`` datastreams to UCUM codes, and
    ``time`` is the key of the payload's own time, or empty.
    """

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def site(self) -> str: ...  # noqa: D102
    @property
    def node(self) -> str: ...  # noqa: D102
    @property
    def names(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def units(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def time(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one topic leads: ``kind`` is "obs", "state" or "foreign"."""

    kind: str
    site: str
    node: str
    mapping: int = -1


class Topics:
    """Routes by topic, worked out once for each topic."""

    def __init__(self, mappings: Sequence[PayloadMapping] = ()) -> None:
        self._mappings = mappings
        self._patterns = [pattern_of(mapping.topic) for mapping in mappings]
        self._routes: dict[str, Route] = {}

    def filters(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to."""
        return NATIVE + tuple(mapping.topic for mapping in self._mappings)

    def route(self, topic: str) -> Route:
        """Return where ``topic`` leads.

        Raises:
            DecodeError: the topic is nobody's, or a name in it is not one.
        """
        known = self._routes.get(topic)
        if known is not None:
            return known
        route = native_route(topic) or self._foreign_route(topic)
        if route is None:
            raise DecodeError("topic: neither a native nor a mapped one")
        if not NAME.fullmatch(route.site) or not NAME.fullmatch(route.node):
            raise DecodeError("topic: site and node must match [A-Za-z0-9_-]{1,64}")
        if len(self._routes) >= MOST_CACHED:
            self._routes.clear()
        self._routes[topic] = route
        return route

    def _foreign_route(self, topic: str) -> Route | None:
        for number, (pattern, mapping) in enumerate(
            zip(self._patterns, self._mappings, strict=True)
        ):
            found = pattern.fullmatch(topic)
            if found:
                site, node = (fill(text, found.groups()) for text in (mapping.site, mapping.node))
                return Route(kind="foreign", site=site, node=node, mapping=number)
        return None


def native_route(topic: str) -> Route | None:
    """Return the route of a native topic, or None for any other."""
    levels = topic.split("/")
    if len(levels) != NATIVE_LEVELS or levels[:2] != ["tocsin", "v1"]:
        return None
    if levels[4] not in {"obs", "state"}:
        return None
    return Route(kind=levels[4], site=levels[2], node=levels[3])


def receipt_topic(site: str, node: str) -> str:
    """Return the topic on which ``node`` gets its receipts."""
    return f"tocsin/v1/{site}/{node}/receipt"


def pattern_of(topic_filter: str) -> re.Pattern[str]:
    """Return an MQTT topic filter as a pattern with one group for each ``+``."""
    parts = [re.escape(part).replace(r"\+", "([^/]+)") for part in topic_filter.split("/")]
    if parts[-1] == re.escape("#"):
        parts[-1] = ".*"
    return re.compile("/".join(parts))


def fill(text: str, groups: tuple[str, ...]) -> str:
    """Return ``text`` with ``{1}``, ``{2}`` ... replaced by ``groups``."""
    for number, group in enumerate(groups, 1):
        text = text.replace(f"{{{number}}}", group)
    return text
