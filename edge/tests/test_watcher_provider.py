"""The watcher's calls against a provider that misbehaves, over real sockets."""

from __future__ import annotations

import base64
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tocsin_edge.errors import PageError
from tocsin_edge.watcher.config import ProviderSettings
from tocsin_edge.watcher.provider import Caller, Provider, masked

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "+15550100108"


class Answering(ThreadingHTTPServer):
    """Answers the n-th request with the n-th of ``plan`` (the last one for ever)."""

    daemon_threads = True
    plan: list[Any]
    seen: list[dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    """Takes a message, or does what was planned."""

    def do_POST(self) -> None:
        """Note the request, then answer as planned."""
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        server.seen.append({"path": self.path, "key": self.headers["Authorization"],
                            **{k: v[0] for k, v in parse_qs(body).items()}})  # fmt: skip
        plan = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        if plan == "hang":
            time.sleep(5)
            return
        self.send_response(plan)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(b'{"sid": "SM1"}' if plan == 201 else b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Answering]:
    """A server on loopback."""
    made = Answering(("127.0.0.1", 0), Handler)
    made.plan, made.seen = [201], []
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def provider(server: Answering, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The watcher's provider, with a short temper."""
    monkeypatch.setenv("W_ACCOUNT", "AC1")
    monkeypatch.setenv("W_TOKEN", "secret")
    return Provider(
        ProviderSettings(
            sender="+15550100198", base_url=f"http://127.0.0.1:{server.server_port}",
            account_env="W_ACCOUNT", token_env="W_TOKEN", timeout_s=0.5,
        )
    )  # fmt: skip


def test_a_page_is_one_post_to_the_messages_api(provider: Provider, server: Answering) -> None:
    """Number, text, sender and the watcher's own credentials go out in one request."""
    assert provider.send(NUMBER, "中心失联") == "SM1"
    (seen,) = server.seen
    assert seen["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert base64.b64decode(seen["key"].removeprefix("Basic ")) == b"AC1:secret"
    assert (seen["To"], seen["Body"], seen["From"]) == (NUMBER, "中心失联", "+15550100198")


@pytest.mark.parametrize(
    ("plan", "again"), [(401, False), (400, False), (302, False), (429, True), (503, True),
                        (200, True), ("hang", True)],
)  # fmt: skip
def test_failures_are_named(
    provider: Provider, server: Answering, plan: int | str, again: bool
) -> None:
    """A refusal is final, a busy or silent provider is asked again, no redirect is followed."""
    server.plan = [plan]
    with pytest.raises(PageError) as caught:
        provider.send(NUMBER, "text")
    assert caught.value.again is again
    assert len(server.seen) == 1


def test_a_busy_provider_is_asked_again(provider: Provider, server: Answering) -> None:
    """A page goes out although the first attempt failed."""
    server.plan = [503, 201]
    caller = Caller(provider)
    caller.tell([(NUMBER, "text")])
    assert caller.wait(10)
    assert len(server.seen) == 2


def test_newer_words_take_the_place_of_older_ones(provider: Provider, server: Answering) -> None:
    """What could not be sent is not sent after what is true now."""
    server.plan = [503]
    caller = Caller(provider)
    caller.tell([(NUMBER, "down")])
    while not server.seen:
        time.sleep(0.01)
    server.plan = [201]
    caller.tell([(NUMBER, "recovered")])
    assert caller.wait(10)
    time.sleep(2.5)  # the older one would have been tried again by now
    assert [seen["Body"] for seen in server.seen] == ["down", "recovered"]


def test_numbers_are_masked() -> None:
    """A log never holds a whole number."""
    assert masked("+8613800001234") == "+86…1234"
