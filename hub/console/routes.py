"""Every door of the console in one table: the server and the OpenAPI document are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.console import (
    actions,
    api,
    feed,
    health,
    inbound,
    link,
    losses,
    metrics,
    orders,
    pages,
    shapes,
)
from hub.console.asking import answer
from hub.console.deps import DEPS
from hub.console.openapi import Parameter, Route, document
from hub.model.incident import ActionKind

if TYPE_CHECKING:
    import msgspec
    from aiohttp import web
    from aiohttp.typedefs import Handler

LIMIT: Final = {"type": "integer", "minimum": 1}
INSTANT: Final = {"type": "string", "format": "date-time"}
V1: Final = "/api/v1"
JSON: Final = "application/json"
INCIDENT: Final = f"{V1}/incidents/{{incident}}"
DECIDED: Final = (200, 202, 409)
REASONED: Final = {
    "acknowledge": ActionKind.ACKNOWLEDGE,
    "resolve": ActionKind.RESOLVE,
    "escalate": ActionKind.ESCALATE,
    "false-alarm": ActionKind.FALSE_ALARM,
    "arrived": ActionKind.ARRIVED,
    "stand-down": ActionKind.STAND_DOWN,
}


async def openapi(request: web.Request) -> web.Response:
    """Show this document."""
    return answer(document(ROUTES, request.app[DEPS].settings.public_url))


def show(
    path: str,
    handler: Handler,
    shape: object,
    *query: Parameter,
    content: str = JSON,
    statuses: tuple[int, ...] = (200,),
) -> Route:
    """Return a route that shows something."""
    return Route(
        method="GET",
        path=path,
        handler=handler,
        answer=shape,
        query=query,
        content=content,
        statuses=statuses,
    )


def do(path: str, handler: Handler, order: type[msgspec.Struct]) -> Route:
    """Return a route that records an action."""
    return Route(
        method="POST", path=path, handler=handler, answer=shapes.Done, order=order, statuses=DECIDED
    )


API: Final = (
    show(f"{V1}/sites", api.sites, list[shapes.SiteShape]),
    show(f"{V1}/cells", api.cells, list[shapes.CellShape]),
    show(f"{V1}/datastreams", api.datastreams, list[shapes.StreamShape]),
    show(f"{V1}/datastreams/{{node}}/{{name}}", api.datastream, shapes.StreamShape),
    show(
        f"{V1}/datastreams/{{node}}/{{name}}/observations",
        api.observations,
        shapes.Series,
        Parameter(name="start", words="First instant; a day before the end.", schema=INSTANT),
        Parameter(name="end", words="Instant after the last; now.", schema=INSTANT),
        Parameter(name="limit", words="The newest so many; 1000, at most 10000.", schema=LIMIT),
    ),
    show(
        f"{V1}/incidents",
        api.incidents,
        list[shapes.IncidentShape],
        Parameter(
            name="status",
            words="Only those; open are all that are not resolved.",
            schema={"type": "string", "enum": list(api.STATUSES)},
        ),
        Parameter(name="limit", words="The newest so many; 100, at most 1000.", schema=LIMIT),
    ),
    show(INCIDENT, api.incident, shapes.IncidentDetail),
    show(f"{V1}/mutes", api.mutes, list[shapes.MuteShape]),
    show(
        f"{V1}/quarantine",
        api.quarantine,
        list[shapes.QuarantineShape],
        Parameter(name="limit", words="The newest so many; 100, at most 1000.", schema=LIMIT),
    ),
    show(
        f"{V1}/losses",
        losses.losses,
        shapes.LossShape,
        Parameter(name="start", words="First hour; a day before the end.", schema=INSTANT),
        Parameter(name="end", words="End of the last hour; now.", schema=INSTANT),
        Parameter(name="node", words="Only this node.", schema={"type": "string"}),
        Parameter(name="limit", words="At most so many of each; 1000, 10000.", schema=LIMIT),
    ),
    show(f"{V1}/health", api.health, shapes.HealthShape),
    show(f"{V1}/feed", feed.feed, None, content="text/event-stream"),
    show(f"{V1}/openapi.json", openapi, dict[str, Any]),
)
ACTIONS: Final = (
    *(
        do(f"{INCIDENT}/{name}", actions.plain(k), orders.ReasonOrder)
        for name, k in REASONED.items()
    ),
    do(f"{INCIDENT}/note", actions.note, orders.NoteOrder),
    do(f"{INCIDENT}/hand-over", actions.hand_over, orders.HandOverOrder),
    do(f"{V1}/incidents", actions.open_incident, orders.OpenOrder),
    do(f"{V1}/mutes", actions.mute, orders.MuteOrder),
    do(f"{V1}/unmutes", actions.unmute, orders.UnmuteOrder),
    do(f"{V1}/tests", actions.test, orders.TestOrder),
)
DOORS: Final = (
    Route(method="GET", path="/", handler=pages.index, content="text/html", statuses=(200, 304)),
    Route(
        method="GET",
        path="/static/{name}",
        handler=pages.static,
        content="*/*",
        statuses=(200, 304),
        guard="open",
    ),
    show("/ledger", losses.losses_page, None, content="text/html"),
    Route(method="GET", path="/login", handler=pages.login_form, content="text/html", guard="open"),
    Route(
        method="POST",
        path="/login",
        handler=pages.login,
        form=("token",),
        statuses=(303,),
        guard="open",
    ),
    Route(method="POST", path="/logout", handler=pages.logout, statuses=(303,)),
    Route(
        method="GET",
        path="/a/{token}",
        handler=link.show,
        statuses=(200, 404),
        content="text/html",
        guard="link",
    ),
    Route(
        method="POST",
        path="/a/{token}",
        handler=link.pressed,
        form=("do",),
        statuses=(200, 400, 404, 410),
        content="text/html",
        guard="link",
    ),
    Route(
        method="POST",
        path="/twilio/status",
        handler=inbound.status,
        content="text/plain",
        form=("MessageSid", "MessageStatus", "ErrorCode"),
        guard="signature",
    ),
    Route(
        method="POST",
        path="/twilio/sms",
        handler=inbound.sms,
        content="text/xml",
        form=("MessageSid", "From", "Body"),
        guard="signature",
    ),
    Route(
        method="GET", path="/healthz", handler=health.healthz, content="text/plain", guard="open"
    ),
    show("/readyz", health.readyz, shapes.HealthShape, statuses=(200, 503)),
    Route(method="GET", path="/metrics", handler=metrics.metrics, content="text/plain"),
)
ROUTES: Final = (*API, *ACTIONS, *DOORS)
