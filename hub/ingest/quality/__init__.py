"""Quality tests by name: one file and one line here for each; the worst flag wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.ingest.quality.bounds import bounds
from hub.ingest.quality.flat import flat
from hub.ingest.quality.gap import gap
from hub.ingest.quality.rate import rate
from hub.ingest.quality.spike import spike

if TYPE_CHECKING:
    from hub.ingest.quality.base import Test

TESTS: Final[dict[str, Test]] = {
    "gap": gap,
    "range": bounds,
    "spike": spike,
    "rate": rate,
    "flat": flat,
}
