"""The towns that the tests of incidents play in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from town import PEOPLE, Town, with_hub_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Return a town on a fresh store."""
    made = Town(tmp_path / "hub.db")
    yield made
    made.close()


@pytest.fixture
def staffed_town(tmp_path: Path) -> Iterator[Town]:
    """Return a town whose hub has an operator."""
    made = Town(tmp_path / "hub.db", with_hub_policy(PEOPLE))
    yield made
    made.close()
