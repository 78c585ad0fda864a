"""What a webhook may be pointed at, and what receivers and providers answer.

No spelling of an address inside our own network is ever connected to, nor a name that
answers with one, at first or later; and no answer does more than end its own attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dispatch.desk import note

from hub.dispatch.base import Surroundings
from hub.dispatch.channels.guard import GuardedResolver, is_public
from hub.dispatch.channels.sms import SmsChannel, SmsSettings
from hub.dispatch.channels.webhook import WebhookChannel, WebhookSettings
from hub.errors import DeliveryDeferredError, DeliveryError
from ordeal.doors import mutate
from ordeal.doors.base import ACCEPTED, REFUSED, Fate
from ordeal.doors.corpus import seeds_of

if TYPE_CHECKING:
    import random
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from aiohttp.abc import ResolveResult

    from hub.dispatch.base import Channel

WAIT_S: Final = 30.0
TIMEOUT_S: Final = 0.5
PRIVATE: Final = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",  # noqa: S104
    "100.64.0.1",
    "198.18.0.1",
    "192.0.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
)
WRAPPED: Final = (
    "::ffff:{}",
    "64:ff9b::{}",
    "64:ff9b:1::{}",
    "2002:{}::",
    "::{}",
    "::ffff:0:{}",
    "2001:0:{}::",
    "fe80::5efe:{}",
)


class Names:
    """Answers for names: what is asked for stands in the name, and may change each time."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """Return the next answers."""
        del family
        found = self.answers or ["127.0.0.1"]
        return [
            {
                "hostname": host,
                "host": one,
                "port": port,
                "family": family_of(one),
                "proto": 0,
                "flags": 0,
            }
            for one in found
        ]

    async def close(self) -> None:
        """Do nothing."""


def family_of(address: str) -> int:
    """Return the family of an address."""
    return int(socket.AF_INET6 if ":" in address else socket.AF_INET)


@dataclass(frozen=True, slots=True)
class Target:
    """One URL; a name in it is answered with ``answers``."""

    url: str
    answers: tuple[str, ...] = ()


class TargetDoor:
    """A webhook channel as an operator has it, pointed at everything it must not call."""

    name = "target"

    def __init__(self, folder: Path, token: Path) -> None:
        del folder
        settings = WebhookSettings(secret_file=str(token), timeout_s=TIMEOUT_S)
        self._loop = asyncio.new_event_loop()
        self._channel = WebhookChannel("hook", settings, Surroundings())
        self._names = Names()
        self._trap = socket.create_server(("127.0.0.1", 0))
        self._trap.setblocking(False)
        self.port = self._trap.getsockname()[1]
        self._loop.run_until_complete(self._prepare())

    async def _prepare(self) -> None:
        session = self._channel._open()
        resolver = session.connector._resolver
        assert isinstance(resolver, GuardedResolver)
        resolver._inner = self._names

    def close(self) -> None:
        """Let go of sockets."""
        self._loop.run_until_complete(self._channel.aclose())
        self._loop.close()
        self._trap.close()

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield the seeds."""
        for seed in seeds_of("target"):
            url = seed.data.decode().replace("PORT", str(self.port))
            yield (
                f"{seed.name} ({seed.why})",
                Target(url, tuple(seed.more.get("answers", ()))),
                seed.expect,
            )

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield URLs without end: addresses in every spelling, names that lie, odd URLs."""
        while True:
            address = dice.choice(PRIVATE)
            kind = dice.randrange(5)
            if kind == 0:
                yield Target(f"https://{spelt(address, dice)}:{self.port}/x")
            elif kind == 1:
                yield Target(f"https://name{dice.randrange(9)}.example:{self.port}/", (address,))
            elif kind == 2:
                answers = (wrapped(address, dice), address)
                yield Target(f"https://rebind.example:{self.port}/", answers)
            elif kind == 3:
                yield Target(odd_url(dice, self.port), (address,))
            else:
                yield Target(f"https://[{wrapped(address, dice)}]:{self.port}/")

    def push(self, batch: list[object]) -> list[Fate]:
        """Call each; nobody may knock at the trap."""
        fates = [self._loop.run_until_complete(self._one(target)) for target in batch]
        with contextlib.suppress(BlockingIOError):
            self._trap.accept()[0].close()
            raise AssertionError("a connection into our own network was made")
        assert is_public("8.8.8.8"), "a public address is refused"
        return fates

    async def _one(self, target: Target) -> Fate:
        self._names.answers = list(target.answers)
        try:
            await self._channel.send(note("n", address=target.url))
        except DeliveryDeferredError as error:
            return Fate(wrong=f"was tried: {error}")
        except DeliveryError as error:
            return Fate(outcome=REFUSED) if str(error) else Fate(wrong="refused without words")
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return Fate(wrong=f"{type(error).__name__}: {error}")
        return Fate(wrong="was called")


def spelt(address: str, dice: random.Random) -> str:
    """Return an IPv4 address as a resolver may understand it, IPv6 in brackets."""
    if ":" in address:
        return f"[{address}%25lo]" if dice.random() < 0.3 else f"[{address}]"
    numbers = [int(part) for part in address.split(".")]
    whole = int.from_bytes(bytes(numbers), "big")
    return dice.choice(
        (
            str(whole),
            hex(whole),
            oct(whole).replace("0o", "0"),
            address + ".",
            ".".join(hex(n) for n in numbers),
            ".".join(f"0{n:o}" for n in numbers),
            f"{numbers[0]}.{whole & 0xFFFFFF}",
            address.replace(".", "。"),
            f"user@{address}",
            f"{address}#@example.com",
            f"{address}%00.example.com",
            "".join(chr(0xFEE0 + ord(c)) if c.isdigit() else c for c in address),
        )
    )


def wrapped(address: str, dice: random.Random) -> str:
    """Return an IPv4 address as an IPv6 one carries it."""
    if ":" in address:
        return address
    numbers = bytes(int(part) for part in address.split("."))
    pairs = f"{numbers[:2].hex()}:{numbers[2:].hex()}"
    if dice.random() < 0.2:
        inverted = bytes(255 - n for n in numbers)
        return f"2001:0:4136:e378:8000:63bf:{inverted[:2].hex()}:{inverted[2:].hex()}"
    return dice.choice(WRAPPED).format(pairs)


def odd_url(dice: random.Random, port: int) -> str:
    """Return a URL that is none, or of another scheme, or that two readers read differently."""
    scheme = dice.choice(
        ("http", "ftp", "file", "gopher", "HTTPS ", "https\t", "", "javascript", "//", "data")
    )
    text = dice.choice(mutate.TEXTS)
    return dice.choice(
        (
            f"{scheme}://127.0.0.1:{port}/",
            f"https://{text}/",
            f"https:///{text}",
            f"https://[{text}]/",
            f"https://example.com\\@127.0.0.1:{port}/",
            f"https://127.0.0.1:{port}\\.example.com/",
            text,
            f"https://a:b@127.0.0.1:{port}/",
            f"https://127.0.0.1:{text}/",
            f"https://\x00127.0.0.1:{port}/",
        )
    )


async def end_tasks() -> None:
    """Cancel what else still runs in this loop, and wait for it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answers, byte for byte; ``hang`` keeps the line open after it."""

    raw: bytes
    to: str = "webhook"
    hang: bool = False


class ReplyDoor:
    """Both channels against a receiver that answers anything; a good answer among them."""

    name = "reply"

    def __init__(self, folder: Path, token: Path) -> None:
        del folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._reply, self._calls = Reply(b""), 0
        self.port = self._run(self._listen())
        base, token = f"http://127.0.0.1:{self.port}", str(token)
        sms = SmsSettings(
            sender="+15550100100",
            base_url=base,
            account_file=token,
            token_file=token,
            timeout_s=TIMEOUT_S,
        )
        hook = WebhookSettings(secret_file=token, timeout_s=TIMEOUT_S, allow_private=True)
        self._channels: dict[str, Channel] = {
            "webhook": WebhookChannel("hook", hook, Surroundings()),
            "sms": SmsChannel("sms", sms, Surroundings()),
        }
        self._url = f"{base}/hook"

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  whatever it returns
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request and answer as ordered."""
        with contextlib.suppress(Exception):
            await reader.readuntil(b"\r\n\r\n")
            self._calls += 1
            reply = self._reply
            writer.write(reply.raw)
            await writer.drain()
            if reply.hang:
                await asyncio.sleep(2 * TIMEOUT_S)
        with contextlib.suppress(Exception):
            writer.close()

    def close(self) -> None:
        """Stop listening."""
        for channel in self._channels.values():
            self._run(channel.aclose())
        self._loop.call_soon_threadsafe(self._server.close)
        self._run(end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield the seeds."""
        for seed in seeds_of("reply"):
            yield (
                f"{seed.name} ({seed.why})",
                Reply(seed.data.replace(b"PORT", b"%d" % self.port), **seed.more),
                seed.expect,
            )

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield answers without end."""
        known = [seed.data for seed in seeds_of("reply") if len(seed.data) < 5000]
        while True:
            to = dice.choice(("webhook", "sms"))
            if dice.random() < 0.5:
                yield Reply(mutate.spoilt(dice.choice(known), known, dice), to)
                continue
            body: dict[str, object] = {
                "sid": "SM1",
                "status": "queued",
                "code": 20429,
                "message": "no",
                "to": "+1",
            }
            body[dice.choice(list(body))] = mutate.value(dice)
            text = mutate.written(body, dice).encode("utf-8", "surrogatepass")
            status = dice.choice(
                (200, 201, 204, 301, 302, 307, 400, 401, 404, 410, 418, 429, 500, 503, 999, 99, 100)
            )
            head = (
                f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n"
            )
            head += dice.choice(
                (
                    "",
                    f"Location: {self._url}\r\n",
                    "Retry-After: 999999999999\r\n",
                    "Retry-After: soon\r\n",
                    "Content-Encoding: gzip\r\n",
                    "Set-Cookie: a=b\r\n",
                )
            )
            yield Reply(f"{head}\r\n".encode() + text, to)

    def push(self, batch: list[object]) -> list[Fate]:
        """Send to each, then to a good one."""
        fates = [self._one(reply) for reply in batch]  # type: ignore[arg-type]
        self._channels["webhook"]._gone.clear()  # type: ignore[attr-defined]
        good = self._one(
            Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        )
        assert good.outcome == ACCEPTED, f"a good receiver came to {good}"
        return fates

    def _one(self, reply: Reply) -> Fate:
        self._reply, self._calls = reply, 0
        channel = self._channels[reply.to]
        if reply.to == "webhook":
            channel._gone.clear()  # type: ignore[attr-defined]
        address = self._url if reply.to == "webhook" else "+15550100123"
        try:
            self._run(channel.send(replace(note("n"), address=address)))
        except DeliveryError as error:
            fate = Fate(outcome=REFUSED) if str(error) else Fate(wrong="refused without words")
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return Fate(wrong=f"{type(error).__name__}: {error}")
        else:
            fate = Fate(outcome=ACCEPTED)
        return fate if self._calls <= 1 else Fate(wrong=f"called {self._calls} times")
