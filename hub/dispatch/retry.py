"""What an outcome of the SMS provider means: the retry table, one row per known code.

Codes are Twilio's. They change, so none is needed: an unknown one is tried again while
the next channel starts. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hub.dispatch.base import ChannelStoppedError, DeliveryThrottledError
from hub.errors import DeliveryAmbiguousError, DeliveryDeferredError, DeliveryError


class Advice(StrEnum):
    """What to do about an outcome."""

    AGAIN = "again"  # never processed: the same again after a pause
    ELSEWHERE = "elsewhere"  # again later, and the next channel or person now
    UNKNOWN = "unknown"  # may have been sent: look it up before sending again
    NEVER = "never"  # this number or this text will never work
    STOP = "stop"  # nothing will be sent until the operator acts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why in words for the timeline."""

    advice: Advice
    words: str


CODES: Final[dict[int, Verdict]] = {
    20003: Verdict(Advice.STOP, "the provider refuses our credentials"),
    20429: Verdict(Advice.AGAIN, "too many requests at the provider"),
    21211: Verdict(Advice.NEVER, "not a valid phone number"),
    21408: Verdict(Advice.NEVER, "sending to this region is not allowed"),
    21610: Verdict(Advice.NEVER, "the person has opted out by STOP"),
    21611: Verdict(Advice.ELSEWHERE, "the sender's queue is full"),
    21612: Verdict(Advice.NEVER, "this sender cannot reach this number"),
    21614: Verdict(Advice.NEVER, "not a mobile number"),
    30001: Verdict(Advice.ELSEWHERE, "the provider's queue overflowed"),
    30002: Verdict(Advice.STOP, "the account is suspended"),
    30003: Verdict(Advice.ELSEWHERE, "the handset is unreachable"),
    30004: Verdict(Advice.NEVER, "the message was blocked"),
    30005: Verdict(Advice.NEVER, "unknown handset"),
    30006: Verdict(Advice.NEVER, "a landline or an unreachable carrier"),
    30007: Verdict(Advice.NEVER, "filtered by the carrier"),
    30008: Verdict(Advice.ELSEWHERE, "not delivered, reason unknown"),
    30036: Verdict(Advice.ELSEWHERE, "not delivered within its validity"),
    63038: Verdict(Advice.STOP, "the account's daily cap is reached"),
}

UNAUTHORISED: Final = Verdict(Advice.STOP, "the provider refuses our credentials")
NO_ACCOUNT: Final = Verdict(Advice.STOP, "the provider does not know our account")
BUSY: Final = Verdict(Advice.AGAIN, "too many requests at the provider")
BROKEN: Final = Verdict(Advice.UNKNOWN, "the provider failed while it had the message")
OTHER: Final = Verdict(Advice.ELSEWHERE, "the provider refused")

STATUSES: Final[dict[int, Verdict]] = {
    401: UNAUTHORISED,
    403: UNAUTHORISED,
    404: NO_ACCOUNT,
    429: BUSY,
}

ERRORS: Final[dict[Advice, type[DeliveryError]]] = {
    Advice.AGAIN: DeliveryThrottledError,
    Advice.ELSEWHERE: DeliveryDeferredError,
    Advice.UNKNOWN: DeliveryAmbiguousError,
    Advice.NEVER: DeliveryError,
    Advice.STOP: ChannelStoppedError,
}


def judge(status: int, code: int | None = None) -> Verdict:
    """Return what HTTP ``status`` with the provider's ``code`` means for the message.

    The code decides where it is known; a 5xx without one leaves the outcome open.
    """
    known = CODES.get(code or 0) or STATUSES.get(status)
    if known is not None:
        return known
    return BROKEN if status >= 500 or status < 400 else OTHER


def failure(status: int, code: int | None, said: str) -> DeliveryError:
    """Return the error to raise for an answer that is not a yes."""
    verdict = judge(status, code)
    words = f"{verdict.words} ({code or status}): {said}" if said else verdict.words
    return ERRORS[verdict.advice](words, str(code or status))


def reason(code: str) -> str:
    """Return a callback's error ``code`` in words."""
    verdict = CODES.get(int(code)) if code.isascii() and code.isdigit() else None
    return f"{verdict.words} ({code})" if verdict else f"not delivered ({code or 'no code'})"
