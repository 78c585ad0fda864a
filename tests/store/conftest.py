"""Fixtures: an empty log, a real InfluxDB, and a proxy before it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from influx_server import BUCKET, ORG, InfluxServer, influxd
from store_kit import Filler, Proxy

from hub.config.settings import InfluxSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Filler]:
    """An empty log of its own."""
    filler = Filler(tmp_path / "hub" / "tocsin.db")
    yield filler
    filler.connection.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A real InfluxDB 2 for all tests of the session."""
    running = InfluxServer(tmp_path_factory.mktemp("influxd"), influxd())
    try:
        running.start()
        running.set_up()
        yield running
    finally:
        running.stop()


@pytest.fixture
def place(server: InfluxServer, request: pytest.FixtureRequest) -> InfluxSettings:
    """A bucket of the test's own in the real server."""
    bucket = f"{BUCKET}-{abs(hash(request.node.nodeid)):x}-{time.monotonic_ns():x}"
    server.make_bucket(bucket)
    return InfluxSettings(url=server.url, org=ORG, bucket=bucket, token_file=server.token_file)


@pytest.fixture
def proxy(server: InfluxServer, tmp_path: Path, log: Filler) -> Iterator[Proxy]:
    """A proxy before the real server that also watches the log."""
    running = Proxy(server.url, tmp_path, log.path)
    yield running
    running.stop()
