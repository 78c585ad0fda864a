"""The bare cost: a paho subscriber that only counts.

``python -m bench.bare PORT COUNT`` subscribes like the hub (QoS 1, a lasting session,
acknowledged by paho), says ``ready``, counts COUNT messages and prints one JSON line:
how many came, when the last one did, and the CPU seconds from the first to the last.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

QUIET_S: Final = 20.0


class Counter:
    """Counts messages; ``last`` is the wall time of the last one."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.count = 0
        self.last = time.time()
        self.cpu_s = 0.0
        self._began_s = 0.0

    def take(self, *_: object) -> None:
        """Count one message."""
        if not self.count:
            self._began_s = time.process_time()
        self.count += 1
        if self.count == self.wanted or self.count % 100 == 0:
            self.last = time.time()
            self.cpu_s = time.process_time() - self._began_s


def main() -> int:
    """Count until all came, or nothing does any more."""
    port, wanted = int(sys.argv[1]), int(sys.argv[2])
    counter = Counter(wanted)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bare", clean_session=False)
    client.on_connect = lambda *_: client.subscribe("tocsin/v1/+/+/obs", 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = counter.take
    client.connect("127.0.0.1", port)
    while counter.count < wanted and time.time() - counter.last < QUIET_S:
        client.loop(timeout=0.5)
    client.loop_write()
    print(json.dumps({"count": counter.count, "last": counter.last, "cpu_s": counter.cpu_s}))
    client.disconnect()
    return 0


if __name__ == "__main__":
    sys.exit(main())
