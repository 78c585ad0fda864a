"""Writes what detectors found into the book, inside the transaction of watch.

Reads what is open, folds purely (hub/incident), and writes conditions, incidents,
timelines, pages and timers. The same transitions again change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.flow.desk import Desk, Paging
from hub.flow.paging import Pager
from hub.incident.correlate import Effect, Fold
from hub.incident.sighting import Sighting
from hub.incident.upkeep import ailment
from hub.model.incident import Status
from hub.model.network import Hazard
from hub.store.book import Book

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from hub.dispatch.text import Message
    from hub.flow.desk import Streams
    from hub.incident.correlate import Folded, Page
    from hub.incident.upkeep import Ailment
    from hub.model.book import Mute
    from hub.model.incident import Incident
    from hub.model.network import Network
    from hub.model.response import People
    from hub.model.transition import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written: ids of changed incidents, how many new pages, each effect in order."""

    incidents: tuple[str, ...] = ()
    notifications: int = 0
    effects: tuple[Effect, ...] = ()

    def __add__(self, other: Recorded) -> Recorded:
        return Recorded(
            incidents=tuple(dict.fromkeys((*self.incidents, *other.incidents))),
            notifications=self.notifications + other.notifications,
            effects=(*self.effects, *other.effects),
        )


def record_transitions(
    connection: sqlite3.Connection,
    transitions: Sequence[Transition],
    *,
    catalogue: Streams,
    network: Network,
    people: People,
    now_us: int,
    composer: Callable[[Message, str], str],
    paging: Paging | None = None,
) -> Recorded:
    """Write ``transitions``, in the order of the log, and the pages they make.

    Call inside an open transaction, together with the position they bring watch to.
    ``now_us`` is the hub's clock; ``paging`` has links and receipts.

    Raises:
        StoreError: the book was changed by somebody outside of the transaction.
    """
    if not transitions:
        return Recorded()
    desk = Desk(
        network=network,
        people=people,
        catalogue=catalogue,
        composer=composer,
        paging=paging or Paging(),
    )
    return record(Book(connection), desk, transitions, now_us)


def record(
    book: Book,
    desk: Desk,
    transitions: Iterable[Transition],
    now_us: int,
    mutes: Sequence[Mute] | None = None,
) -> Recorded:
    """Fold ``transitions`` in and write what they change; ``mutes`` None means those that hold."""
    sightings = [Sighting(transition=t, stream=desk.stream(t.slot)) for t in transitions]
    fold = fold_for(book, desk, sightings, now_us, mutes)
    for seen in sightings:
        fold.take(seen)
    return write(book, desk, fold.result(), now_us)


def fold_for(
    book: Book,
    desk: Desk,
    sightings: Sequence[Sighting],
    now_us: int,
    mutes: Sequence[Mute] | None = None,
) -> Fold:
    """Return the board as far as ``sightings`` can touch it."""
    around = book.open_at({seen.site for seen in sightings})
    keys = dict.fromkeys(seen.transition.key for seen in sightings)
    found = (book.condition(key) for key in keys)
    return Fold(
        incidents=around,
        conditions=[c for c in found if c is not None],
        unsettled={i.id: book.unsettled(i.id) for i in around},
        ended_us={i.id: book.ended_us(i.id) for i in around},
        mutes=book.mutes(now_us) if mutes is None else mutes,
        network=desk.network,
        now_us=now_us,
        known=book.is_known,
        taken=book.open_codes() | book.digests.codes(now_us),
        ailing={i.id: ailing(book, desk, i) for i in around if i.hazard is Hazard.SENSOR},
    )


def ailing(book: Book, desk: Desk, incident: Incident) -> dict[str, Ailment]:
    """Return what ails a site: what stands of its maintenance incident, by key."""
    return {
        key: ailment(key, kind, desk.stream(slot)) for key, slot, kind in book.troubles(incident.id)
    }


def write(book: Book, desk: Desk, folded: Folded, now_us: int) -> Recorded:
    """Write what a fold changed, then what it tells people, the worst first."""
    for condition in folded.conditions:
        book.put_condition(condition)
    for entry in folded.entries:
        book.add_entry(entry)
    pager = Pager(book, desk, now_us)
    worst_first = sorted(folded.incidents, key=lambda i: (-i.severity.rank, i.id))
    for incident in worst_first:
        book.put_incident(told(pager, incident, folded.pages.get(incident.id)))
    done = Recorded(
        incidents=tuple(i.id for i in worst_first),
        notifications=pager.out.told,
        effects=folded.effects,
    )
    return done + record_troubles(book, desk, pager)


def told(pager: Pager, incident: Incident, page: Page | None) -> Incident:
    """Return ``incident`` after people were told what they have to know."""
    if incident.status is Status.RESOLVED:
        pager.stop(incident, "over")
    if page is None:
        return incident
    if page.fresh:
        return pager.start(incident, page.purpose)
    return pager.retell(incident, page.purpose)


def record_troubles(book: Book, desk: Desk, pager: Pager) -> Recorded:
    """Record what came up while telling people; it pages the hub's operator."""
    if not pager.troubles:
        return Recorded()
    return record(book, desk, pager.troubles, pager.now_us, mutes=())
