"""Who may come in, from where, and what every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.console.doors import is_session, session
from hub.console.routes import ROUTES
from hub.console.server import make_app
from hub.console.server import serve as start
from hub.errors import ConfigError

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from console_town import Serve, Town

TOKEN = "a-token-of-many-letters"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OPEN = {"/healthz", "/login", "/static/{name}", "/a/{token}", "/twilio/status", "/twilio/sms"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "hub.example", ""])  # noqa: S104
def test_no_open_door_to_the_network(town: Town, host: str) -> None:
    """Anything but loopback without a token is refused, and the words name both ways out."""
    with pytest.raises(ConfigError, match=r"token_file.*127\.0\.0\.1"):
        make_app(town.deps(host=host))


def test_short_token_is_refused(town: Town) -> None:
    """A token that can be guessed is none."""
    with pytest.raises(ConfigError, match="16 characters"):
        make_app(town.deps(token="secret"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
async def test_loopback_needs_no_token(town: Town, host: str) -> None:
    """On loopback the console may be open."""
    app = make_app(town.deps(host=host))
    await app.cleanup()


async def test_port_in_use_is_said(town: Town, client: TestClient) -> None:
    """A port that somebody else has is a configuration error with its address."""
    with pytest.raises(ConfigError, match=f"127.0.0.1:{client.port}"):
        await start(town.deps(port=client.port))


async def test_every_route_needs_the_token_but_the_named_ones(serve: Serve) -> None:
    """With a token nothing else answers without it: no read, no write, no feed."""
    async with serve(token=TOKEN) as client:
        for route in ROUTES:
            path = route.path.replace("{", "").replace("}", "")
            response = await client.request(route.method, path, allow_redirects=False)
            assert (response.status == 401) == (route.path not in OPEN), route.path
        assert (await client.get("/no/such/thing")).status == 401


async def test_bearer_and_session_open_the_door(serve: Serve, town: Town) -> None:
    """The token as bearer, or as a cookie from the login form, opens; a wrong one does not."""
    async with serve(token=TOKEN) as client:
        assert (await client.get("/api/v1/sites", headers=BEARER)).status == 200
        wrong = {"Authorization": "Bearer wrong"}
        assert (await client.get("/api/v1/sites", headers=wrong)).status == 401
        html = {"Accept": "text/html"}
        refused = await client.get("/", headers=html, allow_redirects=False)
        assert (refused.status, refused.headers["Location"]) == (303, "/login")
        done = await client.post("/login", data={"token": TOKEN}, allow_redirects=False)
        cookie = done.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert (await client.get("/api/v1/sites")).status == 200
        name = town.flood()
        path = f"/api/v1/incidents/{name}/note"
        foreign = {"Origin": "https://evil.example"}
        assert (await client.post(path, json={"text": "x"}, headers=foreign)).status == 403
        town.start_respond()
        assert (await client.post(path, json={"text": "x"})).status == 200
        await client.post("/logout")
        assert (await client.get("/api/v1/sites")).status == 401


async def test_a_wrong_token_is_said(serve: Serve) -> None:
    """The form comes back with words."""
    async with serve(token=TOKEN) as client:
        done = await client.post("/login", data={"token": "wrong"})
        assert 'role="alert">That is not the token' in await done.text()
        assert "hidden>That" in await (await client.get("/login")).text()


async def test_wrong_tokens_soon_close_the_door(serve: Serve) -> None:
    """After ten wrong tokens even the right one waits."""
    async with serve(token=TOKEN) as client:
        for _ in range(10):
            await client.post("/login", data={"token": "wrong"}, allow_redirects=False)
        done = await client.post("/login", data={"token": TOKEN}, allow_redirects=False)
        assert done.status == 429
        assert "Retry-After" in done.headers


def test_sessions_end_and_cannot_be_made_up() -> None:
    """A session is over after its time, and any change to it breaks it."""
    good = session(TOKEN, 2_000)
    assert is_session(good, TOKEN, 1_999.0)
    assert not is_session(good, TOKEN, 2_000.0)
    assert not is_session(good, "another-token-of-letters", 0.0)
    assert not is_session(good.replace("2000", "9000"), TOKEN, 0.0)
    for broken in ("", ".", "2000", "x.y", good[:-1], "٢٠٠٠" + good[4:]):
        assert not is_session(broken, TOKEN, 0.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
        {"Host": "127.0.0.1.evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
    ],
)
async def test_open_console_answers_only_its_own_machine(
    client: TestClient, headers: dict[str, str]
) -> None:
    """Another name (DNS rebinding) or a proxy in front is refused while there is no token."""
    assert (await client.get("/api/v1/sites", headers=headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_foreign_pages_cannot_act(
    client: TestClient, town: Town, headers: dict[str, str]
) -> None:
    """A browser sent by another page changes nothing."""
    path = f"/api/v1/incidents/{town.flood()}/acknowledge"
    response = await client.post(path, json={}, headers=headers)
    assert response.status == 403
    assert town.log.actions(0, 10) == []


@pytest.mark.parametrize("path", ["/", "/api/v1/sites", "/healthz", "/api/v1/nothing", "/a/x"])
async def test_every_answer_is_hardened(client: TestClient, path: str) -> None:
    """No inline script, no framing, no sniffing, nothing of the API kept by caches."""
    response = await client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] in ("no-store", "no-cache")


async def test_assets_are_ours_alone(client: TestClient) -> None:
    """The page names no other host, has no inline script, and is revalidated by its tag."""
    text = await (await client.get("/")).text()
    assert "<script>" not in text
    for name in ("app.js", "chart.js", "detail.js", "draw.js", "feed.js", "words.js", "style.css"):
        response = await client.get(f"/static/{name}")
        content = await response.text()
        assert response.status == 200
        assert "https://" not in content
        assert "innerHTML" not in content
        tag = {"If-None-Match": response.headers["ETag"]}
        assert (await client.get(f"/static/{name}", headers=tag)).status == 304
    for name in ("..%2fserver.py", "index.html", "none.js"):
        assert (await client.get(f"/static/{name}")).status == 404
