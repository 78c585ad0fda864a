"""What the API v1 takes, as structs: an unknown field or a text too long is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.model.network import Hazard, Severity

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Target = Annotated[str, Meta(min_length=1, max_length=140)]


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is asked for: ``by`` says who (a person's id, or a name)."""

    by: Name = "console"


class NoteOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Add ``text`` to the timeline."""

    text: Text


class ReasonOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Do it for ``reason``."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class HandOverOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hand the incident over to the person ``to``."""

    to: Name


class OpenOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open an incident by hand."""

    site: Name
    hazard: Hazard
    severity: Severity
    text: Text


class MuteOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mute ``target`` (node/name, node or site) with a reason until ``until``."""

    target: Target
    reason: Text
    until: Annotated[datetime, Meta(tz=True)]


class UnmuteOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End the mute of ``target``."""

    target: Target


class TestOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send ``person`` one page marked DRILL."""

    person: Name
