"""How the tests of detection cut batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.model.observation import Batch


@pytest.fixture
def cut() -> Callable[[Batch, int], list[Batch]]:
    """Return what cuts a batch into pieces of at most n rows."""

    def pieces(batch: Batch, rows: int) -> list[Batch]:
        places = np.arange(len(batch))
        return [batch.take(places[at : at + rows]) for at in range(0, len(batch), rows)]

    return pieces
