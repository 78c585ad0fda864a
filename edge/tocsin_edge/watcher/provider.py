"""The watcher's own way to people: Twilio's Messages API by the standard library.

One thread per recipient and page, so that a provider that hangs stops neither canaries
nor the other calls. The API has no idempotency key: an attempt whose answer did not
come is made again, because for an alarm a duplicate is the better error.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from tocsin_edge.errors import PageError
from tocsin_edge.watcher.config import read_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin_edge.watcher.config import ProviderSettings

PAUSES_S: Final = (2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
LONGEST_ANSWER: Final = 1 << 16
VALIDITY_S: Final = 900
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500

logger = logging.getLogger(__name__)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected page is a failed one: nothing is sent to where an answer points."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


class Provider:
    """Sends single messages; credentials are read once.

    Raises:
        ConfigError: the credentials cannot be read.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        account = read_secret(settings.account_file, settings.account_env, "provider.account")
        token = read_secret(settings.token_file, settings.token_env, "provider.token")
        path = f"/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._url = settings.base_url.rstrip("/") + path
        self._key = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        self._opener = urllib.request.build_opener(NoRedirect)

    def send(self, number: str, text: str) -> str:
        """Make one attempt; return the provider's id for the message.

        Raises:
            PageError: it was refused, or nobody knows; ``again`` says whether to try again.
        """
        request = urllib.request.Request(  # noqa: S310  the configuration allows http(s) only
            self._url,
            urlencode(self._form(number, text)).encode(),
            {"Authorization": self._key, "Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            with self._opener.open(request, timeout=self._settings.timeout_s) as answer:
                return sid_of(answer.read(LONGEST_ANSWER))
        except urllib.error.HTTPError as err:
            with err:
                again = err.code == TOO_MANY or err.code >= SERVER_ERROR
                raise PageError(f"the provider said {err.code}", again=again) from err
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise PageError(f"{type(err).__name__}: {err}", again=True) from err

    def _form(self, number: str, text: str) -> dict[str, str]:
        settings = self._settings
        source = (
            {"From": settings.sender}
            if settings.sender
            else {"MessagingServiceSid": settings.service}
        )
        return {"To": number, "Body": text, "ValidityPeriod": str(VALIDITY_S), **source}


class Caller:
    """Tells everybody at once, and tries again until newer words take their place."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._superseded = threading.Event()
        self._threads: list[threading.Thread] = []

    def tell(self, texts: Iterable[tuple[str, str]]) -> None:
        """Start sending (number, text) pairs; attempts at older ones end."""
        self._superseded.set()
        self._superseded = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(*pair, self._superseded), daemon=True)
            for pair in texts
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for each message under way; say whether all have gone."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _call(self, number: str, text: str, superseded: threading.Event) -> None:
        tries = 0
        while not superseded.is_set():
            try:
                sid = self._provider.send(number, text)
            except PageError as err:
                logger.error("page to %s: %s", masked(number), err)  # noqa: TRY400  no numbers
                if not err.again:
                    return
                superseded.wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
            else:
                logger.info("page to %s went out as %s", masked(number), sid)
                return


def sid_of(body: bytes) -> str:
    """Return the message's id in the provider's answer.

    Raises:
        ValueError: it is no answer of that API.
    """
    fields = json.loads(body)
    if not isinstance(fields, dict) or not isinstance(fields.get("sid"), str):
        raise ValueError("an answer without sid")  # noqa: TRY004  one error for a strange answer
    return str(fields["sid"])[:64]


def masked(number: str) -> str:
    """Return ``number`` fit for a log."""
    return f"{number[:3]}…{number[-4:]}"
