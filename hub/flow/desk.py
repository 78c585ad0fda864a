"""All that telling people rests on besides the book: network, people, composer, links."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hub.dispatch import escalation
from hub.dispatch.storm import NO_LIMITS, StormLimits
from hub.dispatch.text import Message
from hub.incident.lifecycle import SELF_CLOSING
from hub.model.network import Datastream, Network
from hub.model.response import EscalationPolicy, People

if TYPE_CHECKING:
    from hub.model.incident import Incident


class Streams(Protocol):
    """Where datastreams are looked up by slot (``hub.model.catalogue.Catalogue``)."""

    def get(self, slot: int) -> Datastream:
        """Return the datastream of ``slot``; KeyError when nobody knows it."""

    def slot_of(self, node: str, name: str) -> int | None:
        """Return the slot of ``node/name``, or None."""


def new_token() -> str:
    """Return 128 random bits as text that fits an address."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How pages go out, as configured.

    ``public_url`` (empty: none) is where links lead; ``linked`` names the SMS channels
    whose text may carry one, ``receipts`` the channels whose provider reports delivery.
    ``rate`` is the clock's: receipts run on real time, timers on the hub's. ``limits``
    hold for messages by the channels ``limited``: those that ring in somebody's hand.
    """

    token: Callable[[], str] = new_token
    public_url: str = ""
    linked: frozenset[str] = frozenset()
    receipts: frozenset[str] = frozenset()
    rate: float = 1.0
    limited: frozenset[str] = frozenset()
    limits: StormLimits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All that deciding who is told rests on, besides the book."""

    network: Network
    people: People
    catalogue: Streams
    composer: Callable[[Message, str], str]
    paging: Paging = field(default_factory=Paging)

    def stream(self, slot: int) -> Datastream | None:
        """Return the datastream of ``slot``, or None."""
        try:
            return self.catalogue.get(slot) if slot >= 0 else None
        except KeyError:
            return None

    def knows(self, node: str, name: str) -> bool:
        """Say whether ``node/name`` ever spoke or is declared."""
        return self.catalogue.slot_of(node, name) is not None

    def policy(self, incident: Incident) -> EscalationPolicy | None:
        """Return the policy of ``incident``; None when it stands on the board only.

        A danger always has one: its own, "default", or whoever answers for the place.
        """
        if incident.drill:
            return None
        named = self.people.policies.get(incident.policy)
        if named is not None and named.steps:
            return named
        return None if incident.hazard in SELF_CLOSING else self.reserve()

    def reserve(self) -> EscalationPolicy:
        """Return the policy for what has none of its own."""
        default = self.people.policies.get("default")
        return default if default is not None and default.steps else escalation.RESERVE
