"""Slots by name and unit: which datastream an observation belongs to, and how to convert it.

A *channel* is one (node, name, unit) that was seen: its slot and its conversion. Known
channels cost one look-up per observation; new ones are worked out once.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.errors import DecodeError
from hub.ingest.lateness import grace_us
from hub.ingest.topics import NAME
from hub.model.catalogue import Catalogue
from hub.model.units import conversion, known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from hub.model.network import Datastream, Network

UNIT: Final = re.compile(r"[!-~]{1,32}")
MOST_PER_NODE: Final = 256
MOST_IN_HUB: Final = 100_000
MOST_NODES: Final = 50_000  # beyond what is declared
MOST_CHANNELS: Final = 500_000
MOST_UNITS: Final = 16
NEVER_US: Final = -(2**62)
NULL_ONLY: Final = " "  # stands for a unit that was not told, with a null
SWITCH_UNITS: Final = frozenset({"", "1"})


class Streams:
    """Every datastream and node the hub has seen or was told of.

    ``new_streams``, ``new_units`` and ``new_nodes`` are to be written with the next
    batch; then ``written`` is called. ``converting`` are the channels in another unit
    than their datastream's.
    """

    def __init__(self, network: Network, grace_s: float) -> None:
        self._network = network
        self._grace_s = grace_s
        self.catalogue = Catalogue(network)
        self.newest_us = np.zeros(0, np.int64)
        self.grace_us = np.zeros(0, np.int64)
        self.new_streams: list[Datastream] = []
        self.new_units: dict[int, str] = {}
        self.new_nodes: dict[str, str] = {}
        self._sites: dict[str, str] = {}
        self._most_nodes = len(network.nodes) + MOST_NODES
        self._tables: dict[str, dict[tuple[str, str | None], int]] = {}
        self._counts: dict[str, int] = {}
        self._channels: list[tuple[int, float, float]] = []
        self.converting: set[int] = set()
        self._columns: tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]] | None
        self._columns = None

    def load(
        self, rows: Iterable[tuple[int, str, str, str, str, float | None, int | None]]
    ) -> None:
        """Take in rows of the log: slot, site, node, name, unit, learnt_s, newest_us."""
        newest = []
        for slot, site, node, name, unit, learnt_s, newest_us in rows:
            stream = self._add(slot, site, node, name, unit, learnt_s)
            if stream.declared and stream.unit != unit:
                self.new_units[slot] = stream.unit
            newest.append(NEVER_US if newest_us is None else newest_us)
        self._extend(len(newest), newest)

    def load_nodes(self, sites: dict[str, str]) -> None:
        """Take in the nodes of the log; what is declared outranks them."""
        self._sites = dict(sites)
        for node, site in self._network.nodes.items():
            if self._sites.get(node) != site:
                self._sites[node] = self.new_nodes[node] = site

    def declare(self) -> None:
        """Give every declared datastream a slot, so that one that never spoke can be stale."""
        for (node, name), stream in self._network.datastreams.items():
            if self.catalogue.slot_of(node, name) is None:
                site = stream.site or self._network.nodes.get(node, "")
                self._create(site, node, name, stream.unit)

    def site_of(self, node: str) -> str | None:
        """Return the site of ``node``, or None when it was never seen."""
        return self._sites.get(node)

    def settle(self, node: str, site: str, *, written: bool = False) -> None:
        """Let ``node`` belong to ``site``.

        Raises:
            DecodeError: there are too many nodes that nobody declared.
        """
        if node not in self._sites and len(self._sites) >= self._most_nodes:
            raise DecodeError("node: too many that are not declared")
        self._sites[node] = site
        if not written:
            self.new_nodes[node] = site

    def table(self, node: str) -> dict[tuple[str, str | None], int]:
        """Return the known channels of ``node`` by (name, unit)."""
        return self._tables.setdefault(node, {})

    def columns(self) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
        """Return (slot, factor, shift) by channel."""
        if self._columns is None:
            self._columns = (
                np.array([channel[0] for channel in self._channels], np.int32),
                np.array([channel[1] for channel in self._channels], np.float64),
                np.array([channel[2] for channel in self._channels], np.float64),
            )
        return self._columns

    def resolve(self, site: str, node: str, name: str, unit: str | None, *, null: bool) -> int:
        """Return the channel of (node, name, unit), made where needed.

        Raises:
            DecodeError: a bad name, or a unit that the datastream's cannot be made from.
        """
        slot = self.catalogue.slot_of(node, name)
        if slot is None:
            slot = self._first_sight(site, node, name, unit)
        table = self.table(node)
        key = (name, NULL_ONLY if unit is None and null else unit)
        if key in table:
            return table[key]
        converted = self._conversion(slot, unit, null=null)
        if len(table) >= MOST_PER_NODE * MOST_UNITS or len(self._channels) >= MOST_CHANNELS:
            raise DecodeError("u: too many units of one node")
        self._channels.append((slot, *converted))
        self._columns = None
        table[key] = len(self._channels) - 1
        if converted != (1.0, 0.0):
            self.converting.add(table[key])
        return table[key]

    def fits(self, channel: int, result: float | None) -> bool:
        """Say whether ``result`` is still a number in the unit of its datastream."""
        _, factor, shift = self._channels[channel]
        return result is None or math.isfinite(result * factor + shift)

    def written(self) -> None:
        """Say that what was new is on disk."""
        self.new_streams.clear()
        self.new_units.clear()
        self.new_nodes.clear()

    def _first_sight(self, site: str, node: str, name: str, unit: str | None) -> int:
        if not NAME.fullmatch(name):
            raise DecodeError("ds: must match [A-Za-z0-9_-]{1,64}")
        if unit is not None and not UNIT.fullmatch(unit):
            raise DecodeError("u: not a UCUM code")
        if self._counts.get(node, 0) >= MOST_PER_NODE or len(self.catalogue) >= MOST_IN_HUB:
            raise DecodeError("ds: too many datastreams that are not declared")
        return self._create(site, node, name, unit or "")

    def _create(self, site: str, node: str, name: str, unit: str) -> int:
        slot = len(self.catalogue)
        self.new_streams.append(self._add(slot, site, node, name, unit, None))
        self._extend(1, [NEVER_US])
        return slot

    def _add(  # noqa: PLR0917  the order of the row
        self, slot: int, site: str, node: str, name: str, unit: str, learnt_s: float | None
    ) -> Datastream:
        self._counts[node] = self._counts.get(node, 0) + 1
        return self.catalogue.add(slot, site, node, name, unit, learnt_s=learnt_s)

    def _extend(self, count: int, newest_us: list[int]) -> None:
        slots = range(len(self.newest_us), len(self.newest_us) + count)
        graces = [grace_us(self._grace_s, self.catalogue.get(slot).upload_s) for slot in slots]
        self.grace_us = np.concatenate([self.grace_us, np.array(graces, np.int64)])
        self.newest_us = np.concatenate([self.newest_us, np.array(newest_us, np.int64)])

    def _conversion(self, slot: int, unit: str | None, *, null: bool) -> tuple[float, float]:
        stream = self.catalogue.get(slot)
        if unit is None:
            if null or stream.unit in SWITCH_UNITS:
                return 1.0, 0.0
            raise DecodeError(f"u: missing; {stream.id} is in {stream.unit}")
        if not stream.unit and not stream.declared:
            self._adopt(slot, unit)
            return 1.0, 0.0
        found = conversion(unit, stream.unit or "1")
        if found is None:
            told = unit[:32] if known(unit) or UNIT.fullmatch(unit) else "not a UCUM code"
            raise DecodeError(f"u: {told} cannot be made {stream.unit or '1'} of {stream.id}")
        return found.factor, found.shift

    def _adopt(self, slot: int, unit: str) -> None:
        """The first unit that an undeclared datastream names becomes its own."""
        if not UNIT.fullmatch(unit):
            raise DecodeError("u: not a UCUM code")
        stream = self.catalogue.get(slot)
        self.catalogue.add(
            slot, stream.site, stream.node, stream.name, unit, learnt_s=stream.interval_s
        )
        self.new_units[slot] = unit
