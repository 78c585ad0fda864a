"""Every datastream as the log knows it now, for readers that are no loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hub.model.catalogue import Catalogue
from hub.store.database import open_database
from hub.store.log import Log

if TYPE_CHECKING:
    from pathlib import Path

    from hub.model.network import Network


class Streams:
    """The catalogue, read again when a datastream turned up or a node moved; for any thread."""

    def __init__(self, database: Path, network: Network) -> None:
        self._connection = open_database(database)
        self._network = network
        self._log = Log(self._connection)
        self._catalogue = Catalogue(network)
        self._outline = (0, 0)
        self._lock = threading.Lock()

    def now(self) -> Catalogue:
        """Return the catalogue as it stands."""
        with self._lock:
            outline = self._log.outline()
            if outline != self._outline:
                self._catalogue, self._outline = self._read(), outline
            return self._catalogue

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

    def _read(self) -> Catalogue:
        catalogue = Catalogue(self._network)
        for row in self._log.datastreams():
            catalogue.add(row.slot, row.site, row.node, row.name, row.unit, learnt_s=row.learnt_s)
        return catalogue
