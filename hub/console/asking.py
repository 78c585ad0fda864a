"""Reading a request: bounded, in time, and checked by its struct before anything is done."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from hub.clock import to_us
from hub.console.deps import DEPS, THREADS
from hub.console.problem import ProblemError
from hub.console.view import View, look

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

BODY_LIMIT = 64 * 1024
BODY_TIMEOUT_S = 10.0


async def body_of(request: web.Request) -> bytes:
    """Return the body, at most 64 KiB within 10 s.

    Raises:
        ProblemError: it came too slowly, or not as its own headers say.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError as error:
        en = f"The body did not arrive within {BODY_TIMEOUT_S:.0f} s; send it again."
        raise ProblemError(408, "too-slow", en, "请求内容接收超时，请重发。") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        en = "The body ended early, or is not encoded as its headers say; send it again."
        raise ProblemError(400, "bad-body", en, "请求内容不完整或编码有误，请重发。") from error


async def order_of(request: web.Request, shape: type[S]) -> S:
    """Return the JSON body as ``shape``.

    Raises:
        ProblemError: not JSON, or not of that shape; the words name the place.
    """
    if request.content_type != "application/json":
        en = "Send the body as JSON with 'Content-Type: application/json'."
        raise ProblemError(415, "json-needed", en, "请以 application/json 发送。")
    try:
        return msgspec.json.decode(await body_of(request) or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400, "bad-body", f"The body does not fit: {error}.", f"请求内容有误：{error}"
        ) from error


def whole(request: web.Request, name: str, default: int, most: int) -> int:
    """Return the query parameter ``name`` as a whole number from 1 to ``most``.

    Raises:
        ProblemError: it is none.
    """
    text = request.query.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most:
        return int(text)
    en = f"'{name}' must be a whole number from 1 to {most}."
    raise ProblemError(400, "bad-parameter", en, f"参数 {name} 应为 1 至 {most} 的整数。")


def instant_us(request: web.Request, name: str, default_us: int) -> int:
    """Return the query parameter ``name`` (RFC 3339 with an offset) in microseconds.

    Raises:
        ProblemError: it is no instant.
    """
    text = request.query.get(name)
    if text is None:
        return default_us
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        return to_us(at.astimezone(UTC) if at.tzinfo else at)
    except (ValueError, OverflowError) as error:
        en = f"'{name}' must be an instant with an offset, as 2026-11-23T14:05:00+08:00."
        raise ProblemError(400, "bad-parameter", en, f"参数 {name} 应为带时区的时间。") from error


async def viewed(request: web.Request, work: Callable[[sqlite3.Connection, View], T]) -> T:
    """Return ``work`` of one consistent reading of the store."""
    deps = request.app[DEPS]
    return await request.app[THREADS].read(
        lambda connection: work(connection, look(connection, deps))
    )


def answer(content: object, status: int = 200) -> web.Response:
    """Return ``content`` as JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(content), content_type="application/json"
    )
