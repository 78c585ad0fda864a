"""A signed HTTP call to a machine: Standard Webhooks 1.0.

The id is the notification's own in every attempt, so a receiver drops what it has
already; the timestamp is fresh. The receiver's answer is not read beyond its status.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from hub.clock import from_us
from hub.dispatch.base import WITHIN, DeliveryThrottledError, masked, read_secret
from hub.dispatch.channels.guard import GuardedResolver, RefusedAddressError, refuse_literal
from hub.errors import ConfigError, DeliveryDeferredError, DeliveryError
from hub.words import Words

if TYPE_CHECKING:
    from hub.dispatch.base import Surroundings
    from hub.model.notification import Notification

PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 24
LONGEST_TEXT: Final = 4000
WHSEC: Final = Words(
    "must be {prefix} and the base64 of at least {shortest} bytes",
    "应为 {prefix} 加上至少 {shortest} 字节的 base64",
)
LATER: Final = frozenset({408, 425})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What an operator sets.

    The secret is ``whsec_`` and base64; several, one a line, sign at once while they
    are exchanged. ``timeout_s`` (real seconds) is for the whole call. Addresses inside
    one's own network, and plain http, need ``allow_private``.

    Raises:
        ValueError: out of bounds.
    """

    secret_file: str = ""
    secret_env: str = ""
    timeout_s: float = 10.0
    allow_private: bool = False
    at_once: int = 32

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= 60:
            raise ValueError(WITHIN.filled(name="timeout_s", low=0, high=60, got=self.timeout_s))
        if not 1 <= self.at_once <= 100:
            raise ValueError(WITHIN.filled(name="at_once", low=1, high=100, got=self.at_once))


class WebhookChannel:
    """Posts one notification per attempt to the URL that is its address."""

    kind = "webhook"
    receipts = False

    def __init__(self, name: str, settings: WebhookSettings, around: Surroundings) -> None:
        del around  # a webhook needs nothing of them
        self.name = name
        self.lanes = settings.at_once
        self.deadline_s = settings.timeout_s + 1
        self._settings = settings
        where = f"channel.{name}.secret"
        self._keys = keys(read_secret(settings.secret_file, settings.secret_env, where), where)
        self._session: aiohttp.ClientSession | None = None
        self._gone: set[str] = set()

    async def send(self, note: Notification) -> str:
        """Make one attempt; see ``Channel.send``."""
        target = self._target(note.address)
        body = payload(note)
        headers = signed_headers(note.id, int(time.time()), body, self._keys)
        try:
            async with self._open().post(
                target, data=body, headers=headers, allow_redirects=False
            ) as answer:
                self._judge(answer, note.address)
                answer.close()  # nothing in its body matters, however long it is
        except RefusedAddressError as error:
            raise DeliveryError(str(error), "address") from error
        except aiohttp.InvalidURL as error:
            raise DeliveryError("not a usable URL", "address") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = f"{masked(note.address)} did not answer: {type(error).__name__}"
            raise DeliveryDeferredError(said, "no-answer") from error
        return note.id

    async def find(self, note: Notification) -> tuple[str, ...]:
        """Return nothing: the receiver itself drops an id that it has."""
        del note
        return ()

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, made in the loop that uses it."""
        if self._session is None:
            resolver = GuardedResolver(allow_private=self._settings.allow_private)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=0),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _target(self, address: str) -> URL:
        """Return where to send, refused if it is no place for us."""
        if address in self._gone:
            raise DeliveryError("the receiver has disabled this address", "410")
        try:
            url = URL(address)
            host = url.host  # read at last by now: a bracket may hold no address
        except ValueError as error:
            raise DeliveryError("not a usable URL", "address") from error
        schemes = ("https", "http") if self._settings.allow_private else ("https",)
        if url.scheme not in schemes or not host:
            raise DeliveryError("the address must be an https URL", "address")
        if url.user or url.password:
            raise DeliveryError("the address must not carry a user or password", "address")
        if not self._settings.allow_private:
            refuse_literal(host)
        return url

    def _judge(self, answer: aiohttp.ClientResponse, address: str) -> None:
        """Raise what a status other than 2xx means."""
        status = answer.status
        if 200 <= status < 300:
            return
        said = f"{masked(address)} answered {status}"
        if status == 429:
            raise DeliveryThrottledError(said, "429", pause(answer.headers.get("Retry-After")))
        if status >= 500 or status in LATER:
            retry_s = pause(answer.headers.get("Retry-After"))
            raise DeliveryDeferredError(said, str(status), retry_s)
        if status == 410:
            self._gone.add(address)
        raise DeliveryError(said, str(status))


def payload(note: Notification) -> bytes:
    """Return the body: what is told, never who else is told or where they are reached."""
    data = {
        "id": note.id,
        "incident": note.incident,
        "step": note.step,
        "purpose": note.purpose,
        "severity": note.severity,
        "language": note.language,
        "text": note.text[:LONGEST_TEXT],
        "link": note.link[:LONGEST_TEXT],
    }
    event = {
        "type": f"notification.{note.purpose}",
        "timestamp": from_us(note.created_us).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(
    key: str, sent_s: int, body: bytes, secrets: tuple[bytes, ...]
) -> dict[str, str]:
    """Return the headers of Standard Webhooks, one signature per secret."""
    content = f"{key}.{sent_s}.".encode() + body
    marks = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    return {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(sent_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(m).decode()}" for m in marks),
    }


def keys(text: str, where: str) -> tuple[bytes, ...]:
    """Return the secrets of ``text``, one a line.

    Raises:
        ConfigError: one is not ``whsec_`` and the base64 of at least 24 bytes.
    """
    return tuple(key(line.strip(), where) for line in text.splitlines() if line.strip())


def key(line: str, where: str) -> bytes:
    """Return the bytes of one secret."""
    problem = WHSEC.filled(prefix=PREFIX, shortest=SHORTEST_KEY)
    try:
        decoded = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ConfigError(where, problem) from error
    if not line.startswith(PREFIX) or len(decoded) < SHORTEST_KEY:
        raise ConfigError(where, problem)
    return decoded


def pause(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, bounded to an hour; None if it is not a number."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return float(min(int(header[:6]), 3600))
