"""The one contract every channel keeps: one attempt at one message, its failure named.

Order, leases, retries and deadlines are ``flow/deliver.py``'s. A channel knows its
provider and nothing else; no library's exception leaves it.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TextIO
from urllib.parse import urlsplit

from hub.errors import ConfigError, DeliveryDeferredError, DeliveryError
from hub.reasons import why
from hub.words import Words

if TYPE_CHECKING:
    from hub.model.notification import Notification

LONGEST_REASON: Final = 300
NUMBER: Final = re.compile(r"\+?\d[\d \-()]{5,}\d")
LINK: Final = re.compile(r"https?://\S+")

NO_SECRET: Final = Words(
    "is missing: name a file (..._file) or a variable (..._env)",
    "缺少密钥：请用 ..._file 指定文件，或用 ..._env 指定环境变量",
)
CANNOT_READ: Final = Words("cannot read {file}: {why}", "无法读取 {file}：{why}")
WITHIN: Final = Words(
    "{name} must be within {low} to {high}, got {got}",
    "{name} 应在 {low} 至 {high} 之间，现为 {got}",
)
EMPTY: Final = Words("{source} is empty", "{source} 为空")


class DeliveryThrottledError(DeliveryDeferredError):
    """The provider is busy, did not take this, and will shortly."""


class ChannelStoppedError(DeliveryError):
    """The channel works for nobody until its operator acts (credentials, account, cap)."""


class Channel(Protocol):
    """One way of reaching a person or a machine.

    ``receipts`` says whether the provider reports delivery; ``lanes`` how many attempts
    may run at once; ``deadline_s`` when an attempt is given up, in real seconds.
    """

    name: str
    kind: str
    receipts: bool
    lanes: int
    deadline_s: float

    async def send(self, note: Notification, /) -> str:
        """Make one attempt and return the provider's id for it, empty if it gives none.

        ``note.repeat`` asks for a text that says it may have arrived before, where the
        provider cannot tell two sendings apart itself.

        Raises:
            DeliveryAmbiguousError: nobody knows whether the provider took it.
            DeliveryThrottledError: not taken, try again shortly.
            DeliveryDeferredError: not taken, later perhaps.
            ChannelStoppedError: this channel takes nothing until somebody acts.
            DeliveryError: it never will.
        """

    async def find(self, note: Notification, /) -> tuple[str, ...]:
        """Return the ids of recent messages that may be ``note``, newest first.

        Empty where the provider has none or is not to be asked. Asked before an attempt
        that follows one of unknown outcome.

        Raises:
            DeliveryDeferredError: the provider cannot be asked now.
        """

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What channels are given besides their settings.

    ``public_url`` is where providers reach the hub (empty: nowhere); ``stream`` is
    where the terminal channel prints.
    """

    public_url: str = ""
    stream: TextIO = field(default_factory=lambda: sys.stdout)


def masked(address: str) -> str:
    """Return ``address`` such that its owner knows it and nobody else does: ``+86…1234``."""
    if "://" in address:
        scheme, _, rest = address.partition("://")
        return f"{scheme[:12]}://{host_of(rest)}/…"
    return f"{address[:3]}…{address[-4:]}" if len(address) >= 9 else "…"


def host_of(rest: str) -> str:
    """Return the host of an address without its scheme; nothing where that is no address."""
    try:
        return urlsplit(f"//{rest}").hostname or ""
    except ValueError:
        return ""


def scrubbed(words: str, address: str = "") -> str:
    """Return a provider's ``words`` on one line, short, without numbers of people or links."""
    plain = words.replace(address, masked(address)) if address else words
    plain = LINK.sub(lambda link: masked(link[0]), plain)
    plain = NUMBER.sub(lambda number: masked(number[0]), plain)
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:LONGEST_REASON]


def read_secret(file: str, variable: str, where: str) -> str:
    """Return the secret in ``file`` or else in the environment ``variable``.

    Raises:
        ConfigError: neither is named, or what is named holds nothing.
    """
    if not file and not variable:
        raise ConfigError(where, NO_SECRET)
    try:
        text = Path(file).read_text("utf-8") if file else os.environ.get(variable, "")
    except (OSError, ValueError) as error:
        raise ConfigError(where, CANNOT_READ.filled(file=file, why=why(error))) from error
    if not text.strip():
        raise ConfigError(where, EMPTY.filled(source=file or variable))
    return text.strip()
