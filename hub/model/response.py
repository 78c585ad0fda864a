"""Who is called, in what order and for how long: people, rosters, escalation policies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A responder. ``addresses`` maps a channel's name to the address it needs.

    Addresses are personal data: E.164 numbers, URLs; masked wherever they are shown.
    """

    id: str
    name_en: str
    name_zh: str
    language: str = "zh"
    zone: str = "Asia/Shanghai"
    addresses: tuple[tuple[str, str], ...] = ()

    def address(self, channel: str) -> str | None:
        """Return this person's address on ``channel``, or None."""
        return dict(self.addresses).get(channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``person`` is on call in ``roster`` for a weekly or dated span of local time.

    ``days`` are ISO weekdays 1-7; ``start`` and ``end`` are local ``HH:MM`` (an end at
    or before the start is on the next day). ``first_date``/``last_date`` bound it
    (``YYYY-MM-DD``, empty for open). ``override`` shifts outrank the others.
    """

    roster: str
    person: str
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    start: str = "00:00"
    end: str = "00:00"
    zone: str = "Asia/Shanghai"
    first_date: str = ""
    last_date: str = ""
    override: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationStep:
    """Who is told, by which channels in order of preference, and how long to wait.

    ``notify`` entries: ``responsible``, ``deputy`` (of the incident's cell),
    ``on-call:ROSTER``, ``person:ID``. ``by`` names channels. ``wait_s`` is until the
    next step; ``receipt_s`` until the next channel of the same person is tried when
    no delivery receipt came.
    """

    notify: tuple[str, ...]
    by: tuple[str, ...]
    wait_s: float
    receipt_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPolicy:
    """Steps in order; after the last the policy starts again ``repeat`` times.

    A danger that nobody has taken by then goes round once more every ``again_s`` seconds
    while it stands; 0: never.
    """

    name: str
    steps: tuple[EscalationStep, ...]
    repeat: int = 3
    again_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everyone who may be called."""

    persons: dict[str, Person]
    shifts: tuple[Shift, ...]
    policies: dict[str, EscalationPolicy]
