"""Hostile HTTP requests: verbs, paths, queries, headers, bodies and broken framing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hub.console.routes import ROUTES
from ordeal.doors import mutate
from ordeal.doors.console import TOKEN, Call
from ordeal.doors.corpus import seeds_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from hub.console.openapi import Route
    from ordeal.doors.console import Served

METHODS: Final = (
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "get",
    "G@T",
    "A" * 300,
)
PATHS: Final = (
    "/../../etc/passwd",
    "//",
    "/%00",
    "/api/v1/../v1/sites",
    "/static/..%2fapp.js",
    "/static/%2e%2e/api.py",
    "/a/" + "x" * 5000,
    "/a/%ff%fe",
    "*",
    "http://evil.example/",
    "/api/v1/sites;x=1",
    "/\u4f60",
    "/?" + "a=b&" * 500,
)
HEADERS: Final = (
    "Origin: http://evil.example",
    "Origin: http://[",
    "Origin: null",
    "Origin: \xff",
    "Referer: http://[",
    "Sec-Fetch-Site: cross-site",
    "X-Forwarded-For: 1.2.3.4",
    "Authorization: Bearer \xff\xfe",
    "Authorization: Bearer",
    "Authorization: Basic !!!",
    f"Authorization: Bearer {TOKEN}",
    "Cookie: tocsin=\xff",
    "Cookie: tocsin=99999999999." + "0" * 64,
    "Cookie: tocsin=٩.x",
    "Cookie: " + "a=b; " * 300,
    "If-None-Match: *",
    "Last-Event-ID: \xff",
    "Last-Event-ID: 999999999999999999999999",
    "Last-Event-ID: v1.x.-1",
    "Accept: text/html",
    "Accept: " + "a/b," * 500,
    "Range: bytes=0-0,1-",
    "Expect: 100-continue",
    "Expect: miracles",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "X-HTTP-Method-Override: DELETE",
    "Transfer-Encoding: identity",
    "TE: trailers",
    "Accept-Language: \xe4",
    "X-Twilio-Signature: \xff",
)
HOSTS: Final = (
    "localhost",
    "localhost",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "evil.example",
    "[",
    "",
    "localhost:99999",
    "a" * 300,
    "\xff",
    "localhost@evil.example",
    "2130706433",
)
TYPES: Final = (
    "application/json",
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "application/json;" * 50,
    "",
    "\xff/\xff",
    "image/svg+xml",
)
QUERIES: Final = ("limit", "start", "end", "status", "node", "n", "wrong", "lang", "x")


def seeds(served: Served) -> Iterator[tuple[str, object, str]]:
    """Yield the seeds: ``line``, ``headers`` and a body each."""
    del served
    for seed in seeds_of("http"):
        head = "\r\n".join([seed.more["line"], *seed.more.get("headers", ["Host: localhost"])])
        length = [] if seed.more.get("framed") else [f"Content-Length: {len(seed.data)}"]
        lines = "\r\n".join([head, *length, "Connection: close", "", ""])
        call = Call(
            lines.encode("latin-1", "replace") + seed.data,
            whole=not seed.more.get("broken"),
            guarded=bool(seed.more.get("guarded")),
        )
        yield f"{seed.name} ({seed.why})", call, seed.expect


def requests(dice: random.Random, served: Served) -> Iterator[Call]:
    """Yield hostile requests without end."""
    del served
    while True:
        route = dice.choice(ROUTES)
        method = route.method if dice.random() < 0.7 else dice.choice(METHODS)
        path = filled(route, dice) if dice.random() < 0.85 else dice.choice(PATHS)
        path += query(dice)
        body = b"" if method in ("GET", "HEAD") and dice.random() < 0.8 else content(route, dice)
        headers = [f"Host: {dice.choice(HOSTS)}"] if dice.random() < 0.97 else []
        guarded = dice.random() < 0.4
        if guarded and dice.random() < 0.6:
            headers.append(f"Authorization: Bearer {TOKEN}")
        headers += dice.sample(HEADERS, dice.choice((0, 0, 1, 1, 2, 3)))
        if body or method == "POST":
            headers.append(f"Content-Type: {dice.choice(TYPES)}")
        yield framed(f"{method} {path} HTTP/1.1", headers, body, dice, guarded=guarded)


def framed(
    line: str, headers: list[str], body: bytes, dice: random.Random, *, guarded: bool
) -> Call:
    """Return a request with its length told rightly, wrongly, twice or in chunks."""
    kind, whole = dice.random(), True
    framing = [f"Content-Length: {len(body)}"]
    if kind < 0.05:
        whole, framing = (
            False,
            [f"Content-Length: {dice.choice((len(body) + 9, -1, 10**30, '0x5', '1 1'))}"],
        )
    elif kind < 0.1:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        framing = ["Transfer-Encoding: chunked"]
    elif kind < 0.14:
        whole, body = (
            False,
            dice.choice(
                (
                    b"zz\r\n",
                    b"fffffffffffffffff\r\n",
                    b"5\r\nab",
                    b"-1\r\n\r\n",
                    b"0;" + b"a" * 9000,
                )
            ),
        )
        framing = ["Transfer-Encoding: chunked", *dice.choice(([], ["Content-Length: 4"]))]
    elif kind < 0.17:
        whole, framing = False, ["Content-Length: 1", f"Content-Length: {len(body)}"]
    head = "\r\n".join([line, *headers, *framing, "Connection: close", "", ""])
    raw = head.encode("latin-1", "replace") + body
    if dice.random() < 0.05 and b"Expect" not in raw:
        return Call(mutate.spoilt(raw, [], dice), whole=False, guarded=guarded)
    tidy = all(32 < ord(c) < 127 or c == " " for c in line) and not line.startswith(("get", "G@"))
    return Call(raw, whole=whole and tidy and len(head) < 8000, guarded=guarded)


def filled(route: Route, dice: random.Random) -> str:
    """Return the path of ``route`` with something odd for each name in it."""

    def odd(match: re.Match[str]) -> str:
        good = {"node": "qx-bridge-01", "name": "stage", "token": "x" * 32, "incident": "7K2"}
        if dice.random() < 0.4:
            return good.get(match[1], "x")
        text = dice.choice((*mutate.TEXTS, dice.randbytes(4).decode("latin-1")))
        return (
            quote(text.encode("utf-8", "surrogatepass"), safe="")
            if dice.random() < 0.8
            else "%ff%c0%af"
        )

    return re.sub(r"{(\w+)}", odd, route.path)


def query(dice: random.Random) -> str:
    """Return a query of odd values, or none."""
    pairs = [
        f"{dice.choice(QUERIES)}={quote(str(odd_value(dice)).encode('utf-8', 'replace'), safe='')}"
        for _ in range(dice.choice((0, 0, 1, 2)))
    ]
    return "?" + "&".join(pairs) if pairs else ""


def odd_value(dice: random.Random) -> object:
    """Return what a parameter may be, rightly or wrongly."""
    return dice.choice(
        (
            dice.choice(mutate.TIMES),
            dice.choice(mutate.NUMBERS),
            dice.choice(mutate.TEXTS),
            "open",
            5,
        )
    )


def content(route: Route, dice: random.Random) -> bytes:
    """Return a body for ``route``: its own fields with odd values, or something else."""
    if route.form or dice.random() < 0.1:
        names = route.form or ("token", "do")
        pairs = (f"{name}={quote(str(dice.choice(mutate.TEXTS)))}" for name in names)
        return "&".join(pairs).encode()
    names = route.order.__struct_fields__ if route.order else ("by", "text")
    good = {
        "by": "x",
        "text": "y",
        "to": "amara",
        "site": "old-mill",
        "hazard": "fire",
        "severity": "minor",
        "target": "old-mill",
        "reason": "z",
        "until": "2026-11-24T23:00:00+08:00",
        "person": "amara",
    }
    body: dict[str, object] = {name: good.get(name, "x") for name in names}
    body[dice.choice([*names, "other"])] = mutate.value(dice)
    text = mutate.written(body, dice).encode("utf-8", "surrogatepass")
    if dice.random() < 0.02:
        text = dice.choice(
            (b"[" * 50_000, b"x" * 70_000, json.dumps({"by": "x" * 60_000}).encode())
        )
    return mutate.spoilt(text, [], dice) if dice.random() < 0.3 else text
