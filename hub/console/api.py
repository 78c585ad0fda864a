"""What the API v1 shows: the network, its history and its incidents; nothing here changes state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS, to_us
from hub.console import dossier, grid, view
from hub.console.asking import answer, instant_us, viewed, whole
from hub.console.deps import DEPS, THREADS
from hub.console.health import health_of
from hub.console.problem import ProblemError, not_found
from hub.console.shapes import ObservationShape, Series
from hub.console.words import instant
from hub.model.incident import Status

if TYPE_CHECKING:
    import pandas as pd
    from aiohttp import web

    from hub.model.network import Datastream

RECENT: Final = 32
OBSERVATIONS: Final = 10_000
FIRST_US: Final = to_us(datetime.min.replace(tzinfo=UTC))
STATUSES: Final = ("open", *(status.value for status in Status))


async def sites(request: web.Request) -> web.Response:
    """List the sites, each with the worst of its open incidents."""
    return answer(await viewed(request, lambda c, v: grid.sites(c, v, view.sights(c, v))))


async def cells(request: web.Request) -> web.Response:
    """List the cells: who answers for each, and whether it is sighted or blind."""
    return answer(await viewed(request, lambda c, v: grid.cells(v, view.sights(c, v))))


async def datastreams(request: web.Request) -> web.Response:
    """List the datastreams with latest value, quality, age and trend."""
    return answer(await viewed(request, lambda c, v: view.streams(c, v, recent=0)))


async def datastream(request: web.Request) -> web.Response:
    """Show one datastream with its newest observations."""
    stream = await find_stream(request)
    return answer(
        await viewed(
            request,
            lambda c, v: view.stream_shape(v, stream, view.newest(c, stream.slot, RECENT), RECENT),
        )
    )


async def find_stream(request: web.Request) -> Datastream:
    """Return the datastream that the address names.

    Raises:
        ProblemError: there is none.
    """
    name = f"{request.match_info['node']}/{request.match_info['name']}"
    found = await viewed(
        request, lambda _, v: next((s for s in v.streams.values() if s.id == name), None)
    )
    if found is None:
        raise not_found("such datastream", "该数据流")
    return found


async def observations(request: web.Request) -> web.Response:
    """Show a range of one datastream from the log and, beyond it, InfluxDB."""
    stream = await find_stream(request)
    now_us = request.app[DEPS].clock.now_us()
    end_us = instant_us(request, "end", now_us + 1)
    day_us = int(timedelta(days=1).total_seconds()) * MICROSECONDS
    start_us = instant_us(request, "start", max(end_us - day_us, FIRST_US))
    limit = whole(request, "limit", 1000, OBSERVATIONS)
    if start_us >= end_us:
        raise ProblemError(
            400, "bad-parameter", "'start' must be before 'end'.", "start 应早于 end。"
        )
    history = request.app[DEPS].history
    frame = await request.app[THREADS].history(
        lambda: history.range(stream, start_us, end_us, limit + 1)
    )
    return answer(series_of(stream, frame, (start_us, end_us), limit))


def series_of(stream: Datastream, frame: pd.DataFrame, span: tuple[int, int], limit: int) -> Series:
    """Return a frame of history as JSON takes it: NaN is null, the newest ``limit`` rows."""
    rows = frame.tail(limit)
    columns = [rows[name].tolist() for name in ("time_us", "result", "quality", "late", "trusted")]
    return Series(
        datastream=stream.id,
        unit=stream.unit,
        start=instant(span[0]),
        end=instant(span[1]),
        truncated=len(frame) > limit,
        limited=str(frame.attrs.get("limited", "")),
        observations=[
            ObservationShape(
                time=instant(time_us),
                result=result if result is not None and result == result else None,  # noqa: PLR0124
                quality=int(quality),
                late=bool(late),
                trusted=bool(trusted),
            )
            for time_us, result, quality, late, trusted in zip(*columns, strict=True)
        ],
    )


async def incidents(request: web.Request) -> web.Response:
    """List incidents, the newest first."""
    status = request.query.get("status")
    if status is not None and status not in STATUSES:
        en = f"'status' must be one of {', '.join(STATUSES)}."
        raise ProblemError(400, "bad-parameter", en, f"status 应为 {'、'.join(STATUSES)} 之一。")
    limit = whole(request, "limit", 100, 1000)
    return answer(
        await viewed(request, lambda c, v: dossier.incidents(c, v, status=status, limit=limit))
    )


async def incident(request: web.Request) -> web.Response:
    """Show one incident: conditions with evidence, timeline, notifications."""
    name = request.match_info["incident"]
    found = await viewed(request, lambda c, v: dossier.detail(c, v, name))
    if found is None:
        raise not_found("such incident", "该事件")
    return answer(found)


async def mutes(request: web.Request) -> web.Response:
    """List the mutes in force."""
    return answer(await viewed(request, lambda _, v: list(v.mutes)))


async def quarantine(request: web.Request) -> web.Response:
    """List what could not be taken, with its reason, the newest first."""
    limit = whole(request, "limit", 100, 1000)
    return answer(await request.app[THREADS].read(lambda c: dossier.quarantined(c, limit)))


async def health(request: web.Request) -> web.Response:
    """Show the hub's own state."""
    return answer(health_of(request.app[DEPS]))
