"""What comes back from phones and providers: replies, delivery reports, their signatures.

A sender's number is a claim, not proof: whoever asks for more than an acknowledgement
needs a code as well, and the caller checks that the number is a known person's. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from twilio.request_validator import RequestValidator

from hub.dispatch.retry import reason
from hub.model.notification import NotificationState

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHABET: Final = "2346789ACDEFHJKMNPRTUVWXY"  # of reply codes: none looks like another
LONGEST: Final = 1600  # what Twilio joins at most
CODE: Final = re.compile(rf"[{ALPHABET}]{{3}}")


class Verb(StrEnum):
    """What a reply asks for."""

    ACCEPT = "accept"
    ARRIVED = "arrived"
    HELP = "help"
    FALSE_ALARM = "false-alarm"
    HAND_OVER = "hand-over"
    REPEAT = "repeat"
    LIST = "list"  # what is open, with its codes
    OPT_OUT = "opt-out"  # the carrier blocks us from now on: tell the duty chief
    NOTE = "note"  # anything else is kept with the incident


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as understood.

    ``code`` is empty where none was given: it then means the one open incident of that
    phone. ``name`` is the person to hand over to. ``needs_code`` asks the caller to answer
    with the open codes rather than to act. ``every`` asks for all that the newest digest
    lists. ``text`` is what was written, on one line.
    """

    verb: Verb
    code: str = ""
    name: str = ""
    needs_code: bool = False
    every: bool = False
    text: str = ""


WORDS: Final[dict[str, Verb]] = {
    "ACKNOWLEDGE": Verb.ACCEPT,
    "ACKNOWLEDGED": Verb.ACCEPT,
    "ACCEPT": Verb.ACCEPT,
    "ACCEPTED": Verb.ACCEPT,
    "ACK": Verb.ACCEPT,
    "AKC": Verb.ACCEPT,
    "OK": Verb.ACCEPT,
    "YES": Verb.ACCEPT,
    "A": Verb.ACCEPT,
    "1": Verb.ACCEPT,
    "已收到": Verb.ACCEPT,
    "收到": Verb.ACCEPT,
    "已接警": Verb.ACCEPT,
    "接警": Verb.ACCEPT,
    "ARRIVED": Verb.ARRIVED,
    "R": Verb.ARRIVED,
    "已到场": Verb.ARRIVED,
    "到场": Verb.ARRIVED,
    "到达": Verb.ARRIVED,
    "HELP": Verb.HELP,
    "H": Verb.HELP,
    "请求增援": Verb.HELP,
    "需增援": Verb.HELP,
    "增援": Verb.HELP,
    "FALSE": Verb.FALSE_ALARM,
    "F": Verb.FALSE_ALARM,
    "误报": Verb.FALSE_ALARM,
    "?": Verb.REPEAT,
    "重复": Verb.REPEAT,
    "LIST": Verb.LIST,
    "0": Verb.LIST,
    "列表": Verb.LIST,
    "清单": Verb.LIST,
    "STOP": Verb.OPT_OUT,
    "UNSUBSCRIBE": Verb.OPT_OUT,
    "TD": Verb.OPT_OUT,
    "T": Verb.OPT_OUT,
    "N": Verb.OPT_OUT,
    "退订": Verb.OPT_OUT,
}
# What people add, or copy from the page, around the answer itself.
AROUND: Final = re.compile(
    r"REPLY|I TAKE IT|0 LIST|SEND HELP|PLEASE|PLS|THANKS|回复|回|请(?!求)|谢谢"
)
EVERY: Final = re.compile(r"\bALL\b|\bI TAKE ALL\b|全部|所有")
HAND_OVER: Final = re.compile(r"(?:D(?=\s)|转给|转)\s*(.+)")
ANY_WORD: Final = "|".join(re.escape(w) for w in sorted(WORDS, key=len, reverse=True))
ANSWER: Final = re.compile(rf"({ANY_WORD})?({CODE.pattern})?({ANY_WORD})?")
MOST_WORDS: Final = 4


def parse_reply(text: str) -> Reply:
    """Return what ``text`` asks for; whatever is not understood is a note, never dropped.

    Case, full-width characters, punctuation and spaces do not matter, and the code may
    stand before or after the word.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[:LONGEST]).split())
    folded = fold(text[:LONGEST])
    hand_over = HAND_OVER.fullmatch(folded)
    if hand_over:
        return handing_over(hand_over[1], shown)
    bare = EVERY.sub(" ", folded)
    verb, code = split(AROUND.sub(" ", bare))
    missing = verb is Verb.FALSE_ALARM and not code
    every = bare != folded and verb is Verb.ACCEPT
    return Reply(verb, code=code, needs_code=missing, every=every, text=shown)


def fold(text: str) -> str:
    """Return ``text`` in upper case and half-width, punctuation as single spaces."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return " ".join("".join(c if c == "?" or c.isalnum() else " " for c in plain).split())


def split(text: str) -> tuple[Verb, str]:
    """Return the verb and the code in ``text``: a word, a code, a word that means the same."""
    words = text.split()
    match = ANSWER.fullmatch("".join(words)) if 0 < len(words) <= MOST_WORDS else None
    if match is None:
        return Verb.NOTE, ""
    code = match[2] or ""
    meant = {WORDS[word] for word in (match[1], match[3]) if word}
    if len(meant) != 1 or (code and Verb.OPT_OUT in meant):
        return Verb.NOTE, code
    return meant.pop(), code


def handing_over(rest: str, shown: str) -> Reply:
    """Return a hand-over: the name, and a code if the last word is one."""
    *name, last = rest.split()
    if name and CODE.fullmatch(last):
        return Reply(Verb.HAND_OVER, code=last, name=" ".join(name), text=shown)
    return Reply(Verb.HAND_OVER, name=" ".join((*name, last)), text=shown)


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report: how far the provider's message came, and why not further."""

    provider_id: str
    state: NotificationState
    reason: str = ""


STATES: Final[dict[str, NotificationState]] = {
    "accepted": NotificationState.SENT,
    "scheduled": NotificationState.SENT,
    "queued": NotificationState.SENT,
    "sending": NotificationState.SENT,
    "sent": NotificationState.SENT,
    "delivered": NotificationState.DELIVERED,
    "read": NotificationState.DELIVERED,
    "undelivered": NotificationState.FAILED,
    "failed": NotificationState.FAILED,
    "canceled": NotificationState.FAILED,
}


def report(provider_id: str, word: str, code: str = "") -> Report | None:
    """Return the report of a provider's ``word``; None for an unknown word or no id."""
    state = STATES.get(word.lower())
    if state is None or not provider_id:
        return None
    why = reason(code[:10]) if state is NotificationState.FAILED else ""
    return Report(provider_id, state, why)


def signature_holds(
    token: str, public_url: str, path_and_query: str, parameters: Mapping[str, str], signature: str
) -> bool:
    """Say whether a provider's request is signed with ``token``.

    The URL is built from the configured ``public_url``, never from what the request
    says about itself; ``parameters`` are all form fields.
    """
    if not token or not public_url or not signature or not signature.isascii():
        return False
    url = public_url.rstrip("/") + path_and_query
    try:
        return bool(RequestValidator(token).validate(url, dict(parameters), signature))
    except ValueError:
        return False
