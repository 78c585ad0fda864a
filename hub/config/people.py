"""people.toml and policies.toml: who may be called, when, and in what order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.config import words
from hub.config.table import REQUIRED, Table
from hub.config.zones import check_zone
from hub.model.response import EscalationPolicy, EscalationStep, Person, Shift
from hub.words import LANGUAGES

WEEK: Final = (1, 2, 3, 4, 5, 6, 7)
LONGEST_WAIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFile:
    """People and shifts, each with its table for later complaints."""

    persons: tuple[tuple[Person, Table], ...]
    shifts: tuple[tuple[Shift, Table], ...]
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """Escalation policies, each with its table for later complaints."""

    policies: tuple[tuple[EscalationPolicy, Table], ...]
    table: Table


def read_people(top: Table) -> PeopleFile:
    """Return people.toml."""
    persons = tuple((read_person(t), t) for t in top.tables("person", required=True))
    shifts = tuple((read_shift(t), t) for t in top.tables("shift"))
    top.close()
    return PeopleFile(persons=persons, shifts=shifts, table=top)


def read_person(table: Table) -> Person:
    """Return one table ``[[person]]``."""
    person = Person(
        id=table.name("id"),
        name_en=table.text("name_en"),
        name_zh=table.text("name_zh"),
        language=table.text("language", "zh", known=LANGUAGES),
        zone=check_zone(table, "zone"),
        addresses=tuple(table.mapping("address").items()),
    )
    table.close()
    return person


def read_shift(table: Table) -> Shift:
    """Return one table ``[[shift]]``."""
    shift = Shift(
        roster=table.name("roster"),
        person=table.name("person"),
        days=table.wholes("days", WEEK),
        start=table.clock("start", "00:00"),
        end=table.clock("end", "00:00"),
        zone=check_zone(table, "zone"),
        first_date=table.date("first_date"),
        last_date=table.date("last_date"),
        override=table.flag("override", default=False),
    )
    check_shift(table, shift)
    table.close()
    return shift


def check_shift(table: Table, shift: Shift) -> None:
    """Note days that are none, and a shift that ends before it begins."""
    for index, day in enumerate(shift.days):
        if day not in WEEK:
            table.wrong(f"days[{index}]", words.NOT_A_DAY.filled(day=day), words.DAYS)
    if not shift.days:
        table.wrong("days", words.EMPTY, words.EVERY_DAY)
    if shift.first_date and shift.last_date and shift.first_date > shift.last_date:
        what = words.DATES_REVERSED.filled(first=shift.first_date, last=shift.last_date)
        table.wrong("first_date", what, words.SWAP)


def read_policies(top: Table) -> PolicyFile:
    """Return policies.toml."""
    policies = tuple((read_policy(t), t) for t in top.tables("policy", required=True))
    top.close()
    return PolicyFile(policies=policies, table=top)


def read_policy(table: Table) -> EscalationPolicy:
    """Return one table ``[[policy]]``."""
    policy = EscalationPolicy(
        name=table.name("name"),
        steps=tuple(read_step(inner) for inner in table.tables("step", required=True)),
        repeat=table.whole("repeat", 3, high=100),
        again_s=table.number("again_s", 900.0, low=0, high=LONGEST_WAIT_S),
    )
    if not policy.steps and table.has("step"):
        table.wrong("step", words.NO_STEP, words.ADD_LINE.filled(line="[[policy.step]]"))
    table.close()
    return policy


def read_step(table: Table) -> EscalationStep:
    """Return one table ``[[policy.step]]``."""
    step = EscalationStep(
        notify=table.texts("notify", REQUIRED),
        by=table.texts("by", REQUIRED),
        wait_s=table.number("wait_s", low=1, high=LONGEST_WAIT_S),
        receipt_s=table.number("receipt_s", 60.0, low=1, high=LONGEST_WAIT_S),
    )
    table.close()
    return step
