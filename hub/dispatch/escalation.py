"""Who is told next, by what, and how long to wait for an answer. Pure.

Steps are counted on through all rounds: step 4 of a policy of three steps is its
second step in the second round. Nothing waits for nobody: a step that reaches no one
is passed over at once, and when no step reaches anyone, everyone the place and the
policy know is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hub.dispatch.roster import on_call
from hub.model.response import EscalationPolicy, EscalationStep, Person

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hub.model.network import Cell
    from hub.model.response import People


class Reason(StrEnum):
    """Why somebody is told, or why a step told nobody."""

    RESPONSIBLE = "responsible"
    DEPUTY = "deputy"
    ON_CALL = "on-call"
    NAMED = "person"
    EVERYONE = "everyone"  # no step of the policy reaches anybody
    NEXT_CHANNEL = "next-channel"  # the one before failed or was not confirmed
    EMPTY = "empty-step"  # nobody reachable: passed over at once
    NOBODY = "nobody-reachable"
    EXHAUSTED = "exhausted"  # all rounds are over and nobody answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person by one channel, and why."""

    person: Person
    channel: str
    address: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one step comes to.

    ``step`` is the step that tells ``contacts``; ``next_step`` is due ``wait_s``
    later unless somebody answers. ``skipped`` are the steps passed over.
    ``reasons`` has NOBODY and EXHAUSTED among others when the hub must be loud.
    """

    step: int
    contacts: tuple[Contact, ...]
    next_step: int
    wait_s: float
    receipt_s: float
    skipped: tuple[int, ...] = ()
    reasons: tuple[Reason, ...] = ()


RESERVE: Final = EscalationPolicy(
    name="reserve",
    steps=(
        EscalationStep(notify=("responsible",), by=(), wait_s=300.0),
        EscalationStep(notify=("deputy",), by=(), wait_s=300.0),
    ),
)
"""For a danger whose policy is not configured: whoever answers for the place."""


def round_start(policy: EscalationPolicy, step: int) -> int:
    """Return the first step of the round that ``step`` is in."""
    return step - step % len(policy.steps)


def ends_round(policy: EscalationPolicy, step: int) -> bool:
    """Say whether ``step`` is the last of its round."""
    return round_start(policy, step + 1) == step + 1


def next_round(policy: EscalationPolicy, step: int) -> int:
    """Return the first step of the round after ``step`` (0 when none was reached)."""
    return 0 if step < 0 else round_start(policy, step) + len(policy.steps)


def plan(
    policy: EscalationPolicy,
    people: People,
    cell: Cell | None,
    *,
    at_us: int,
    step: int,
    first: int,
) -> Plan:
    """Return what is due at ``step`` of an escalation that began at step ``first``."""
    end = first + len(policy.steps) * (policy.repeat + 1)
    skipped: list[int] = []
    for number in range(step, end):
        level = policy.steps[number % len(policy.steps)]
        contacts = contacts_of(level, people, cell, at_us)
        if contacts:
            return told(level, number, contacts, skipped)
        skipped.append(number)
    if step >= end or reaches_somebody(policy, people, cell, at_us):
        return exhausted(step, skipped)
    return everybody(policy, people, cell, step=step, skipped=skipped)


def told(
    level: EscalationStep, number: int, contacts: tuple[Contact, ...], skipped: list[int]
) -> Plan:
    """Return the plan of a step that reaches ``contacts``."""
    return Plan(
        step=number,
        contacts=contacts,
        next_step=number + 1,
        wait_s=level.wait_s,
        receipt_s=level.receipt_s,
        skipped=tuple(skipped),
        reasons=(Reason.EMPTY,) if skipped else (),
    )


def exhausted(step: int, skipped: list[int]) -> Plan:
    """Return the plan of an escalation at its end."""
    return Plan(
        step=step - 1,
        contacts=(),
        next_step=step,
        wait_s=0.0,
        receipt_s=0.0,
        skipped=tuple(skipped),
        reasons=(Reason.EXHAUSTED,),
    )


def everybody(
    policy: EscalationPolicy,
    people: People,
    cell: Cell | None,
    *,
    step: int,
    skipped: list[int],
) -> Plan:
    """Return the plan when no step reaches anyone: all that cell and policy know, each round."""
    named = (*names_everywhere(policy, people), *shift_persons(policy, people))
    answering = (cell.responsible, cell.deputy) if cell else ()
    persons = known(people, dict.fromkeys((*answering, *named)))
    contacts = reachable(((p, Reason.EVERYONE) for p in persons), ())
    level = policy.steps[step % len(policy.steps)]
    return Plan(
        step=step,
        contacts=contacts,
        next_step=next_round(policy, step),
        wait_s=level.wait_s,
        receipt_s=level.receipt_s,
        skipped=tuple(skipped),
        reasons=(Reason.NOBODY,),
    )


def reaches_somebody(
    policy: EscalationPolicy, people: People, cell: Cell | None, at_us: int
) -> bool:
    """Say whether any step of ``policy`` reaches anybody now."""
    return any(contacts_of(level, people, cell, at_us) for level in policy.steps)


def contacts_of(
    level: EscalationStep, people: People, cell: Cell | None, at_us: int
) -> tuple[Contact, ...]:
    """Return whom ``level`` tells first: each reachable person once, by the preferred channel."""
    found: dict[str, Reason] = {}
    for entry in level.notify:
        for name, reason in persons_of(entry, people, cell, at_us):
            found.setdefault(name, reason)
    persons = ((person, found[person.id]) for person in known(people, found))
    return reachable(persons, level.by)


def persons_of(
    entry: str, people: People, cell: Cell | None, at_us: int
) -> list[tuple[str, Reason]]:
    """Return the ids that one ``notify`` entry means now, each with its reason."""
    kind, _, name = entry.partition(":")
    if kind == "on-call":
        return [(p, Reason.ON_CALL) for p in on_call(people.shifts, name, at_us)]
    if kind == "person":
        return [(name, Reason.NAMED)]
    if cell is None:
        return []
    answering = {"responsible": cell.responsible, "deputy": cell.deputy}.get(kind, "")
    return [(answering, Reason(kind))] if answering else []


def known(people: People, names: Iterable[str]) -> list[Person]:
    """Return the declared persons among ``names``, in order."""
    return [people.persons[name] for name in names if name in people.persons]


def reachable(persons: Iterable[tuple[Person, Reason]], by: Collection[str]) -> tuple[Contact, ...]:
    """Return the first channel of everyone who has one."""
    firsts = (next_channel(person, by, (), reason) for person, reason in persons)
    return tuple(contact for contact in firsts if contact is not None)


def next_channel(
    person: Person,
    by: Collection[str],
    tried: Collection[str],
    reason: Reason = Reason.NEXT_CHANNEL,
) -> Contact | None:
    """Return the first way to ``person`` in order of ``by`` that was not ``tried``.

    A person with none of these channels is told by whatever there is.
    """
    wanted = [name for name in by if person.address(name)]
    ways = wanted or [name for name, address in person.addresses if address]
    for channel in ways:
        address = person.address(channel)
        if channel not in tried and address:
            return Contact(person=person, channel=channel, address=address, reason=reason)
    return None


def names_everywhere(policy: EscalationPolicy, people: People) -> list[str]:
    """Return everyone a step of ``policy`` names."""
    entries = (entry.partition(":") for level in policy.steps for entry in level.notify)
    return [name for kind, _, name in entries if kind == "person" and name in people.persons]


def shift_persons(policy: EscalationPolicy, people: People) -> list[str]:
    """Return everyone who has a shift in a roster of ``policy``, on call or not."""
    entries = (entry.partition(":") for level in policy.steps for entry in level.notify)
    rosters = {name for kind, _, name in entries if kind == "on-call"}
    return [shift.person for shift in people.shifts if shift.roster in rosters]
