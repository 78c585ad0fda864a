"""Only intake, as a process of its own to be killed: PORT DATABASE [LIMIT OF PAGES]."""

from __future__ import annotations

import sys
from pathlib import Path

from hub.clock import SystemClock
from hub.errors import StoreUnavailableError
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.ingest.mqtt import MqttSettings, MqttSource
from hub.ingest.topics import NATIVE
from hub.model.network import Network


def main(port: int, database: Path) -> None:
    """Take messages in until killed."""
    source = MqttSource(MqttSettings(host="127.0.0.1", port=port), NATIVE)
    handoff = Handoff()
    intake = Intake(
        database=database,
        source=source,
        network=Network(sites={}, cells={}, datastreams={}, nodes={}),
        clock=SystemClock(),
        health=Health(),
        wake=lambda *_: None,
        handoff=handoff,
        settings=IntakeSettings(receipt_interval_s=0.05),
    )
    source.start()
    while True:
        try:
            intake.step()
        except StoreUnavailableError as error:
            sys.stderr.write(f"{error}\n")
        handoff.take()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
