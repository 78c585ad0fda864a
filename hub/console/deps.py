"""What the console needs of the hub, passed in once: nothing here is looked up elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from hub.clock import Clock
from hub.flow.health import Health
from hub.model.catalogue import Catalogue
from hub.model.network import Network
from hub.model.response import People

if TYPE_CHECKING:
    import pandas as pd

    from hub.console.threads import Threads
    from hub.model.network import Datastream

REQUIRED = ("broker", "intake", "watch", "respond", "deliver")


class HistoryPort(Protocol):
    """Answers ranges over the log and, beyond it, InfluxDB; called from one thread."""

    def range(
        self, stream: Datastream, start_us: int, end_us: int, limit: int | None = None, /
    ) -> pd.DataFrame:
        """Return the observations of [start, end), oldest first; blocking.

        Columns: time_us, result, quality, late, trusted. With ``limit`` the newest ones.
        ``attrs["limited"]`` says why older parts may be missing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """How the console is served.

    ``token`` None leaves it open, which is allowed on loopback only. ``public_url`` is
    what the provider and a phone call it by. ``influx`` says whether an InfluxDB keeps
    the history. ``required`` names the health checks that /readyz must find well.
    Times are real seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    public_url: str = ""
    twilio_auth_token: str | None = field(default=None, repr=False)
    influx: bool = False
    required: tuple[str, ...] = REQUIRED
    heartbeat_s: float = 10.0
    poll_s: float = 0.25
    values_s: float = 1.0
    clients: int = 32
    action_wait_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDeps:
    """Everything the console works with.

    ``catalogue`` returns the catalogue as it stands (it grows when a new datastream
    turns up) and is called in threads; ``wake`` wakes loops by name after a commit;
    ``deliver_status`` takes a delivery report (the provider's id and word, our
    notification's id or "", an error code or "") and may block: ``Deliver.status_callback``.
    """

    database: Path
    clock: Clock
    health: Health
    network: Network
    people: People
    catalogue: Callable[[], Catalogue]
    history: HistoryPort
    settings: ConsoleSettings
    wake: Callable[..., None]
    deliver_status: Callable[[str, str, str, str], object]


DEPS: web.AppKey[ConsoleDeps] = web.AppKey("deps")
THREADS: web.AppKey[Threads] = web.AppKey("threads")
