"""The page's own files, and the form that turns a token into a session."""

from __future__ import annotations

import hashlib
import hmac
import time
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from aiohttp import web

import hub
from hub.console.asking import body_of
from hub.console.deps import DEPS
from hub.console.doors import COOKIE, SESSION_S, session
from hub.console.problem import ProblemError, not_found

if TYPE_CHECKING:
    from hub.console.guesses import Guesses

TYPES: Final = {
    "app.js": "text/javascript",
    "chart.js": "text/javascript",
    "detail.js": "text/javascript",
    "draw.js": "text/javascript",
    "feed.js": "text/javascript",
    "words.js": "text/javascript",
    "style.css": "text/css",
    "link.css": "text/css",
    "icon.svg": "image/svg+xml",
    "index.html": "text/html",
    "login.html": "text/html",
}
ASSETS: web.AppKey[dict[str, bytes]] = web.AppKey("assets")
LOGINS: web.AppKey[Guesses] = web.AppKey("logins")


def read_assets() -> dict[str, bytes]:
    """Return every file of the page by its name."""
    folder = resources.files("hub.console") / "static"
    return {name: (folder / name).read_bytes() for name in TYPES}


def version_of(assets: dict[str, bytes]) -> str:
    """Return what changes whenever a file of the page does: open pages then load again."""
    digest = hashlib.sha256()
    for name in sorted(assets):
        digest.update(name.encode() + b"\0" + assets[name])
    return f"{hub.__version__}+{digest.hexdigest()[:12]}"


def asset(request: web.Request, name: str) -> web.Response:
    """Return one file; browsers ask each time whether theirs is still the same."""
    body = request.app[ASSETS][name]
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=TYPES[name], charset="utf-8", headers=headers)


async def index(request: web.Request) -> web.Response:
    """Show the page."""
    return asset(request, "index.html")


async def static(request: web.Request) -> web.Response:
    """Send one file of the page."""
    name = request.match_info["name"]
    if name not in TYPES or name.endswith(".html"):
        raise not_found("such file", "该文件")
    return asset(request, name)


async def login_form(request: web.Request) -> web.Response:
    """Show the login form, after a wrong token with a word about it."""
    if "wrong" not in request.query:
        return asset(request, "login.html")
    body = request.app[ASSETS]["login.html"].replace(b" hidden>", b">")
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def login(request: web.Request) -> web.Response:
    """Turn the token into a session cookie of twelve hours; ten wrong ones close the door."""
    token = request.app[DEPS].settings.token
    if token is None:
        raise web.HTTPSeeOther("/")
    guesses, key = request.app[LOGINS], request.remote or ""
    if guesses.exhausted(key):
        en = "Too many wrong tokens; wait five minutes and try again."
        raise ProblemError(
            429, "too-many", en, "错误次数过多，请五分钟后重试。", {"Retry-After": "300"}
        )
    given = parse_qs((await body_of(request)).decode("utf-8", "replace")).get("token", [""])[0]
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        guesses.failed(key)
        raise web.HTTPSeeOther("/login?wrong")
    return welcome(request, token)


def welcome(request: web.Request, token: str) -> web.Response:
    """Return the way to the page with a session cookie that no script and no other site sees."""
    response = web.Response(status=303, headers={"Location": "/"})
    response.set_cookie(
        COOKIE,
        session(token, int(time.time()) + SESSION_S),
        max_age=SESSION_S,
        httponly=True,
        samesite="Strict",
        secure=request.secure or request.app[DEPS].settings.public_url.startswith("https://"),
    )
    return response


async def logout(request: web.Request) -> web.Response:
    """End the session of this browser."""
    del request
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(COOKIE)
    return response
