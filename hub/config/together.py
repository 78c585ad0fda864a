"""What only shows when the files are laid side by side: names that point nowhere, and gaps.

The worst gap is a place without a name behind it: a site in no cell, or a cell whose
people cannot be reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.config.cells import CellFeature, cells_at
from hub.config.people import PeopleFile, PolicyFile
from hub.config.problems import did_you_mean
from hub.config.settings import ChannelTable, PayloadMapping
from hub.config.sites import SiteFile
from hub.config.table import Table
from hub.model.rule import Rule

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
            table.wrong(key, f"{name!r} is there twice", f"first in {where}")
        first.setdefault(name, table)


def check_sites(files: Files) -> None:
    """Note sites in no cell, in two, or in another than they say; unknown upstream sites."""
    ids = {site.site.id for site in files.sites}
    for file in files.sites:
        check_place(file, list(files.cells))
        for index, other in enumerate(file.site.upstream):
            if other not in ids or other == file.site.id:
                near = did_you_mean(other, ids - {file.site.id})
                file.table.wrong(f"upstream[{index}]", f"no other site is {other!r}", near)


def check_place(file: SiteFile, cells: list[CellFeature]) -> None:
    """Note a site whose cell is unknown, or whose place disagrees with it."""
    site, known = file.site, {feature.cell.id for feature in cells}
    found = cells_at(site.longitude, site.latitude, cells)
    place = f"latitude {site.latitude:g}, longitude {site.longitude:g}"
    if not file.table.sound("latitude", "longitude"):
        return
    if site.cell and site.cell not in known:
        file.table.wrong("cell", f"no cell is {site.cell!r}", did_you_mean(site.cell, known))
    elif not found:
        file.table.wrong(
            "latitude", f"{site.id!r} lies in no cell at {place}: nobody answers for it",
            "extend a cell in cells.geojson, or mend the position",
        )  # fmt: skip
    elif site.cell and site.cell not in found:
        file.table.wrong("cell", f"{place} lies in {found[0]!r}, not in {site.cell!r}")
    elif len(found) > 1 and not site.cell:
        file.table.wrong("cell", f"{place} lies in {' and '.join(found)}", "say which one")


def check_cells(files: Files) -> None:
    """Note cells that nobody answers for."""
    persons, policies = files.persons(), [p.name for p, _ in files.policies.policies]
    for feature in files.cells:
        cell, table = feature.cell, feature.table
        for key, name in (("responsible", cell.responsible), ("deputy", cell.deputy)):
            if name and name not in persons:
                table.wrong(key, f"no person is {name!r}", did_you_mean(name, persons))
        if cell.responsible and cell.responsible == cell.deputy:
            table.wrong("deputy", f"{cell.deputy!r} cannot stand in for themselves", "name another")
        if cell.policy and cell.policy not in policies:
            near = did_you_mean(cell.policy, policies)
            table.wrong("policy", f"no policy is {cell.policy!r}", near)


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
        table.wrong(channel, f"no channel is {channel!r}", did_you_mean(channel, kinds))
    elif kinds[channel] == "sms" and not PHONE.fullmatch(address):
        table.wrong(channel, "is not an E.164 number", "write it as +8613800000000, no spaces")
    elif kinds[channel] == "webhook" and not WEB_ADDRESS.fullmatch(address):
        table.wrong(channel, "is not a URL", "write it as https://host/path")
    elif not address:
        table.wrong(channel, "is empty")


def check_reach(files: Files, table: Table, key: str, person_id: str, step: EscalationStep) -> None:
    """Note that ``person_id`` has no address on any channel of ``step``."""
    person = files.persons().get(person_id)
    if person and not any(person.address(channel) for channel in step.by):
        table.wrong(
            key,
            f"{person_id!r} cannot be reached by {' or '.join(step.by)}",
            f"give {person_id} an address in {files.people.table.file}",
        )


def check_shifts(files: Files) -> None:
    """Note shifts of unknown people."""
    persons = files.persons()
    for shift, table in files.people.shifts:
        if shift.person and shift.person not in persons:
            near = did_you_mean(shift.person, persons)
            table.wrong("person", f"no person is {shift.person!r}", near)


def check_policies(files: Files) -> None:
    """Note missing policies and steps that tell unknown people by unknown channels."""
    names = {policy.name for policy, _ in files.policies.policies}
    for name in POLICIES:
        if name not in names:
            words = f"the policy {name!r} is missing"
            files.policies.table.wrong("policy", words, f'add [[policy]] name = "{name}"')
    for policy, table in files.policies.policies:
        for step, inner in zip(policy.steps, table.tables("step"), strict=False):
            check_step(files, step, inner)


def check_step(files: Files, step: EscalationStep, table: Table) -> None:
    """Note whom a step cannot tell, and by what."""
    channels = [channel.name for channel in files.channels]
    for index, name in enumerate(step.by):
        if name not in channels:
            near = did_you_mean(name, channels)
            table.wrong(f"by[{index}]", f"no channel is {name!r}", near)
    for index, whom in enumerate(step.notify):
        check_whom(files, step, table, f"notify[{index}]", whom)


def check_whom(files: Files, step: EscalationStep, table: Table, key: str, whom: str) -> None:
    """Note an entry of ``notify`` that names nobody who can be reached."""
    kind, _, name = whom.partition(":")
    if kind == "person" and name in files.persons():
        check_reach(files, table, key, name, step)
    elif kind == "person":
        table.wrong(key, f"no person is {name!r}", did_you_mean(name, files.persons()))
    elif kind == "on-call" and name in files.rosters():
        for person in sorted({s.person for s, _ in files.people.shifts if s.roster == name}):
            check_reach(files, table, key, person, step)
    elif kind == "on-call":
        table.wrong(key, f"no shift is of the roster {name!r}", did_you_mean(name, files.rosters()))
    elif whom not in ("responsible", "deputy"):
        known = ("responsible", "deputy", "on-call:ROSTER", "person:ID")
        table.wrong(key, f"{whom!r} is nobody", did_you_mean(whom, known))


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
                table.wrong(key, f"no {key} is {pattern!r}", did_you_mean(pattern, values))


def check_mappings(files: Files) -> None:
    """Note mappings onto sites that are not declared."""
    ids = {site.site.id for site in files.sites}
    for mapping, table in zip(files.mappings, files.hub.tables("mapping"), strict=True):
        if "{" not in mapping.site and mapping.site and mapping.site not in ids:
            near = did_you_mean(mapping.site, ids)
            table.wrong("site", f"no site is {mapping.site!r}", near)
