"""InfluxDB 2, written and read by its client's SYNCHRONOUS calls: one attempt each.

Retry, back-off and quarantine are the store loop's. Every call has a time-out and
names its failure: ``StoreUnavailableError`` when waiting may help,
``StoreRefusedError`` with the server's status and words when it will not.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from influxdb_client import Dialect, InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from hub.errors import ConfigError, StoreRefusedError, StoreUnavailableError
from hub.reasons import why
from hub.store import words
from hub.words import NOTHING, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORDS: Final = 500  # characters of a server's answer that are kept
FINAL: Final = frozenset({401, 403, 404, 413})  # refusals that need no look at the answer
OF_A_LINE: Final = frozenset({400, 422})
FIXES: Final = {401: words.BAD_TOKEN, 403: words.NO_RIGHT, 404: words.NO_BUCKET}


class InfluxPlace(Protocol):
    """Where InfluxDB is and how to get in; ``token`` is asked anew for each connection."""

    @property
    def url(self) -> str:
        """Return the base URL."""

    @property
    def org(self) -> str:
        """Return the organisation's name."""

    @property
    def bucket(self) -> str:
        """Return the bucket's name."""

    @property
    def timeout_s(self) -> float:
        """Return the longest that one call may take."""

    def token(self) -> str:
        """Return the token; ConfigError when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A server that can be used: when it was ``started``, and a ``warning`` or nothing."""

    started: str
    warning: str = ""


class InfluxStore:
    """One bucket of one InfluxDB 2 server.

    Not shared between threads: each loop and each reader makes its own. The token is
    read again after a refusal, so that a new one needs no restart.
    """

    def __init__(self, place: InfluxPlace) -> None:
        self.place = place
        self._client: InfluxDBClient | None = None

    def write(self, body: bytes) -> None:
        """Write line protocol with nanosecond times; returns once the server said 204.

        Raises:
            StoreUnavailableError: unreachable, 429, 5xx; ``retry_after_s`` as the server said.
            StoreRefusedError: 400 and 422 (a line of it), 401, 403, 404, 413.
        """
        with self._named_errors():
            self._connected().write_api(write_options=SYNCHRONOUS).write(
                self.place.bucket, self.place.org, body, WritePrecision.NS
            )

    def query(self, flux: str, params: Mapping[str, object]) -> bytes:
        """Return the CSV that ``flux`` gives; ``params`` and ``bucket`` are bound, not pasted.

        Raises:
            StoreUnavailableError, StoreRefusedError: as ``write``.
        """
        dialect = Dialect(header=True, annotations=[], delimiter=",")
        bound = {"bucket": self.place.bucket, **params}
        with self._named_errors():
            api = self._connected().query_api()
            answer = api.query_raw(flux, self.place.org, dialect, bound)
            try:
                return bytes(answer.read())
            finally:
                answer.release_conn()

    def check(self) -> Standing:
        """Return how the server stands: InfluxDB 2, and the token may use the bucket.

        Raises:
            StoreUnavailableError, StoreRefusedError: with words that say what to do.
        """
        with self._named_errors():
            self._check_server()
            warning = self._check_bucket()
            return Standing(started=str(self._ask("/ready").get("started", "")), warning=warning)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> InfluxDBClient:
        if self._client is None:
            place = self.place
            self._client = InfluxDBClient(
                url=place.url,
                org=place.org,
                token=place.token(),
                timeout=round(place.timeout_s * 1000),
                retries=False,
            )
        return self._client

    def _ask(self, path: str) -> dict[str, object]:
        answer = self._connected().api_client.call_api(path, "GET", response_type="object")
        body = answer[0] if isinstance(answer, tuple) else answer
        return body if isinstance(body, dict) else {}

    def _check_server(self) -> None:
        version = str(self._ask("/health").get("version", ""))
        if not version.removeprefix("v").startswith("2."):
            other = words.NOT_INFLUX_2.filled(url=self.place.url, version=version)
            raise StoreUnavailableError(other)

    def _check_bucket(self) -> str:
        place = self.place
        api = self._connected().buckets_api()
        buckets = api.find_buckets(name=place.bucket, org=place.org).buckets
        if not buckets:
            raise StoreRefusedError(in_words(place, 404, ""), 404)
        forgets_s = sum(rule.every_seconds for rule in buckets[0].retention_rules or [])
        if not forgets_s:
            return ""
        days, id_ = f"{forgets_s / 86400:g}", buckets[0].id
        return words.FORGETS.filled(bucket=place.bucket, days=days, id=id_)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        url = self.place.url
        try:
            yield
        except ApiException as error:
            self.close()
            raise named(self.place, error) from error
        except ConfigError as error:
            raise StoreUnavailableError(error.told) from error
        except (HTTPError, OSError) as error:
            self.close()
            reason = reason_of(error)
            raise StoreUnavailableError(words.CANNOT_USE.filled(url=url, why=reason)) from error
        except ValueError as error:
            strange = words.STRANGE_ANSWER.filled(url=url, why=str(error)[:WORDS])
            raise StoreUnavailableError(strange) from error


def named(place: InfluxPlace, error: ApiException) -> Exception:
    """Return the hub's own error for an answer that is not 2xx.

    A refusal of a line counts only in InfluxDB's own form (JSON with a ``code``): a
    proxy's 400 must not send good observations to quarantine.
    """
    status = int(error.status or 0)
    code, message = answer_of(error.body)
    if status in FINAL or (status in OF_A_LINE and code):
        return StoreRefusedError(in_words(place, status, message), status)
    said = str(message or error.reason)[:WORDS]
    told = words.ANSWERED.filled(url=place.url, status=status, said=said)
    if "no space left" in message:
        told = words.BOTH.filled(fix=words.INFLUX_FULL, said=told)
    return StoreUnavailableError(told, retry_after_s(error.headers))


def reason_of(error: BaseException) -> Words:
    """Return why a connection failed, its innermost cause where that is known in words."""
    inner: BaseException | None = error
    while inner is not None and getattr(inner, "errno", None) is None:
        inner = inner.__cause__ or inner.__context__
    plain = f"{type(error).__name__}: {error}"[:WORDS]
    return Words(plain, why(inner).zh if inner else plain)


def in_words(place: InfluxPlace, status: int, message: str) -> Words:
    """Return what a refusal of ``status`` means and, where known, what to do about it."""
    fix = FIXES.get(status, NOTHING).filled(bucket=place.bucket, org=place.org)
    if fix and message:
        return words.BOTH.filled(fix=fix, said=message)
    said = Words(message, message) if message else words.ONLY_STATUS.filled(status=status)
    return fix or said


def answer_of(body: object) -> tuple[str, str]:
    """Return (code, message) of an answer; the code is empty unless InfluxDB wrote it."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return "", text[:WORDS]
    if not isinstance(answer, dict):
        return "", text[:WORDS]
    return str(answer.get("code", "")), str(answer.get("message", ""))[:WORDS]


def retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; None for none, negative or nonsense."""
    given = {k.lower(): v for k, v in (headers or {}).items()}.get("retry-after", "")
    try:
        seconds = float(given)
    except ValueError:
        seconds = until(given)
    return seconds if 0 <= seconds < float("inf") else None


def until(date: str) -> float:
    """Return the seconds from now to an HTTP ``date``; -1 when it is not one."""
    try:
        return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return -1.0
