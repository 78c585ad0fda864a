"""State of many streams as columns: one row per bound stream, grown by doubling.

Dumps are exact: bytes in base64 with their type, so that NaN and the last bit survive.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Rows = NDArray[np.intp]
FIRST_CAPACITY = 16
INDEX_CAPACITY = 64
WIDE = 2
FEW = 8  # rows that plain numbers go through faster


def pack(values: NDArray[Any]) -> dict[str, object]:
    """Return an array as JSON-ready values, exactly."""
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
    return {"dtype": values.dtype.str, "shape": list(values.shape), "data": data}


def unpack(packed: Any) -> NDArray[Any]:  # noqa: ANN401  it comes from JSON
    """Return the array that ``pack`` packed."""
    flat = np.frombuffer(base64.b64decode(packed["data"]), dtype=np.dtype(packed["dtype"]))
    return flat.reshape(packed["shape"]).copy()


def strip_of(column: NDArray[Any]) -> Any:  # noqa: ANN401  a memoryview of its own type
    """Return a wide column as one strip of plain numbers, row after row."""
    flat: Any = column.data.cast("B")
    return flat.cast(column.dtype.char)


class Table:
    """Named columns over the slots that were added.

    ``columns`` maps a name to the value of a fresh row: a scalar, or an array for a
    column of fixed width. Types follow the value.
    """

    def __init__(self, **columns: float | np.generic | NDArray[Any]) -> None:
        self._fresh = {name: np.asarray(value) for name, value in columns.items()}
        self._columns = {
            name: np.tile(value, (FIRST_CAPACITY,) + (1,) * value.ndim)
            for name, value in self._fresh.items()
        }
        self._index = np.full(INDEX_CAPACITY, -1, dtype=np.intp)
        self._scratch = np.zeros(FIRST_CAPACITY, dtype=np.intp)
        self._slots = np.zeros(FIRST_CAPACITY, dtype=np.int64)
        self._places: dict[int, int] = {}
        self._cells: dict[str, Any] = {}
        self._strips: dict[str, Any] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the column ``name``; rows past ``len`` are spare. Do not keep it: it may move."""
        return self._columns[name]

    @property
    def cells(self) -> dict[str, Any]:
        """Return the columns as plain numbers, to read and write one by one: [row] or [row, k].

        A twentieth of the cost of an array of one. Do not keep them: a column may move.
        """
        if not self._cells:
            self._cells = {name: column.data for name, column in self._columns.items()}
        return self._cells

    def largest(self, name: str) -> float:
        """Return the largest of a scalar column, 0 at least."""
        if self._count <= FEW:
            return float(max(self.cells[name][: self._count], default=0.0))
        return float(self._columns[name][: self._count].max(initial=0.0))

    def push(self, name: str, row: int, value: float) -> None:
        """Put ``value`` in front of a row of the wide column ``name``; its last one leaves."""
        if not self._strips:
            self._strips = {n: strip_of(c) for n, c in self._columns.items() if c.ndim == WIDE}
        strip, width = self._strips[name], self._columns[name].shape[1]
        start = row * width
        strip[start + 1 : start + width] = strip[start : start + width - 1]
        strip[start] = value

    @property
    def slots(self) -> NDArray[np.int64]:
        """Return the slot of each row."""
        return self._slots[: self._count]

    def add(self, slot: int) -> int:
        """Return the row of ``slot``, made fresh where it has none."""
        if slot >= len(self._index):
            grown = np.full(max(slot + 1, 2 * len(self._index)), -1, dtype=np.intp)
            grown[: len(self._index)] = self._index
            self._index = grown
        if self._index[slot] < 0:
            if self._count == len(self._slots):
                self._double()
            self._index[slot] = self._places[slot] = self._count
            self._slots[self._count] = slot
            self._count += 1
        return self._places[slot]

    def row(self, slot: int) -> int:
        """Return the row of ``slot``, or -1."""
        return self._places.get(slot, -1)

    def rows(self, slots: NDArray[np.int32]) -> Rows:
        """Return the row of each of ``slots``, -1 for those never added."""
        if len(slots) and int(slots.max()) >= len(self._index):
            inside = slots < len(self._index)
            return np.where(inside, self._index[np.where(inside, slots, 0)], -1)
        return self._index[slots]

    def rounds(self, rows: Rows) -> Iterator[Rows]:
        """Yield positions in ``rows`` so that none has a row twice and a row's keep their order."""
        left = np.arange(len(rows))
        while left.size:
            first = self._first(rows[left], left)
            yield left[first]
            left = left[~first]

    def thinned(
        self, rows: Rows, times_us: NDArray[np.int64], due: str, step_us: int
    ) -> Iterator[Rows]:
        """Yield rounds, skipping what comes before the row's column ``due``; keep ``due`` up.

        So at most one reading per ``step_us`` of a row costs more than a comparison, and
        one older than the last taken is never taken.
        """
        column = self._columns[due]
        left = np.flatnonzero(times_us >= column[rows])
        while left.size:
            first = left[self._first(rows[left], left)]
            column[rows[first]] = times_us[first] + step_us
            yield first
            left = left[times_us[left] >= column[rows[left]]]

    def dump(self) -> dict[str, object]:
        """Return slots and columns, ready for JSON."""
        columns = {name: pack(values[: self._count]) for name, values in self._columns.items()}
        return {"slots": pack(self.slots), **columns}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore rows of ``dump`` whose slots are here; a column of another shape starts fresh."""
        slots = unpack(state["slots"])
        rows = self.rows(slots.astype(np.int32))
        known = rows >= 0
        for name, column in self._columns.items():
            if name in state:
                values = unpack(state[name])
                if values.shape[1:] == column.shape[1:]:
                    column[rows[known]] = values[known]

    def _first(self, rows: Rows, positions: Rows) -> NDArray[np.bool_]:
        """Mark the first of each row: the last write wins, so write backwards."""
        self._scratch[rows[::-1]] = positions[::-1]
        first: NDArray[np.bool_] = self._scratch[rows] == positions
        return first

    def _double(self) -> None:
        more, self._cells, self._strips = len(self._slots), {}, {}
        self._slots = np.concatenate([self._slots, np.zeros(more, dtype=np.int64)])
        self._scratch = np.zeros(2 * more, dtype=np.intp)
        for name, value in self._fresh.items():
            spare = np.tile(value, (more,) + (1,) * value.ndim)
            self._columns[name] = np.concatenate([self._columns[name], spare])
