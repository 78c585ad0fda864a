"""Real brokers for every test that needs one; each is started for one test and ended with it."""

from __future__ import annotations

import subprocess
import time
from getpass import getuser
from typing import TYPE_CHECKING

import pytest
from brokers import MOSQUITTO, Broker, mosquitto_program

from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings, reachable
from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Broker]:
    """The embedded broker, as the hub itself runs it."""
    server = EmbeddedBroker(EmbeddedSettings(folder=tmp_path / "broker", port=0))
    server.start()
    yield Broker(kind="nats", host=server.host, port=server.port, pid=server.pid)
    server.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """A mosquitto 2 with a window and a queue that lose nothing."""
    program = mosquitto_program()
    if program is None:
        pytest.skip("mosquitto: not proven here, it is not on PATH")
    folder, port = tmp_path / "mosquitto", free_port()
    folder.mkdir()
    (folder / "mosquitto.conf").write_text(
        MOSQUITTO.format(user=getuser(), port=port, folder=folder)
    )
    command = [program, "-c", str(folder / "mosquitto.conf")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        until = time.monotonic() + 10
        while not reachable("127.0.0.1", port):
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
        yield Broker(kind="mosquitto", host="127.0.0.1", port=port, pid=process.pid)
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["nats", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Either broker that the hub promises to work with."""
    found: Broker = request.getfixturevalue(request.param)
    return found
