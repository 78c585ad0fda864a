"""What several tests of the node need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from edge_kit import Broker, Hub, Node

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running broker."""
    made = Broker(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def hub(broker: Broker) -> Iterator[Hub]:
    """A hub that gives receipts."""
    made = Hub(broker.port)
    made.open()
    yield made
    made.close()


@pytest.fixture
def node(tmp_path: Path, broker: Broker) -> Iterator[Node]:
    """A node that is not running yet."""
    made = Node(tmp_path, broker.port)
    yield made
    made.kill()


@pytest.fixture
def golden() -> Path:
    """The samples that the node's and the hub's tests both read."""
    return Path(__file__).parents[2] / "tests" / "golden"
