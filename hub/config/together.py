"""What only shows when the files are laid side by side: names that point nowhere, and gaps.

The worst gap is a place without a name behind it: a site in no cell, or a cell whose
people cannot be reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.config import words
from hub.config.cells import CellFeature, cells_at
from hub.config.people import PeopleFile, PolicyFile
from hub.config.problems import did_you_mean
from hub.config.settings import ChannelTable, PayloadMapping
from hub.config.sites import SiteFile
from hub.config.table import Table
from hub.model.rule import Rule
from hub.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.model.response import EscalationPolicy, EscalationStep, Person

POLICIES: Final = ("default", "maintenance", "hub")
PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")
WEB_ADDRESS: Final = re.compile(r"https?://[^\s/]+\S*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Everything read, before it is checked together."""

    hub: Table
    sites: tuple[SiteFile, ...]
    cells: tuple[CellFeature, ...]
    people: PeopleFile
    policies: PolicyFile
    rules: tuple[tuple[Rule, Table], ...]
    channels: tuple[ChannelTable, ...]
    mappings: tuple[PayloadMapping, ...]

    def persons(self) -> dict[str, Person]:
        """Return people by id."""
        return {person.id: person for person, _ in self.people.persons}

    def policy(self, name: str) -> EscalationPolicy | None:
        """Return the policy ``name``, the default one for an empty name."""
        wanted = name or "default"
        return next((p for p, _ in self.policies.policies if p.name == wanted), None)

    def rosters(self) -> set[str]:
        """Return the names of all rosters."""
        return {shift.roster for shift, _ in self.people.shifts}


def check_together(files: Files) -> None:
    """Note everything that does not fit together."""
    checks: tuple[Callable[[Files], None], ...] = (
        check_twice,
        check_sites,
        check_cells,
        check_persons,
        check_shifts,
        check_policies,
        check_rules,
        check_mappings,
    )
    for check in checks:
        check(files)


def check_twice(files: Files) -> None:
    """Note ids that are there twice."""
    nodes = [node for site in files.sites for node in site.nodes]
    twice(("id", site.site.id, site.table) for site in files.sites)
    twice(("id", name, table) for name, table in nodes)
    twice(("name", stream.id, table) for site in files.sites for stream, table in site.streams)
    twice(("id", feature.cell.id, feature.table) for feature in files.cells)
    twice(("id", person.id, table) for person, table in files.people.persons)
    twice(("name", policy.name, table) for policy, table in files.policies.policies)
    twice(("name", rule.name, table) for rule, table in files.rules)
    channels = files.hub.tables("channel")
    twice(("name", c.name, t) for c, t in zip(files.channels, channels, strict=True))


def twice(found: Iterable[tuple[str, str, Table]]) -> None:
    """Note each id after its first appearance, and where that was."""
    first: dict[str, Table] = {}
    for key, name, table in found:
        if name and name in first:
            where = f"{first[name].file}: {first[name].at(key)}"
            table.wrong(key, words.TWICE.filled(name=name), words.FIRST_IN.filled(where=where))
        first.setdefault(name, table)


def check_sites(files: Files) -> None:
    """Note sites in no cell, in two, or in another than they say; unknown upstream sites."""
    ids = {site.site.id for site in files.sites}
    for file in files.sites:
        check_place(file, list(files.cells))
        for index, other in enumerate(file.site.upstream):
            if other not in ids or other == file.site.id:
                near = did_you_mean(other, ids - {file.site.id})
                file.table.wrong(f"upstream[{index}]", words.NO_OTHER_SITE.filled(name=other), near)


def check_place(file: SiteFile, cells: list[CellFeature]) -> None:
    """Note a site whose cell is unknown, or whose place disagrees with it."""
    site, known = file.site, {feature.cell.id for feature in cells}
    found = cells_at(site.longitude, site.latitude, cells)
    place = words.PLACE.filled(latitude=site.latitude, longitude=site.longitude)
    if not file.table.sound("latitude", "longitude"):
        return
    if site.cell and site.cell not in known:
        near = did_you_mean(site.cell, known)
        file.table.wrong("cell", words.NO_CELL.filled(name=site.cell), near)
    elif not found:
        what = words.IN_NO_CELL.filled(site=site.id, place=place)
        file.table.wrong("latitude", what, words.EXTEND_CELL)
    elif site.cell and site.cell not in found:
        what = words.IN_OTHER_CELL.filled(place=place, found=found[0], cell=site.cell)
        file.table.wrong("cell", what)
    elif len(found) > 1 and not site.cell:
        what = words.IN_TWO_CELLS.filled(place=place, cells=listed(found))
        file.table.wrong("cell", what, words.SAY_WHICH)


def check_cells(files: Files) -> None:
    """Note cells that nobody answers for."""
    persons, policies = files.persons(), [p.name for p, _ in files.policies.policies]
    for feature in files.cells:
        cell, table = feature.cell, feature.table
        for key, name in (("responsible", cell.responsible), ("deputy", cell.deputy)):
            if name and name not in persons:
                table.wrong(key, words.NO_PERSON.filled(name=name), did_you_mean(name, persons))
        if cell.responsible and cell.responsible == cell.deputy:
            what = words.OWN_DEPUTY.filled(name=cell.deputy)
            table.wrong("deputy", what, words.NAME_ANOTHER)
        if cell.policy and cell.policy not in policies:
            near = did_you_mean(cell.policy, policies)
            table.wrong("policy", words.NO_POLICY.filled(name=cell.policy), near)


def check_persons(files: Files) -> None:
    """Note addresses on unknown channels or of the wrong shape, and people out of reach."""
    kinds = {channel.name: channel.kind for channel in files.channels}
    for person, table in files.people.persons:
        inner = table.table("address")
        for channel, address in person.addresses:
            check_address(inner, channel, address, kinds)
    for feature in files.cells:
        policy = files.policy(feature.cell.policy)
        for role in ("responsible", "deputy"):
            person_id = getattr(feature.cell, role)
            for step in policy.steps if policy else ():
                if role in step.notify:
                    check_reach(files, feature.table, role, person_id, step)


def check_address(table: Table, channel: str, address: str, kinds: dict[str, str]) -> None:
    """Note an address that its channel could never use."""
    if channel not in kinds:
        table.wrong(channel, words.NO_CHANNEL.filled(name=channel), did_you_mean(channel, kinds))
    elif kinds[channel] == "sms" and not PHONE.fullmatch(address):
        table.wrong(channel, words.NOT_E164, words.WRITE_E164)
    elif kinds[channel] == "webhook" and not WEB_ADDRESS.fullmatch(address):
        fix = words.WRITE_IT_AS.filled(example="https://host/path")
        table.wrong(channel, words.NO_WEB_ADDRESS, fix)
    elif not address:
        table.wrong(channel, words.EMPTY)


def check_reach(files: Files, table: Table, key: str, person_id: str, step: EscalationStep) -> None:
    """Note that ``person_id`` has no address on any channel of ``step``."""
    person = files.persons().get(person_id)
    if person and not any(person.address(channel) for channel in step.by):
        what = words.OUT_OF_REACH.filled(person=person_id, channels=listed(step.by))
        fix = words.GIVE_ADDRESS.filled(person=person_id, file=files.people.table.file)
        table.wrong(key, what, fix)


def check_shifts(files: Files) -> None:
    """Note shifts of unknown people."""
    persons = files.persons()
    for shift, table in files.people.shifts:
        if shift.person and shift.person not in persons:
            near = did_you_mean(shift.person, persons)
            table.wrong("person", words.NO_PERSON.filled(name=shift.person), near)


def check_policies(files: Files) -> None:
    """Note missing policies and steps that tell unknown people by unknown channels."""
    names = {policy.name for policy, _ in files.policies.policies}
    for name in POLICIES:
        if name not in names:
            what = words.POLICY_MISSING.filled(name=name)
            fix = words.ADD_LINE.filled(line=f'[[policy]] name = "{name}"')
            files.policies.table.wrong("policy", what, fix)
    for policy, table in files.policies.policies:
        for step, inner in zip(policy.steps, table.tables("step"), strict=False):
            check_step(files, step, inner)


def check_step(files: Files, step: EscalationStep, table: Table) -> None:
    """Note whom a step cannot tell, and by what."""
    channels = [channel.name for channel in files.channels]
    for index, name in enumerate(step.by):
        if name not in channels:
            near = did_you_mean(name, channels)
            table.wrong(f"by[{index}]", words.NO_CHANNEL.filled(name=name), near)
    for index, whom in enumerate(step.notify):
        check_whom(files, step, table, f"notify[{index}]", whom)


def check_whom(files: Files, step: EscalationStep, table: Table, key: str, whom: str) -> None:
    """Note an entry of ``notify`` that names nobody who can be reached."""
    kind, _, name = whom.partition(":")
    if kind == "person" and name in files.persons():
        check_reach(files, table, key, name, step)
    elif kind == "person":
        near = did_you_mean(name, files.persons())
        table.wrong(key, words.NO_PERSON.filled(name=name), near)
    elif kind == "on-call" and name in files.rosters():
        for person in sorted({s.person for s, _ in files.people.shifts if s.roster == name}):
            check_reach(files, table, key, person, step)
    elif kind == "on-call":
        near = did_you_mean(name, files.rosters())
        table.wrong(key, words.NO_ROSTER.filled(name=name), near)
    elif whom not in ("responsible", "deputy"):
        known = ("responsible", "deputy", "on-call:ROSTER", "person:ID")
        table.wrong(key, words.NOBODY.filled(whom=whom), did_you_mean(whom, known))


def check_rules(files: Files) -> None:
    """Note rules without a single datastream to look at: most often a misspelt name."""
    streams = [stream for site in files.sites for stream, _ in site.streams]
    for rule, table in files.rules:
        for key, values in (
            ("site", {s.site for s in streams}),
            ("node", {s.node for s in streams}),
            ("datastream", {s.name for s in streams}),
        ):
            pattern = getattr(rule, key)
            if pattern not in values and not set(pattern) & set("*?["):
                near = did_you_mean(pattern, values)
                table.wrong(key, words.NO_SUCH[key].filled(name=pattern), near)


def check_mappings(files: Files) -> None:
    """Note mappings onto sites that are not declared."""
    ids = {site.site.id for site in files.sites}
    for mapping, table in zip(files.mappings, files.hub.tables("mapping"), strict=True):
        if "{" not in mapping.site and mapping.site and mapping.site not in ids:
            near = did_you_mean(mapping.site, ids)
            table.wrong("site", words.NO_SITE.filled(name=mapping.site), near)
