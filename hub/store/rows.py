"""Rows of the book as the words of the model, and the SQL whose columns are their fields."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.model.book import Condition, Deadline, DeadlineKind, Entry
from hub.model.incident import Incident, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.model.transition import Certainty, Evidence, Kind, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Row = tuple[Any, ...]

OF_INCIDENT: Final[Mapping[str, Callable[[Any], object]]] = {
    "hazard": Hazard,
    "status": Status,
    "presence": Presence,
    "severity": Severity,
    "certainty": Certainty,
    "urgency": Urgency,
    "found_late": bool,
    "drill": bool,
}
OF_NOTIFICATION: Final[Mapping[str, Callable[[Any], object]]] = {
    "purpose": Purpose,
    "severity": Severity,
    "state": NotificationState,
    "repeat": bool,
}
OF_CONDITION: Final[Mapping[str, Callable[[Any], object]]] = {
    "kind": Kind,
    "hazard": Hazard,
    "severity": Severity,
    "standing": bool,
    "evidence": lambda text: msgspec.json.decode(text, type=Evidence),
    "applied": lambda text: tuple(text.split(",")),
    "muted": bool,
}
OF_DEADLINE: Final[Mapping[str, Callable[[Any], object]]] = {
    "kind": DeadlineKind,
    "body": json.loads,
}
OF_CONDITION_ALL: Final = tuple(field.name for field in fields(Condition))
QUOTED: Final = frozenset({"offset", "by", "repeat", "key"})


def quoted(names: Sequence[str]) -> str:
    """Return column names as SQL wants them; they are the fields of our own classes."""
    return ", ".join(f'"{name}"' if name in QUOTED else name for name in names)


def marks(values: Collection[object]) -> str:
    """Return one question mark for each of ``values``."""
    return ", ".join("?" * len(values))


def select(table: str, names: Sequence[str], rest: str) -> str:
    """Return a SELECT of ``names``; ``rest`` is one of our own literals."""
    return f"SELECT {quoted(names)} FROM {table} {rest}"  # noqa: S608


def insert(table: str, names: Sequence[str], verb: str = "INSERT") -> str:
    """Return an INSERT of all ``names``."""
    return f"{verb} INTO {table} ({quoted(names)}) VALUES ({marks(names)})"


def update(table: str, names: Sequence[str]) -> str:
    """Return an UPDATE of all ``names``, still without its WHERE."""
    return f"UPDATE {table} SET " + ", ".join(f"{quoted((name,))} = ?" for name in names)  # noqa: S608


def read(cls: type, converters: Mapping[str, Callable[[Any], object]], row: Row) -> dict[str, Any]:
    """Return the fields of ``cls`` from a row of its columns."""
    names = [field.name for field in fields(cls)]
    return {
        name: converters[name](value) if name in converters else value
        for name, value in zip(names, row, strict=True)
    }


def to_incident(row: Row) -> Incident:
    """Return an incident from its columns in the order of its fields."""
    return Incident(**read(Incident, OF_INCIDENT, row))


def to_notification(row: Row) -> Notification:
    """Return a notification from its columns in the order of its fields."""
    return Notification(**read(Notification, OF_NOTIFICATION, row))


def to_condition(row: Row) -> Condition:
    """Return a condition from its columns in the order of its fields."""
    return Condition(**read(Condition, OF_CONDITION, row))


def to_deadline(row: Row) -> Deadline:
    """Return a timer from its columns in the order of its fields."""
    return Deadline(**read(Deadline, OF_DEADLINE, row))


def to_entry(row: Row) -> Entry:
    """Return a line of a timeline."""
    number, incident, at_us, kind, by, body = row
    return Entry(id=number, incident=incident, at_us=at_us, kind=kind, by=by, body=json.loads(body))


def from_condition(condition: Condition) -> list[object]:
    """Return the columns of ``condition`` in the order of its fields."""
    as_text = {
        "evidence": msgspec.json.encode(condition.evidence).decode(),
        "applied": ",".join(condition.applied),
    }
    return [as_text.get(name, getattr(condition, name)) for name in OF_CONDITION_ALL]
