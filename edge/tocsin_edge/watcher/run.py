"""The watcher put together: canaries out, receipts in, and people told when none come back."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tocsin_edge import reasons
from tocsin_edge.errors import ConfigError, PageError
from tocsin_edge.housekeeping import notify
from tocsin_edge.link import Arrived, Connected, Disconnected, Link
from tocsin_edge.message import Reading, envelope, obs_text, observation, read_receipt, state
from tocsin_edge.node import locked
from tocsin_edge.refusals import UNWRITABLE
from tocsin_edge.watcher.outage import News, Outages, outage_of
from tocsin_edge.watcher.provider import Caller, Provider, masked
from tocsin_edge.watcher.vigil import Vigil
from tocsin_edge.watcher.words import Facts, compose

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin_edge.clock import Timekeeper
    from tocsin_edge.link import Event
    from tocsin_edge.watcher.config import WatcherConfig
    from tocsin_edge.watcher.outage import Outage
    from tocsin_edge.watcher.vigil import Cause

LOOK_S: Final = 0.5
STATE_S: Final = 60.0
WATCHDOG_S: Final = 10.0
STATE_FILE: Final = "outage.json"
ACKNOWLEDGED: Final = "acknowledged"
LAST_WORDS_S: Final = 5.0

logger = logging.getLogger(__name__)


class Watcher:
    """One watcher; ``step`` does what is due and never waits for hub, broker or provider."""

    def __init__(self, config: WatcherConfig, keeper: Timekeeper, caller: Caller, link: Link
                 ) -> None:  # fmt: skip
        self._config = config
        self._keeper = keeper
        self._caller = caller
        self._link = link
        self._boot = secrets.token_hex(8)
        self._number = 0
        self._state_at = self._fed_at = 0.0
        kept = read_state(config.folder / STATE_FILE)
        self._vigil = Vigil(config.pace, time.monotonic(), down=kept is not None)
        self._outages = Outages(config.pace, kept)

    def step(self, events: list[Event], *, acknowledged: bool) -> None:
        """Take in what the link said, send what is due, tell people what they must know."""
        for event in events:
            self._hear(event)
        now = time.monotonic()
        if self._vigil.due(now):
            self._send_canary(now)
        self._say_state(now)
        self._acknowledge(asked=acknowledged)
        self._decide(now)
        if now - self._fed_at >= WATCHDOG_S:
            self._fed_at = now
            notify("WATCHDOG=1")

    def _hear(self, event: Event) -> None:
        match event:
            case Connected():
                logger.info("connected to the broker")
                self._vigil.connected()
                self._state_at = 0.0
            case Disconnected(reason):
                logger.warning("no broker: %s", reason)
                self._vigil.lost()
            case Arrived(payload):
                self._read(payload)

    def _read(self, payload: bytes) -> None:
        """Take in a receipt; one that is about another boot, or unreadable, says nothing."""
        try:
            receipt = read_receipt(payload)
            canary = json.loads(payload).get("canary")
        except (ValueError, TypeError) as err:
            logger.warning("a receipt nobody can read: %s: %.200r", err, payload)
            return
        if receipt.boot != self._boot:
            return
        self._vigil.taken(receipt.got)
        if isinstance(canary, int):
            self._vigil.answered(canary)
        for _, why in receipt.refused:
            logger.error("the hub refuses the canary: %s", why)

    def _send_canary(self, now: float) -> None:
        self._number += 1
        moment, number = self._keeper.now(), self._number
        gone = self._vigil.send(number, now)
        alive = observation(self._config.datastream, "1", Reading(result=1.0), moment)
        payload = envelope(
            obs_text([alive]),
            boot=self._boot,
            seq=number,
            low=number,
            gone=gone,
            late=False,
            sent_us=moment.us if moment.known else None,
            up_s=moment.up_s,
        )
        self._link.publish(self._topic("obs"), payload)

    def _say_state(self, now: float) -> None:
        if now < self._state_at:
            return
        self._state_at = now + STATE_S
        said = state(up_s=self._keeper.up_s(), queue=0, evicted=0, clock=self._keeper.trust())
        self._link.publish(self._topic("state"), said, retain=True)

    def _topic(self, last: str) -> str:
        return f"tocsin/v1/{self._config.site}/{self._config.node}/{last}"

    def _acknowledge(self, *, asked: bool) -> None:
        """Take a person's word, given by signal or by file, that somebody is on it."""
        if (taken(self._config.folder / ACKNOWLEDGED) or asked) and self._outages.acknowledge():
            logger.warning("acknowledged: not repeated until the hub is back")
            self._keep()

    def _decide(self, now: float) -> None:
        wall_s = time.time()
        well = self._vigil.look(now)
        quiet_s, cause = self._vigil.quiet_s(now), self._vigil.cause(now)
        news = self._outages.step(well=well, quiet_s=quiet_s, cause=cause, now=now, wall_s=wall_s)
        if news is not None:
            self._tell(news, wall_s)

    def _tell(self, news: News, wall_s: float) -> None:
        recovered = news is News.RECOVERED
        outage = self._outages.finish() if recovered else self._outages.outage
        if outage is None:
            return
        self._keep()
        logger.warning("the hub is %s (%s)", news, outage.cause)
        facts = facts_of(self._config, wall_s, since_s=outage.since_s, cause=outage.cause)
        self._caller.tell(texts(self._config, news, facts))

    def _keep(self) -> None:
        """Write the outage down; a full disk must not keep anybody from being called."""
        try:
            write_state(self._config.folder / STATE_FILE, self._outages.dump())
        except OSError as err:
            logger.error("the state cannot be kept: %s", err)  # noqa: TRY400  one line is enough


def watch(
    config: WatcherConfig,
    keeper: Timekeeper,
    *,
    stop: threading.Event,
    acknowledged: threading.Event,
) -> None:
    """Watch the hub until ``stop``; ``acknowledged`` is set by a person's signal.

    Raises:
        ConfigError: the credentials cannot be read.
        SpoolError: another watcher uses the folder.
    """
    caller = Caller(Provider(config.provider))
    with locked(config.folder):
        wake = threading.Event()
        link = Link(config.node_config(), wake.set)
        watcher = Watcher(config, keeper, caller, link)
        link.open()
        notify("READY=1")
        logger.info("watching the hub of %s as %s", config.name_en, config.node)
        while not stop.is_set():
            wake.wait(LOOK_S)
            wake.clear()
            asked = acknowledged.is_set()
            acknowledged.clear()
            watcher.step(link.events(), acknowledged=asked)
        notify("STOPPING=1")
        link.close()
    caller.wait(LAST_WORDS_S)


def drill(config: WatcherConfig) -> bool:
    """Send everybody a text marked as a drill, once; say whether the provider took them all.

    Raises:
        ConfigError: the credentials cannot be read.
    """
    provider, now_s, good = Provider(config.provider), time.time(), True
    for number, text in texts(config, News.DRILL, facts_of(config, now_s, since_s=now_s)):
        try:
            logger.info("drill to %s went out as %s", masked(number), provider.send(number, text))
        except PageError as err:
            logger.error("drill to %s: %s", masked(number), err)  # noqa: TRY400  no numbers
            good = False
    return good


def acknowledge(config: WatcherConfig) -> None:
    """Tell the watcher that somebody is on it, by a file in its folder.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        (config.folder / ACKNOWLEDGED).touch()
    except OSError as err:
        refused = UNWRITABLE.filled(folder=config.folder, why=reasons.why(err))
        raise ConfigError("folder", refused) from err


def taken(file: Path) -> bool:
    """Remove ``file`` and say whether it was there."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as err:
        logger.warning("%s cannot be removed: %s", file, err)
    return True


def texts(config: WatcherConfig, news: News, facts: Facts) -> list[tuple[str, str]]:
    """Return (number, text) for everybody."""
    return [(who.number, compose(news, facts, who.language)) for who in config.recipient]


def facts_of(
    config: WatcherConfig, now_s: float, *, since_s: float, cause: Cause | None = None
) -> Facts:
    """Return what every text of this watcher rests on."""
    return Facts(
        name_en=config.name_en,
        name_zh=config.name_zh,
        node=config.node,
        zone=ZoneInfo(config.zone),
        since_s=since_s,
        now_s=now_s,
        cause=cause,
    )


def read_state(file: Path) -> Outage | None:
    """Return the outage an earlier run was in; None for none, or for a ruined file."""
    try:
        return outage_of(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as err:
        logger.warning("%s cannot be read: %s", file, err)
        return None


def write_state(file: Path, kept: dict[str, Any]) -> None:
    """Replace ``file`` at once, on disk."""
    draft = file.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as out:
        json.dump(kept, out)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
