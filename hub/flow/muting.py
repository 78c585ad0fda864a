"""Mutes as people set them: begin with reason and end, and end loudly."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.dispatch.figures import at_zone
from hub.flow.record import fold_for, write
from hub.flow.refusal import Done, RefusalError
from hub.incident.sighting import Sighting
from hub.incident.suppress import active, muting
from hub.model.book import Deadline, DeadlineKind, Entry, Mute
from hub.model.network import Severity
from hub.model.transition import Change, Transition

if TYPE_CHECKING:
    from hub.flow.desk import Desk
    from hub.flow.record import Recorded
    from hub.model.book import Condition, Detail
    from hub.model.incident import Action
    from hub.store.book import Book

LONGEST_S: Final = timedelta(days=7) // timedelta(seconds=1)


def begin(book: Book, desk: Desk, action: Action, now_us: int) -> Done:
    """Mute the target from now until the end given.

    Raises:
        RefusalError: no such target, no reason, or no sensible end.
    """
    target = target_of(desk, action)
    mute = Mute(
        id=action.offset,
        target=target,
        reason=reason_of(action),
        by=action.by,
        from_us=now_us,
        until_us=end_of(action, now_us),
    )
    book.add_mute(mute)
    book.put_deadline(timer_of(mute))
    book.add_entry(entry_of(mute, "mute", now_us, by=action.by))
    until = f"{at_zone(mute.until_us, zone_of(desk, target)):%Y-%m-%d %H:%M}"
    return Done(f"{target}: muted until {until}", f"{target}：静音至 {until}")


def target_of(desk: Desk, action: Action) -> str:
    """Return the site, node or ``node/name`` that the action means."""
    target = action.target.strip()
    node, _, name = target.partition("/")
    network = desk.network
    known = (
        target in network.sites
        or target in network.nodes
        or ((node, name) in network.datastreams or desk.knows(node, name))
    )
    if not target or not known:
        raise RefusalError(
            f"no site, node or node/datastream {target[:60]}",
            f"没有点位、节点或数据流 {target[:60]}",
        )
    return target


def zone_of(desk: Desk, target: str) -> str:
    """Return the time zone of the site that ``target`` is or hangs at; UTC where nobody knows."""
    node, _, name = target.partition("/")
    slot = desk.catalogue.slot_of(node, name)
    stream = None if slot is None else desk.stream(slot)
    place = stream.site if stream else desk.network.nodes.get(node, target)
    site = desk.network.sites.get(place)
    return site.zone if site else "UTC"


def reason_of(action: Action) -> str:
    """Return why it is muted; nothing is muted without a reason."""
    reason = str(action.details.get("reason") or "").strip()[:200]
    if not reason:
        raise RefusalError("a mute needs a reason", "静音须说明原因")
    return reason


def end_of(action: Action, now_us: int) -> int:
    """Return when the mute ends: in the future, at most a week ahead."""
    until_us = action.details.get("until_us")
    ahead_us = int(until_us) - now_us if isinstance(until_us, int | float) else 0
    if not 0 < ahead_us <= LONGEST_S * MICROSECONDS:
        raise RefusalError("a mute needs an end within a week", "静音须在一周内结束，请给出时间")
    return now_us + ahead_us


def timer_of(mute: Mute) -> Deadline:
    """Return the timer that ends ``mute``; what it hid may be urgent."""
    return Deadline(
        id=f"mute:{mute.id}",
        kind=DeadlineKind.MUTE_END,
        incident="",
        severity_rank=Severity.EXTREME.rank,
        due_us=mute.until_us,
        created_us=mute.from_us,
        body={"mute": mute.id, "target": mute.target},
    )


def entry_of(mute: Mute, kind: str, at_us: int, by: str = "") -> Entry:
    """Return the line of no incident's timeline about ``mute``."""
    body: dict[str, Detail] = {
        "target": mute.target,
        "reason": mute.reason,
        "until_us": mute.until_us,
    }
    return Entry(incident="", at_us=at_us, kind=kind, by=by, body={**body, "mute": mute.id})


def end_all(book: Book, desk: Desk, action: Action, now_us: int) -> Done:
    """End every mute of the target.

    Raises:
        RefusalError: it is not muted.
    """
    target = action.target.strip()
    found = [m for m in book.mutes_of(target) if active(m, now_us)]
    if not found:
        raise RefusalError(f"{target[:60]} is not muted", f"{target[:60]}未静音")
    done = [end(book, desk, mute, now_us, by=action.by) for mute in found]
    told = sum(recorded.notifications for recorded in done)
    return Done(f"{target}: mute ended, {told} told", f"{target}：静音结束，通知{told}人")


def end(book: Book, desk: Desk, mute: Mute, now_us: int, by: str = "") -> Recorded:
    """End ``mute`` and let incidents know what it kept from them; what stands pages."""
    book.end_mute(mute.id)
    book.drop_deadline(f"mute:{mute.id}")
    book.add_entry(entry_of(mute, "mute-ended", now_us, by=by))
    mutes = book.mutes(now_us)
    seen = [
        (c, s)
        for c in book.muted_conditions()
        if not muting(mutes, (s := seen_again(desk, c)).site, stream_id(s), now_us)
    ]
    fold = fold_for(book, desk, [s for _, s in seen], now_us, mutes)
    for condition, sighting in seen:
        fold.unmute(condition, sighting)
    return write(book, desk, fold.result(), now_us)


def stream_id(seen: Sighting) -> str:
    """Return ``node/name``, or nothing for a whole site."""
    return seen.stream.id if seen.stream else ""


def seen_again(desk: Desk, condition: Condition) -> Sighting:
    """Return what ``condition`` says now, as if it had just been seen."""
    change = Transition(
        key=condition.key,
        change=Change.RAISED if condition.standing else Change.CLEARED,
        kind=condition.kind,
        severity=condition.severity,
        time_us=condition.changed_us,
        offset=condition.offset,
        slot=condition.slot,
        evidence=condition.evidence,
        hazard=condition.hazard,
        site=condition.site,
    )
    return Sighting(transition=change, stream=desk.stream(condition.slot))
