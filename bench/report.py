"""The tables of a run: the median of the repeats, ratios to the bare subscriber, the goals."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = dict[str, Any]
Column = tuple[str, "Callable[[list[Row]], str]"]

OF_BARE: Final = 0.65
OBSERVATIONS_S: Final = 60_000
WITH_INFLUX_S: Final = 54_000
P99_MS: Final = 500
MEMORY_MB: Final = 400
MANY: Final = 10_000


def table(about: dict[str, str], rows: list[Row]) -> str:
    """Return the run as Markdown."""
    bare = [row for row in rows if row["what"] == "bare"]
    hub = [row for row in rows if row["what"] == "sustained"]
    late = [row for row in rows if row["what"] == "latency"]
    parts = [
        head(about),
        markdown(bare, BARE),
        markdown(hub, (*SUSTAINED[:3], ("of bare", of_bare(bare)), *SUSTAINED[3:])),
        markdown(late, LATENCY),
        markdown(hub, MEMORY),
        goals(rows, bare),
    ]
    return "\n\n".join(parts)


def head(about: dict[str, str]) -> str:
    """Return when, what and where in one line."""
    where = f"{about['at']}, commit {about['commit']}, {about['machine']}"
    return f"{where}. Medians; `others` is how many cores something else kept busy meanwhile."


def markdown(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Return groups of equal runs as a table, one line each."""
    heads = [name for name, _ in (*RUN, *columns)]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for group in groups(rows):
        cells = [show(group) for _, show in (*RUN, *columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Return the rows of one kind of run together, in their order."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("broker", "what", "influx", "streams", "per"))
        found.setdefault(key, []).append(row)
    return list(found.values())


def middle(group: Iterable[Row], name: str) -> float:
    """Return the median of a column."""
    return float(statistics.median(row[name] for row in group))


def shown(name: str, digits: int = 0) -> Callable[[list[Row]], str]:
    """Return what shows the median of a column."""
    return lambda group: f"{middle(group, name):,.{digits}f}"


def spread(name: str) -> Callable[[list[Row]], str]:
    """Return what shows the least and the most of a column."""
    return lambda group: (
        f"{min(row[name] for row in group):,.0f} to {max(row[name] for row in group):,.0f}"
    )


def same(name: str) -> Callable[[list[Row]], str]:
    """Return what shows a column that is the same in the whole group."""
    return lambda group: str(group[0][name])


def of_bare(bare: list[Row]) -> Callable[[list[Row]], str]:
    """Return what shows messages/s as a share of the bare subscriber's."""
    return lambda group: f"{ratio(group, bare):.2f}"


def ratio(group: Sequence[Row], bare: list[Row]) -> float:
    """Return the group's messages/s over those of the bare subscriber on the same broker."""
    beside = [row for row in bare if all(row[k] == group[0][k] for k in ("broker", "per"))]
    return middle(group, "messages_s") / middle(beside, "messages_s") if beside else float("nan")


def costs(group: list[Row]) -> str:
    """Return CPU microseconds per observation: hub, broker, InfluxDB, and their sum."""
    parts = [middle(group, f"cpu_{name}") for name in ("hub", "broker", "influx")]
    return " + ".join(f"{part:.1f}" for part in parts) + f" = {sum(parts):.1f}"


def backlog(group: list[Row]) -> str:
    """Return how far InfluxDB was behind at the last receipt, and how long it took to follow."""
    if not group[0]["influx"]:
        return "-"
    return f"{middle(group, 'behind'):,.0f} / {middle(group, 'drain_s'):.1f} s"


def into_influx(group: list[Row]) -> str:
    """Return the observations per second from the first publish until InfluxDB had the last."""
    if not group[0]["influx"]:
        return "-"
    rates = [row["messages"] * row["per"] / (row["seconds"] + row["drain_s"]) for row in group]
    return f"{statistics.median(rates):,.0f}"


RUN: Final[tuple[Column, ...]] = (
    ("broker", same("broker")),
    ("InfluxDB", lambda group: "on" if group[0]["influx"] else "off"),
    ("streams", same("streams")),
    ("obs/msg", same("per")),
)
BARE: Final[tuple[Column, ...]] = (
    ("messages/s", shown("messages_s")),
    ("least to most", spread("messages_s")),
    (
        "CPU us/message, subscriber",
        lambda group: f"{middle(group, 'cpu_hub') * group[0]['per']:.1f}",
    ),
    ("others", shown("others", 1)),
)
SUSTAINED: Final[tuple[Column, ...]] = (
    ("messages/s", shown("messages_s")),
    ("least to most", spread("messages_s")),
    ("observations/s", shown("observations_s")),
    ("CPU us/obs: hub + broker + InfluxDB", costs),
    ("InfluxDB behind / drained", backlog),
    ("obs/s into InfluxDB", into_influx),
    ("missing", shown("missing")),
    ("others", shown("others", 1)),
)
LATENCY: Final[tuple[Column, ...]] = (
    ("messages/s", shown("messages_s")),
    ("pages", same("pages")),
    ("p50 ms", shown("p50_ms")),
    ("p99 ms", shown("p99_ms")),
    ("worst ms", shown("worst_ms")),
    ("others", shown("others", 1)),
)
MEMORY: Final[tuple[Column, ...]] = (
    ("hub MB", shown("rss_mb")),
    ("fit worker MB", shown("workers_mb")),
    ("both, shared pages once", shown("whole_mb")),
    ("broker MB", shown("broker_mb")),
)


def goals(rows: list[Row], bare: list[Row]) -> str:
    """Return each goal, what was reached at worst over brokers, and whether it is met."""
    hub = [group for group in groups(rows) if group[0]["what"] == "sustained"]
    many = [group for group in hub if group[0]["streams"] >= MANY]
    few = [group for group in hub if group[0]["streams"] < MANY]
    single = [group for group in few if group[0]["per"] == 1 and not group[0]["influx"]]
    full = [group for group in few if group[0]["per"] > 1]
    shares = [ratio(group, bare) for group in single]
    off = [middle(group, "observations_s") for group in full if not group[0]["influx"]]
    on = [middle(group, "observations_s") for group in full if group[0]["influx"]]
    lines = ["| goal | wanted | worst | met |", "| --- | --- | --- | --- |"]
    lines += goal("messages/s over the bare subscriber's, 1 per message", OF_BARE, shares, digits=2)
    lines += goal("observations/s at 20 per message", OBSERVATIONS_S, off)
    lines += goal("the same with InfluxDB on", WITH_INFLUX_S, on)
    late = [row["p99_ms"] for row in rows if row["what"] == "latency"]
    lines += goal("publish to provider, p99 in ms", P99_MS, late, most=True)
    sizes = [row["whole_mb"] for group in many for row in group]
    lines += goal("MB of hub and fit worker with 10,000 datastreams", MEMORY_MB, sizes, most=True)
    return "\n".join(lines)


def goal(
    words: str, wanted: float, reached: list[float], *, most: bool = False, digits: int = 0
) -> list[str]:
    """Return the line of one goal; none when nothing was measured for it."""
    if not reached:
        return []
    worst = max(reached) if most else min(reached)
    met = worst <= wanted if most else worst >= wanted
    sign = "<=" if most else ">="
    cells = (f"{sign} {wanted:,}", f"{worst:,.{digits}f}", "yes" if met else "no")
    return [f"| {words} | " + " | ".join(cells) + " |"]
