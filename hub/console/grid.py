"""Sites and cells as they stand: what is open there, who answers, what nobody sees."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from hub.console.shapes import CellShape, PersonShape, ResourceShape, SiteShape, Words
from hub.console.view import worst
from hub.dispatch.words import HAZARDS
from hub.incident.cells import cell_of
from hub.model.incident import Status
from hub.model.network import Hazard, Severity

if TYPE_CHECKING:
    import sqlite3

    from hub.console.view import Sight, View
    from hub.model.network import Cell
    from hub.model.response import People

NO_DANGER: Final = frozenset({Hazard.SENSOR, Hazard.HUB})  # they tell of the hub's own means


def sites(connection: sqlite3.Connection, view: View, known: list[Sight]) -> list[SiteShape]:
    """Return every declared site with the worst of its open incidents."""
    rows = connection.execute(
        "SELECT site, severity FROM incident WHERE status <> ?", (Status.RESOLVED,)
    ).fetchall()
    present = Counter(stream.site for stream in known)
    silent = Counter(stream.site for stream in known if stream.silent)
    return [
        SiteShape(
            id=site.id,
            name=Words(en=site.name_en, zh=site.name_zh),
            cell=site.cell,
            latitude=site.latitude,
            longitude=site.longitude,
            zone=site.zone,
            severity=worst(Severity(severity) for name, severity in rows if name == site.id),
            open_incidents=sum(name == site.id for name, _ in rows),
            datastreams=present[site.id],
            silent=silent[site.id],
        )
        for site in view.network.sites.values()
    ]


def person_shape(people: People, person: str) -> PersonShape:
    """Return a person by name; one the configuration does not know keeps the id."""
    known = people.persons.get(person)
    names = Words(en=known.name_en, zh=known.name_zh) if known else Words(en=person, zh=person)
    return PersonShape(id=person, name=names)


def cells(view: View, known: list[Sight]) -> list[CellShape]:
    """Return every cell, blind where a hazard has no working sensor or nobody answers."""
    return [cell_shape(view, cell, known) for cell in view.network.cells.values()]


def cell_shape(view: View, cell: Cell, known: list[Sight]) -> CellShape:
    """Return one cell as it stands."""
    inside = [
        site.id for site in view.network.sites.values() if cell_of(view.network, site) == cell
    ]
    why = blind_because(view, cell, [stream for stream in known if stream.site in inside])
    return CellShape(
        id=cell.id,
        name=Words(en=cell.name_en, zh=cell.name_zh),
        responsible=person_shape(view.people, cell.responsible),
        deputy=person_shape(view.people, cell.deputy),
        residents=cell.residents,
        sites=inside,
        sighted=why is None,
        blind_because=why,
        resources=[
            ResourceShape(kind=r.kind, name=Words(en=r.name_en, zh=r.name_zh), where=r.where)
            for r in cell.resources
        ],
        ring=list(cell.ring),
    )


def blind_because(view: View, cell: Cell, inside: list[Sight]) -> Words | None:
    """Return why nobody sees or answers for ``cell``, or None when it is sighted.

    Each hazard of each site is judged on its own: a working thermometer sees no flood.
    """
    if not {cell.responsible, cell.deputy} & set(view.people.persons):
        return Words(en="nobody answers for this cell", zh="该网格无人负责")
    watching: dict[tuple[str, Hazard], list[Sight]] = defaultdict(list)
    for stream in inside:
        if stream.declared and stream.hazard not in NO_DANGER:
            watching[stream.site, stream.hazard].append(stream)
    if not watching:
        return Words(en="no declared sensor watches this cell", zh="该网格没有已声明的传感器")
    lost = [place for place, streams in watching.items() if all(map(useless, streams))]
    return unseen(view, lost) if lost else None


def useless(stream: Sight) -> bool:
    """Say whether ``stream`` shows nothing now."""
    return stream.silent or stream.faulty


def unseen(view: View, lost: list[tuple[str, Hazard]]) -> Words:
    """Return in words which hazards nobody sees, and where."""
    hazards: dict[str, list[Hazard]] = defaultdict(list)
    for site, hazard in lost:
        hazards[site].append(hazard)
    names = {id_: view.network.sites[id_] for id_ in hazards}
    english = (" and ".join(HAZARDS[one][0] for one in found) for found in hazards.values())
    chinese = ("、".join(HAZARDS[one][1] for one in found) for found in hazards.values())
    sites = names.values()
    return Words(
        en="; ".join(
            f"{site.name_en}: no working sensor for {what}"
            for site, what in zip(sites, english, strict=True)
        ),
        zh="；".join(
            f"{site.name_zh}：{what}传感器全部中断或故障"
            for site, what in zip(sites, chinese, strict=True)
        ),
    )
