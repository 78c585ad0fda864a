"""A door into an intake of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from door import Door

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """An intake that nothing was declared to."""
    return Door(tmp_path)
