"""Read a configuration folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hub.config.settings import Configuration


def read_config(folder: Path) -> Configuration:
    """Return what ``folder`` says.

    Raises:
        ConfigurationError: with every problem found.
    """
    raise NotImplementedError(folder)
