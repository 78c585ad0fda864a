"""Payload kinds by name: one file and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.ingest.decoders.flat import FlatDecoder
from hub.ingest.decoders.native import NativeDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.ingest.decoders.base import Decoder

DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "native": NativeDecoder,
    "flat": FlatDecoder,
}
