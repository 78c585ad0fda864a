"""The hub's numbers about itself in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hub.clock import MICROSECONDS
from hub.console.deps import DEPS, THREADS
from hub.console.feed import FEED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from hub.console.deps import ConsoleDeps

Labels = tuple[tuple[str, str], ...]
PREFIX: Final = "tocsin_"
STREAMS_MOST: Final = 20_000
HELP: Final = {
    "tocsin_reading_age_seconds": "Age of the newest observation, by the hub's clock.",
    "tocsin_check_ok": "1 when this check of the hub is well, 0 when it is not.",
    "tocsin_incidents_open": "Incidents that are not resolved, by status and severity.",
    "tocsin_notifications": "Notifications in the outbox, by state.",
    "tocsin_notify_latency_seconds": "Mean time to the provider's acceptance, newest 100.",
    "tocsin_quarantine_rows": "Messages and observations kept aside with a reason.",
    "tocsin_log_end_offset": "Offset of the newest observation in the log.",
    "tocsin_loop_lag_offsets": "Offsets between the log's end and what the loop committed.",
    "tocsin_feed_readers": "Open live feeds.",
    "tocsin_loop_errors_total": "Failed steps, by loop.",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric."""

    name: str
    value: float
    labels: Labels = ()


def quoted(text: str) -> str:
    """Return a label's value as the format wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """Return a sample's value as the format wants it."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def line(sample: Sample) -> str:
    """Return one line of the exposition."""
    pairs = ",".join(f'{name}="{quoted(text)}"' for name, text in sample.labels)
    return (
        f"{sample.name}{{{pairs}}} {number(sample.value)}"
        if pairs
        else (f"{sample.name} {number(sample.value)}")
    )


def exposition(samples: Iterable[Sample]) -> str:
    """Return the samples grouped by name, each group under its HELP and TYPE."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.name, []).append(sample)
    lines: list[str] = []
    for name, group in sorted(groups.items()):
        lines += [f"# HELP {name} {help_of(name)}", f"# TYPE {name} {type_of(name)}"]
        lines += [line(sample) for sample in group]
    return "\n".join(lines) + "\n"


def help_of(name: str) -> str:
    """Return what a metric means; one without a text of its own says its name."""
    return HELP.get(name, name.removeprefix(PREFIX).replace("_", " ") + ".")


def type_of(name: str) -> str:
    """Return the metric's type by Prometheus' own naming rule."""
    return "counter" if name.endswith("_total") else "gauge"


def own(deps: ConsoleDeps) -> list[Sample]:
    """Return the counts, gauges and checks that the loops keep."""
    counted = [
        Sample(full_name(name), value, (("of", label),) if label else ())
        for (name, label), value in deps.health.counts().items()
    ]
    checks = [
        Sample("tocsin_check_ok", float(check.ok), (("check", name),))
        for name, check in deps.health.checks().items()
    ]
    return counted + checks


def full_name(name: str) -> str:
    """Return the metric's name with the prefix, in letters that the format allows."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
    return kept if kept.startswith(PREFIX) else PREFIX + kept


def stored(connection: sqlite3.Connection, deps: ConsoleDeps) -> list[Sample]:
    """Return what the store knows: ages, incidents, outbox, quarantine, lag."""
    return [
        *ages(connection, deps),
        *grouped(
            connection,
            "tocsin_incidents_open",
            ("status", "severity"),
            "SELECT status, severity, count(*) FROM incident"
            " WHERE status <> 'resolved' GROUP BY 1, 2",
        ),
        *grouped(
            connection,
            "tocsin_notifications",
            ("state",),
            "SELECT state, count(*) FROM notification GROUP BY 1",
        ),
        *grouped(connection, "tocsin_quarantine_rows", (), "SELECT count(*) FROM quarantine"),
        *latency(connection),
        *lags(connection),
    ]


def grouped(
    connection: sqlite3.Connection, name: str, labels: tuple[str, ...], query: str
) -> list[Sample]:
    """Return one sample per row of (labels..., value)."""
    return [
        Sample(name, row[-1], tuple(zip(labels, map(str, row[:-1]), strict=True)))
        for row in connection.execute(query)
    ]


def ages(connection: sqlite3.Connection, deps: ConsoleDeps) -> list[Sample]:
    """Return the age of the newest observation of each datastream that ever spoke."""
    now_us = deps.clock.now_us()
    rows = connection.execute(
        "SELECT site, node, name, coalesce((SELECT max(time_us) FROM observation"
        " WHERE slot = datastream.slot AND lateness <> 3), newest_us) AS newest"
        " FROM datastream WHERE newest IS NOT NULL LIMIT ?",
        (STREAMS_MOST,),
    )
    return [
        Sample(
            "tocsin_reading_age_seconds",
            (now_us - newest) / MICROSECONDS,
            (("site", site), ("node", node), ("datastream", name)),
        )
        for site, node, name, newest in rows
    ]


def latency(connection: sqlite3.Connection) -> list[Sample]:
    """Return how long the newest 100 sent notifications took to be accepted, in the mean."""
    (mean_us,) = connection.execute(
        "SELECT avg(took) FROM (SELECT sent_us - created_us AS took FROM notification"
        " WHERE sent_us IS NOT NULL ORDER BY created_us DESC LIMIT 100)"
    ).fetchone()
    return (
        [] if mean_us is None else [Sample("tocsin_notify_latency_seconds", mean_us / MICROSECONDS)]
    )


def lags(connection: sqlite3.Connection) -> list[Sample]:
    """Return the log's end and how far each loop is behind it."""
    (end,) = connection.execute('SELECT coalesce(max("offset"), 0) FROM observation').fetchone()
    rows = connection.execute('SELECT loop, "offset" FROM position').fetchall()
    return [
        Sample("tocsin_log_end_offset", end),
        *(
            Sample("tocsin_loop_lag_offsets", max(0, end - offset), (("loop", loop),))
            for loop, offset in rows
        ),
    ]


async def metrics(request: web.Request) -> web.Response:
    """Show the hub's numbers to Prometheus."""
    deps = request.app[DEPS]
    found = await request.app[THREADS].read(lambda connection: stored(connection, deps))
    readers = Sample("tocsin_feed_readers", len(request.app[FEED].readers))
    return web.Response(
        body=exposition([*own(deps), *found, readers]).encode(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )
