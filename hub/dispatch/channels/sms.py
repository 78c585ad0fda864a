"""SMS by Twilio's Messages API, through its SDK over our own bounded HTTP client.

The API has no idempotency key. So after an attempt of unknown outcome the message is
looked up by number and text first, and sent again, marked, only if it is not there.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from hub.dispatch.base import WITHIN, masked, read_secret, scrubbed
from hub.dispatch.retry import failure
from hub.dispatch.text import repeated
from hub.errors import DeliveryAmbiguousError, DeliveryDeferredError, DeliveryError
from hub.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.dispatch.base import Surroundings
    from hub.model.notification import Notification

STATUS_PATH: Final = "/twilio/status"
LONGEST_ANSWER: Final = 1 << 20
RECENT: Final = 50  # messages to one number that a look-up goes through
UNREADABLE: Final = (TwilioException, ValueError, KeyError, TypeError, AttributeError)

ONE_SENDER: Final = Words("needs either sender or service", "sender 与 service 必须且只能写一个")
NOT_HTTP: Final = Words(
    "base_url must be http(s), got {url!r}", "base_url 应以 http 或 https 开头，现为“{url}”"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """What an operator sets.

    ``sender`` is an E.164 number, or ``service`` a messaging service's id. The account's
    id and token come from a file or the environment. ``timeout_s`` (real seconds) is for
    one whole request. ``validity_s`` is how long the provider may hold the message back
    before it dies, 1 to 36,000 s. ``at_once`` requests may be under way.

    Raises:
        ValueError: without a sender, or out of these bounds.
    """

    sender: str = ""
    service: str = ""
    base_url: str = "https://api.twilio.com"
    account_file: str = ""
    account_env: str = ""
    token_file: str = ""
    token_env: str = ""
    timeout_s: float = 10.0
    validity_s: int = 900
    at_once: int = 4

    def __post_init__(self) -> None:
        if bool(self.sender) == bool(self.service):
            raise ValueError(ONE_SENDER)
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ValueError(NOT_HTTP.filled(url=self.base_url))
        if not 0 < self.timeout_s <= 60:
            raise ValueError(WITHIN.filled(name="timeout_s", low=0, high=60, got=self.timeout_s))
        if not 1 <= self.validity_s <= 36_000:
            got = self.validity_s
            raise ValueError(WITHIN.filled(name="validity_s", low=1, high=36_000, got=got))
        if not 1 <= self.at_once <= 100:
            raise ValueError(WITHIN.filled(name="at_once", low=1, high=100, got=self.at_once))


class SmsChannel:
    """Sends one SMS per attempt; delivery is reported to ``public_url`` where there is one."""

    kind = "sms"

    def __init__(self, name: str, settings: SmsSettings, around: Surroundings) -> None:
        self.name = name
        self.lanes = settings.at_once
        self.deadline_s = 2 * settings.timeout_s + 1
        self.receipts = bool(around.public_url)
        self._settings = settings
        self._public_url = around.public_url.rstrip("/")
        where = f"channel.{name}"
        self._account = read_secret(settings.account_file, settings.account_env, f"{where}.account")
        self._http = BoundedHttp(settings.base_url, settings.timeout_s)
        token = read_secret(settings.token_file, settings.token_env, f"{where}.token")
        # Taken now: its first use imports half a second's worth, and no page may wait for that.
        self._messages = Client(self._account, token, http_client=self._http).messages

    async def send(self, note: Notification) -> str:
        """Make one attempt; see ``Channel.send``."""
        text = repeated(note.text, note.language) if note.repeat else note.text
        try:
            message = await self._messages.create_async(
                to=note.address, body=text, **self._options(note)
            )
            return named(message.sid)
        except UNREADABLE as error:
            raise self._named(error, note) from error

    async def find(self, note: Notification) -> tuple[str, ...]:
        """Return the ids of recent messages to this number with this text, newest first."""
        texts = {note.text, repeated(note.text, note.language)}
        try:
            recent = await self._messages.list_async(to=note.address, limit=RECENT)
        except (DeliveryError, *UNREADABLE) as error:
            said = scrubbed(str(error), note.address)
            raise DeliveryDeferredError(f"the message cannot be looked up: {said}") from error
        return tuple(str(m.sid) for m in recent if m.body in texts)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _options(self, note: Notification) -> dict[str, str | int]:
        """Return the parameters besides number and text."""
        options: dict[str, str | int] = {"validity_period": self._settings.validity_s}
        if self._settings.service:
            options["messaging_service_sid"] = self._settings.service
        else:
            options["from_"] = self._settings.sender
        if self._public_url:
            query = urlencode({"n": note.id})
            options["status_callback"] = f"{self._public_url}{STATUS_PATH}?{query}"
        return options

    def _named(self, error: Exception, note: Notification) -> DeliveryError:
        """Return the SDK's ``error`` as one of ours, without the person's number."""
        status, code = getattr(error, "status", None), getattr(error, "code", None)
        if isinstance(status, int):
            said = scrubbed(str(getattr(error, "msg", "")), note.address)
            return failure(status, code if isinstance(code, int) and code != status else None, said)
        said = scrubbed(f"{type(error).__name__}: {error}", note.address)
        return DeliveryAmbiguousError(f"the provider's answer to {masked(note.address)}: {said}")


class BoundedHttp(AsyncHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's way to the network: a base URL of ours, one deadline, a bounded answer.

    Nothing is logged here: the SDK's own client logs numbers with the query.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self.is_async = True
        self.timeout = timeout_s
        self._base = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2)
        self._session: aiohttp.ClientSession | None = None

    async def request(  # noqa: PLR0917  the SDK's signature
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        allow_redirects: bool = False,  # noqa: FBT001, FBT002, ARG002
    ) -> Response:
        """Make one request.

        Raises:
            DeliveryDeferredError: no connection came about.
            DeliveryAmbiguousError: it broke or took too long after that.
        """
        try:
            async with self._open().request(
                method,
                self._base + urlsplit(url).path,
                params=written(params),
                data=written(data),
                headers={**(headers or {}), **credentials(auth)},
                allow_redirects=False,
            ) as answer:
                return Response(answer.status, await bounded(answer), dict(answer.headers))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise DeliveryDeferredError(f"no connection to {self._base}", "connect") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryAmbiguousError(
                f"no answer from {self._base}: {type(error).__name__}", "no-answer"
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, made in the loop that uses it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session


def named(sid: object) -> str:
    """Return the provider's id of a message.

    Raises:
        ValueError: it gave none, so that nobody can look the message up.
    """
    if not isinstance(sid, str) or not sid:
        raise ValueError("no id in the provider's yes")
    return sid


def credentials(auth: tuple[str, str] | None) -> dict[str, str]:
    """Return the header of HTTP Basic authentication."""
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}


def written(values: Mapping[str, object] | None) -> dict[str, str] | None:
    """Return parameters as the wire wants them, without those that are unset."""
    if not values:
        return None
    return {key: str(value) for key, value in values.items() if isinstance(value, str | int)}


async def bounded(answer: aiohttp.ClientResponse) -> str:
    """Return the body, at most ``LONGEST_ANSWER`` bytes of it."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > LONGEST_ANSWER:
            break
    return body.decode("utf-8", "replace")
