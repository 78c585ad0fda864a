"""``tocsin explain ID``: why there is an incident, what was measured, who was told and answered."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hub.cli.chart import chart, qualities
from hub.cli.place import clock_of, opened
from hub.cli.refusals import NO_INCIDENT
from hub.cli.show import coloured, local_time, masked, print_json, printable, span
from hub.cli.words import of_pair, say
from hub.clock import MICROSECONDS
from hub.config import read_config
from hub.dispatch.words import HAZARDS, LEVELS, unit_name
from hub.errors import TransitionError
from hub.model.book import Condition, Entry
from hub.model.incident import Incident
from hub.model.levels import LEVEL_NAMES
from hub.model.notification import Notification
from hub.model.pace import pace
from hub.store.book import Book
from hub.words import Words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hub.cli.parsers import Commands
    from hub.config import Configuration
    from hub.model.transition import Evidence

NARROWEST, WIDEST = 40, 100
MARGIN: Final = 14
INNER: Final = frozenset({"offset", "notification", "mute"})  # of use to a program, not a reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the book holds about one incident."""

    incident: Incident
    conditions: tuple[Condition, ...]
    timeline: tuple[Entry, ...]
    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """For whom it is written: language, zone, width, and what time it is."""

    language: str
    zone: str
    now_us: int
    columns: int

    def say(self, key: str) -> str:
        """Return a phrase in the reader's language."""
        return say(self.language, key)

    def time(self, time_us: int) -> str:
        """Return an instant in the reader's zone."""
        return local_time(time_us, self.zone)

    def unit(self, code: str) -> str:
        """Return a unit as the reader writes it."""
        return unit_name(code, chinese=self.language == "zh")


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    words = Words(
        "why an incident was raised, with chart, parameters and who was told",
        "说明事件因何而起：曲线、参数、通知过谁",
    )
    parser = commands.add_parser("explain", parents=[shared], help=words)
    parser.add_argument(
        "incident", metavar="ID", help=Words("an incident's id or reply code", "事件编号或回复码")
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help=Words("one JSON object with the window", "输出一个 JSON 对象，含输入数据"),
    )
    parser.set_defaults(run=explain)


def explain(args: argparse.Namespace) -> int:
    """Print everything that is known about one incident."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        case = case_of(Book(connection), args.incident)
        now_us = clock_of(connection).now_us()
    if args.json:
        print_json(case)
        return 0
    site = configuration.network.sites.get(case.incident.site)
    columns = min(max(shutil.get_terminal_size().columns - MARGIN, NARROWEST), WIDEST)
    zone = site.zone if site else configuration.hub.zone
    reader = Reader(language=args.lang, zone=zone, now_us=now_us, columns=columns)
    for line in report(case, configuration, reader):
        print(line)
    return 0


def case_of(book: Book, name: str) -> Case:
    """Return all about the incident of this id or code, addresses masked.

    Raises:
        TransitionError: there is none.
    """
    incident = book.incident(name)
    if incident is None:
        raise TransitionError(NO_INCIDENT.filled(name=name))
    told = (replace(n, address=masked(n.address)) for n in book.notifications(incident.id))
    return Case(
        incident=incident,
        conditions=tuple(book.conditions(incident.id)),
        timeline=tuple(book.timeline(incident.id)),
        notifications=tuple(told),
    )


def report(case: Case, configuration: Configuration, reader: Reader) -> Iterator[str]:
    """Yield the lines of the whole report."""
    yield from head(case.incident, reader)
    yield from cell_lines(case.incident, configuration, reader)
    for condition in case.conditions:
        yield ""
        yield from condition_lines(condition, reader)
    yield ""
    yield reader.say("timeline")
    yield from (f"  {entry_line(entry, reader)}" for entry in case.timeline)
    yield ""
    yield reader.say("told")
    told = [f"  {told_line(note, reader)}" for note in case.notifications]
    yield from told or [f"  {reader.say('nobody')}"]


def head(incident: Incident, reader: Reader) -> Iterator[str]:
    """Yield what it is and how it stands."""
    level = of_pair(reader.language, *LEVELS[incident.severity])
    hazard = of_pair(reader.language, *HAZARDS[incident.hazard])
    headline = of_pair(reader.language, incident.headline_en, incident.headline_zh)
    marks = [reader.say("drill")] * incident.drill + [
        reader.say("found late")
    ] * incident.found_late
    title = " ".join([*marks, incident.code, level, hazard])
    yield coloured(f"{title} · {printable(headline)}", incident.severity)
    end_us = incident.resolved_us
    elapsed = span((end_us or reader.now_us) - incident.triggered_us, reader.language)
    states = [reader.say(incident.status), reader.say(incident.presence)]
    cap = f"{incident.severity} / {incident.urgency} / {incident.certainty}"
    yield " · ".join([*states, cap, f"{reader.say('took' if end_us else 'open for')} {elapsed}"])
    yield f"{reader.say('since')} {reader.time(incident.raised_us)} · {incident.id}"


def cell_lines(incident: Incident, configuration: Configuration, reader: Reader) -> Iterator[str]:
    """Yield who answers for the place, and what is at hand there."""
    cell = configuration.network.cells.get(incident.cell)
    if cell is None:
        return
    persons = configuration.people.persons
    names = {p.id: of_pair(reader.language, p.name_en, p.name_zh) for p in persons.values()}
    place = of_pair(reader.language, cell.name_en, cell.name_zh)
    yield (
        f"{reader.say('cell')} {place}: {reader.say('responsible')} "
        f"{names.get(cell.responsible, cell.responsible)}, {reader.say('deputy')} "
        f"{names.get(cell.deputy, cell.deputy)}"
    )
    if cell.resources:
        items = [
            of_pair(reader.language, r.name_en, r.name_zh) + (f" ({r.where})" if r.where else "")
            for r in cell.resources
        ]
        yield f"{reader.say('resources')}: {'; '.join(items)}"


def condition_lines(condition: Condition, reader: Reader) -> Iterator[str]:
    """Yield one condition with its evidence and chart."""
    evidence = condition.evidence
    state = reader.say("standing" if condition.standing else "cleared")
    yield f"{reader.say('condition')} {condition.key} · {state} · {condition.severity}"
    yield f"  {reader.say('since')} {reader.time(condition.raised_us)}"
    words = of_pair(reader.language, evidence.words_en, evidence.words_zh)
    if words:
        yield f"  {printable(words)}"
    yield f"  {reader.say('detector')} {evidence.detector} · {reader.say('rule')} {evidence.rule}"
    for label, value in figures(condition, reader):
        yield f"  {reader.say(label)}: {value}"
    yield from window_lines(evidence, reader)


def figures(condition: Condition, reader: Reader) -> Iterator[tuple[str, str]]:
    """Yield (label, value with unit) of every number that the detector gave."""
    evidence = condition.evidence
    unit = reader.unit(evidence.unit)
    if evidence.value is not None:
        yield "value", f"{evidence.value:.4g} {unit}"
    if evidence.limit is not None:
        name = evidence.limit_name
        named = of_pair(reader.language, *LEVEL_NAMES.get(name, (name, name))) if name else ""
        yield "limit", f"{evidence.limit:.4g} {unit} {named}".rstrip()
    if evidence.trend_per_h is not None:
        told = pace(condition.hazard)
        yield "trend", f"{evidence.trend_per_h / told.per_hour:+.3g} {unit}/{told.english}"
    if evidence.expected is not None:
        yield "expected", f"{evidence.expected:.4g} {unit}"
    if evidence.statistic is not None:
        over = f" / {evidence.statistic_limit:.4g}" if evidence.statistic_limit is not None else ""
        yield "statistic", f"{evidence.statistic:.4g}{over}"
    if evidence.onset_us is not None:
        yield "onset", reader.time(evidence.onset_us)
    if evidence.eta_s is not None:
        yield "eta", eta(evidence, reader)
    if evidence.parameters:
        pairs = (f"{name}={shown(value)}" for name, value in evidence.parameters.items())
        yield "parameters", ", ".join(pairs)


def eta(evidence: Evidence, reader: Reader) -> str:
    """Return the forecast with its interval."""
    ends = (evidence.eta_s, evidence.eta_low_s, evidence.eta_high_s)
    middle, low, high = (None if s is None else lasting(s, reader) for s in ends)
    return f"{middle} ({low} - {high})" if low and high else str(middle)


def lasting(seconds: float, reader: Reader) -> str:
    """Return a length of time that a detector gave in seconds."""
    if not 0 <= seconds < 1e9:
        return "?"
    return span(round(seconds * MICROSECONDS), reader.language)


def shown(value: Any) -> str:  # noqa: ANN401  a parameter: number, text or None
    """Return a detector's parameter, numbers shortened."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def window_lines(evidence: Evidence, reader: Reader) -> Iterator[str]:
    """Yield the chart of the input window and what quality its observations have."""
    drawn = chart(evidence.window, limit=evidence.limit, zone=reader.zone, columns=reader.columns)
    if not drawn:
        yield f"  {reader.say('no window')}"
        return
    yield from (f"  {line}" for line in drawn)
    counts = [f"{reader.say(name)} {count}" for name, count in qualities(evidence.window).items()]
    yield f"  {reader.say('quality')}: {', '.join(counts)}"


def entry_line(entry: Entry, reader: Reader) -> str:
    """Return one line of the timeline."""
    by = f" {reader.say('by')} {entry.by}" if entry.by else ""
    facts = "; ".join(f"{key} {masked(str(v))}" for key, v in told_facts(entry, reader))
    tail = f" · {facts}" if facts else ""
    return printable(f"{reader.time(entry.at_us)}  {reader.say(entry.kind)}{by}{tail}")


def told_facts(entry: Entry, reader: Reader) -> Iterator[tuple[str, object]]:
    """Yield what an entry says besides its kind, without the other language's words."""
    other = "_en" if reader.language == "zh" else "_zh"
    for key, value in entry.body.items():
        if value in (None, "", False) or key.endswith(other) or key in INNER:
            continue
        if key.endswith("_us") and isinstance(value, int):
            yield key.removesuffix("_us"), reader.time(value)
        else:
            yield key.removesuffix("_en").removesuffix("_zh"), shown(value)


def told_line(note: Notification, reader: Reader) -> str:
    """Return who was told, by what, and what came of it."""
    attempt = f", {reader.say('attempt')} {note.attempt}" if note.attempt > 1 else ""
    reason = f" ({note.reason})" if note.reason else ""
    state = f"{reader.say(note.state)}{attempt}{reason}"
    who = f"{note.person} · {note.channel} {note.address} · {note.purpose}"
    return printable(f"{reader.time(note.created_us)}  {who} · {state}")
