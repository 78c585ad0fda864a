"""The OpenAPI 3.1 document, made of the route table and the structs it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp.typedefs import Handler

import hub
from hub.console.problem import ProblemBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Document = dict[str, Any]
REF: Final = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter."""

    name: str
    words: str
    schema: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One door: what it serves, what it takes and answers, and who may use it.

    ``answer`` and ``order`` are the types of JSON bodies; ``content`` is the media type
    of an answer that is no JSON. ``form`` names the fields of a form it takes.
    ``guard`` is "token", "open", "signature" or "link".
    """

    method: str
    path: str
    handler: Handler
    answer: object = None
    order: type[msgspec.Struct] | None = None
    content: str = "application/json"
    query: tuple[Parameter, ...] = ()
    form: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)
    guard: str = "token"

    @property
    def words(self) -> str:
        """Return the first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]


SCHEMES: Final[Document] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "tocsin"},
    "signature": {"type": "apiKey", "in": "header", "name": "X-Twilio-Signature"},
}
GUARDS: Final[dict[str, list[dict[str, list[str]]]]] = {
    "token": [{"bearer": []}, {"session": []}, {}],
    "open": [],
    "signature": [{"signature": []}],
    "link": [],
}
STATUS_WORDS: Final = {
    200: "Done.",
    202: "Recorded; the hub has not decided yet.",
    303: "Go there next.",
    304: "What you have is still right.",
    400: "Not understood; the words say where.",
    404: "There is none.",
    409: "Refused in the present state; the words say why.",
    410: "The link was used or is over.",
    503: "Not ready; the words say what is wrong.",
}
CONFLICT: Final = 409
PROBLEM_WORDS: Final = "Anything else: the words name the fix."


def document(routes: Sequence[Route], public_url: str) -> Document:
    """Return the document of all ``routes``; ``public_url`` empty means where it was got."""
    types = [t for route in routes for t in (route.answer, route.order) if t is not None]
    schemas, components = msgspec.json.schema_components([*types, ProblemBody], ref_template=REF)
    by_type = dict(zip(map(repr, [*types, ProblemBody]), schemas, strict=True))
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": hub.__version__,
            "description": "Emergency-response hub for sensor networks: the API of its console.",
            "license": {"name": "See LICENSE"},
        },
        "servers": [{"url": public_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": msgspec.json.decode(msgspec.json.encode(components)),
            "securitySchemes": SCHEMES,
        },
    }


def operation(route: Route, by_type: Document) -> Document:
    """Return one operation of the document."""
    content: Document = {
        "operationId": operation_id(route),
        "summary": route.words,
        "security": GUARDS[route.guard],
        "responses": responses(route, by_type),
    }
    parameters = [*path_parameters(route.path), *map(query_parameter, route.query)]
    if parameters:
        content["parameters"] = parameters
    if route.order is not None:
        content["requestBody"] = body("application/json", by_type[repr(route.order)])
    if route.form:
        content["requestBody"] = body("application/x-www-form-urlencoded", form_schema(route.form))
    return content


def operation_id(route: Route) -> str:
    """Return a name for the operation, unique by method and path."""
    words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/api/v1"))
    return "_".join([route.method.lower(), *words]) if words else f"{route.method.lower()}_page"


def body(media: str, schema: Document) -> Document:
    """Return a body that must be sent."""
    return {"required": True, "content": {media: {"schema": schema}}}


def form_schema(fields: Iterable[str]) -> Document:
    """Return the schema of a form."""
    return {"type": "object", "properties": {name: {"type": "string"} for name in fields}}


def path_parameters(path: str) -> list[Document]:
    """Return the parameters in ``path``."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def query_parameter(parameter: Parameter) -> Document:
    """Return one optional parameter of the query."""
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.words,
        "schema": parameter.schema,
    }


def responses(route: Route, by_type: Document) -> Document:
    """Return what may be answered; problems are the default."""
    found: Document = {str(s): response(route, s, by_type) for s in route.statuses}
    found["default"] = {"description": PROBLEM_WORDS, "content": problem(by_type)}
    return found


def problem(by_type: Document) -> Document:
    """Return the body of a refusal."""
    return {"application/problem+json": {"schema": by_type[repr(ProblemBody)]}}


def response(route: Route, status: int, by_type: Document) -> Document:
    """Return one answer; a redirect has no body."""
    words: Document = {"description": STATUS_WORDS[status]}
    if status in (303, 304):
        return words
    if status == CONFLICT:
        return words | {"content": problem(by_type)}
    schema = {"type": "string"} if route.answer is None else by_type[repr(route.answer)]
    return words | {"content": {route.content: {"schema": schema}}}
