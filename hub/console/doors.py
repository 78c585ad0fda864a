"""Who may come in: loopback only unless a token guards the door.

Without a token the console serves programs of the same machine. A browser there can
be steered by any web page, so the name it calls us by must be a loopback name (DNS
rebinding), nothing may have been forwarded, and what changes state must come from our own page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from hub.console.deps import DEPS
from hub.console.problem import ProblemError
from hub.errors import ConfigError
from hub.words import Words

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from hub.console.deps import ConsoleSettings

COOKIE: Final = "tocsin"
SESSION_S: Final = 12 * 3600
OWN_GUARD: Final = frozenset({"signature", "link"})
GUARDS: web.AppKey[dict[str, str]] = web.AppKey("guards")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

NEEDS_TOKEN: Final = Words(
    "{host} is reachable from the network, so a token is needed: "
    "set web.token_file (or --token-file), or use 127.0.0.1",
    "{host} 可从网络访问，必须有令牌：请设置 web.token_file（或 --token-file），或改用 127.0.0.1",
)
SHORT_TOKEN: Final = Words("the token must have at least 16 characters", "令牌至少 16 个字符")


def check_doors(settings: ConsoleSettings) -> None:
    """Refuse an open door to the network.

    Raises:
        ConfigError: the host is not loopback and no token guards it.
    """
    if settings.token is None and not is_loopback(settings.host):
        raise ConfigError("web.host", NEEDS_TOKEN.filled(host=settings.host))
    if settings.token is not None and len(settings.token) < 16:
        raise ConfigError("web.token_file", SHORT_TOKEN)


def is_loopback(host: str) -> bool:
    """Say whether ``host`` (a name or an address, no port) can only be this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_of(request: web.Request) -> str:
    """Return the name the client called us by, without its port."""
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on every response; nothing of ours is cached but assets."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    del request


@web.middleware
async def doors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who may; each refusal says what would help."""
    resource = request.match_info.route.resource
    path = resource.canonical if resource else ""
    guard = request.app[GUARDS].get(path, "token")
    settings = request.app[DEPS].settings
    if guard in OWN_GUARD:
        return await handler(request)
    if settings.token is None:
        check_local(request)
    elif guard != "open" and not has_token(request, settings.token):
        return refuse(request)
    if request.method not in SAFE and not has_bearer(request):
        check_same_site(request)
    return await handler(request)


def check_local(request: web.Request) -> None:
    """Refuse a request that did not come straight from this machine under its own name."""
    if not is_loopback(host_of(request)) or any(name in request.headers for name in FORWARDED):
        en = (
            "Without a token the console answers only on this machine, as localhost. "
            "Set web.token_file to reach it by another name."
        )
        raise ProblemError(403, "not-local", en, "未设令牌时仅限本机访问；请设置 web.token_file。")


def check_same_site(request: web.Request) -> None:
    """Refuse a change that a foreign page made the browser send."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site not in ("same-origin", "none") or (
        origin is not None and netloc_of(origin) != request.host
    ):
        en = "This change was sent by another web page and was refused; use the console itself."
        raise ProblemError(403, "cross-site", en, "拒绝来自其他网页的操作，请在控制台内操作。")


def netloc_of(origin: str) -> str | None:
    """Return where a page says that it comes from, None where that is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def same(given: str, secret: str) -> bool:
    """Compare in constant time; what a client sends may be any bytes."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def has_bearer(request: web.Request) -> bool:
    """Say whether the request carries a bearer token (which no browser adds by itself)."""
    return request.headers.get("Authorization", "").startswith("Bearer ")


def has_token(request: web.Request, token: str) -> bool:
    """Say whether the request proves the token, as bearer or by a session cookie."""
    if has_bearer(request):
        given = request.headers["Authorization"].removeprefix("Bearer ").strip()
        return same(given, token)
    return is_session(request.cookies.get(COOKIE, ""), token, time.time())


def refuse(request: web.Request) -> web.StreamResponse:
    """Send a browser to the login form, a program its answer."""
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        raise web.HTTPSeeOther("/login")
    en = "A token is needed: send 'Authorization: Bearer TOKEN' or log in at /login."
    zh = "需要令牌：请发送 Authorization: Bearer 令牌，或在 /login 登录。"
    raise ProblemError(401, "token-needed", en, zh, {"WWW-Authenticate": "Bearer"})


def session(token: str, until_s: int) -> str:
    """Return a cookie that proves the token until ``until_s`` (real seconds since 1970)."""
    proof = hmac.new(token.encode(), f"console session {until_s}".encode(), hashlib.sha256)
    return f"{until_s}.{proof.hexdigest()}"


def is_session(cookie: str, token: str, now_s: float) -> bool:
    """Say whether ``cookie`` was made with ``token`` and is not over."""
    until, _, _ = cookie.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) < 12):
        return False
    genuine = same(cookie, session(token, int(until)))
    return genuine and now_s < int(until)
