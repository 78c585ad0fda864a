"""The web's doors: a real server on loopback, raw requests, the real loops behind it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aiohttp import web
from console.console_town import PEOPLE, Town

from hub.console.inbound import CODES
from hub.console.pages import LOGINS
from hub.console.server import make_app
from hub.flow.deliver import Deliver
from hub.model.network import Severity
from ordeal.doors.base import ACCEPTED, REFUSED, Fate
from ordeal.doors.intake import Errors

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN: Final = "a-token-of-the-ordeal"  # noqa: S105
SECRET: Final = "provider-auth-token"  # noqa: S105
PUBLIC: Final = "https://hub.example"
WAIT_S: Final = 15.0
PART_S: Final = 0.02
LARGEST: Final = 1 << 20
GOOD: Final = (
    b"GET /api/v1/datastreams/pump-07/flow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
)
PERSON: Final = "lin-wei"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as bytes; ``whole`` says that the server can know where it ends.

    ``guarded`` goes to the server that wants a token.
    """

    raw: bytes
    whole: bool = True
    guarded: bool = False
    sid: str = ""
    forged: bool = False


class Served:
    """A town behind two servers, one open on loopback and one with a token, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.town = Town(folder / "town.db")
        self.town.observe("pump-07/flow", (1.0, 12.5))
        self.town.flood()
        self.town.start_respond()
        self.deliver = Deliver(
            path=self.town.path,
            channels={},
            clock=self.town.clock,
            health=self.town.health,
            wake=lambda *_: None,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._apps: list[web.Application] = []
        self._runners: list[web.AppRunner] = []
        self.ports = (self._serve(token=None), self._serve(token=TOKEN))

    def _serve(self, token: str | None) -> int:
        return asyncio.run_coroutine_threadsafe(self._start(token), self._loop).result(WAIT_S)

    async def _start(self, token: str | None) -> int:
        deps = self.town.deps(
            token=token, twilio_auth_token=SECRET, public_url=PUBLIC, action_wait_s=0.0
        )
        app = make_app(replace(deps, deliver_status=self.deliver.status_callback))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._apps.append(app)
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    def forgive(self) -> None:
        """Forget wrong guesses, so that the door stays worth knocking at."""
        for app in self._apps:
            app[CODES]._failures.clear()
            app[LOGINS]._failures.clear()

    def close(self) -> None:
        """Stop serving and forget the town."""
        for runner in self._runners:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(WAIT_S)
        asyncio.run_coroutine_threadsafe(self.deliver.aclose(), self._loop).result(WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()
        self.town.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class ConsoleDoor:
    """Raw requests; each batch has a good one in its midst that must be answered as ever."""

    def __init__(
        self,
        name: str,
        folder: Path,
        make: Callable[[random.Random, Served], Iterator[Call]],
        given: Callable[[Served], Iterator[tuple[str, object, str]]],
        judge: Callable[[Served, Call, int, bytes], Fate],
    ) -> None:
        self.name = name
        self._errors = Errors()
        self._logger = logging.getLogger("hub")
        self._logger.addHandler(self._errors)
        self._logger.propagate = False
        logging.getLogger("aiohttp.server").setLevel(
            logging.CRITICAL
        )  # it tells of each bad request
        self.served = Served(folder / name)
        self.seeds = lambda: given(self.served)
        self.hostile = lambda dice: make(dice, self.served)
        self._judge = judge

    def close(self) -> None:
        """Stop the servers."""
        self.served.close()
        self._logger.removeHandler(self._errors)
        self._logger.propagate = True

    def push(self, batch: list[object]) -> list[Fate]:
        """Make the requests one after the other, and a good one among them."""
        self.served.forgive()
        fates = [self._one(call) for call in batch]  # type: ignore[arg-type]
        status, body = ask(self.served.ports[0], GOOD)
        assert status == 200, f"the neighbour got {status}"
        assert b'"result":12.5' in body, f"the neighbour got {body[:200]!r}"
        return fates

    def _one(self, call: Call) -> Fate:
        status, body = ask(self.served.ports[call.guarded], call.raw, whole=call.whole)
        said, self._errors.said = self._errors.said, []
        if said:
            return Fate(wrong=f"logged {said[0]}")
        if status >= 500:
            return Fate(wrong=f"answered {status} {body[:200]!r}")
        if status == 0:
            return Fate(wrong="no answer") if call.whole else Fate(outcome=REFUSED)
        return self._judge(self.served, call, status, body)


def ask(port: int, raw: bytes, *, whole: bool = True) -> tuple[int, bytes]:
    """Send ``raw`` and return (status, body); status 0 when the server just hung up.

    Of what is not ``whole`` no answer is waited for: the server waits for the rest.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as sock:
        sock.settimeout(WAIT_S if whole else PART_S)
        try:
            sock.sendall(raw)
            head, body = read_head(sock)
        except (ConnectionError, TimeoutError):
            return 0, b""
    line = head.split(b"\r\n", 1)[0].split()
    return (int(line[1]), body) if len(line) > 1 and line[1].isdigit() else (0, b"")


def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read an answer: a stream's head only, else all of it."""
    data = bytearray()
    while chunk := sock.recv(65536):
        data += chunk
        if len(data) > LARGEST or (b"text/event-stream" in data and b"\r\n\r\n" in data):
            break
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    return head, body


def plain(served: Served, call: Call, status: int, body: bytes) -> Fate:
    """Judge an answer of the API: a yes, or a no in words."""
    del served, call, body
    return Fate(outcome=ACCEPTED if status < 400 else REFUSED)


def known_numbers() -> list[str]:
    """Return the telephone numbers of the town."""
    return [address for person in PEOPLE.persons.values() for _, address in person.addresses]


def page(served: Served, name: str = "qx-bridge-01/stage") -> str:
    """Let another danger begin, so that there is something to answer."""
    return served.town.find(name, Severity.EXTREME)
