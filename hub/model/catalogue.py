"""Every datastream the hub knows, by slot: what is declared, merged with what the log holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.model.network import Datastream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.model.network import Network


class Catalogue:
    """Slots and their datastreams; cheap to build and to extend when a slot appears."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._by_slot: dict[int, Datastream] = {}
        self._slots: dict[tuple[str, str], int] = {}

    def add(
        self,
        row_slot: int,
        site: str,
        node: str,
        name: str,
        unit: str,
        *,
        learnt_s: float | None = None,
    ) -> Datastream:
        """Take in one row of the log and return its datastream.

        A declared datastream keeps what was declared; an undeclared one has the row's
        unit and, once it is learnt, the row's interval.
        """
        declared = self._network.datastreams.get((node, name))
        if declared is not None:
            stream = replace(declared, slot=row_slot, site=declared.site or site, declared=True)
            if stream.interval_s is None:
                stream = replace(stream, interval_s=learnt_s)
        else:
            stream = Datastream(
                slot=row_slot, site=site, node=node, name=name, unit=unit, interval_s=learnt_s
            )
        self._by_slot[row_slot] = stream
        self._slots[node, name] = row_slot
        return stream

    def get(self, slot: int) -> Datastream:
        """Return the datastream of ``slot``.

        Raises:
            KeyError: the slot was never added.
        """
        return self._by_slot[slot]

    def slot_of(self, node: str, name: str) -> int | None:
        """Return the slot of ``node/name``, or None."""
        return self._slots.get((node, name))

    def all(self) -> Iterable[Datastream]:
        """Return every datastream in the order of its slot."""
        return [self._by_slot[slot] for slot in sorted(self._by_slot)]

    def __len__(self) -> int:
        return len(self._by_slot)

    def __contains__(self, slot: object) -> bool:
        return slot in self._by_slot
