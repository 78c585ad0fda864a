"""What the whole pipeline does per second, how late a page is, and what it costs.

``python -m bench.pipeline`` drives ``tocsin run`` as shipped; see bench/README.md. It
prints one line per measurement while it goes and the table at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from bench.ears import Probes, Receipts
from bench.load import Pace, nodes_of, send_all, write_burst
from bench.meters import Usage, busy_s, machine, own_s, usage
from bench.report import table
from bench.rig import STARTERS, Rig, commit
from bench.town import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.load import Burst, Node

MANY_STREAMS: Final = 10_000
FEW_STREAMS: Final = 20
WARM_UP: Final = 64  # readings of every datastream, a second apart: detectors are warm then
PROBE_EVERY_S: Final = 0.15
DRAIN_S: Final = 300.0
USUAL_S: Final = {1: 14_000, 20: 4_000}  # messages per second: how fast times are to pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything: messages of a burst by observations per message, probes."""

    messages: dict[int, int]
    probes: int
    repeat: int


FULL: Final = Plan(messages={1: 160_000, 20: 60_000}, probes=150, repeat=3)
QUICK: Final = Plan(messages={1: 24_000, 20: 12_000}, probes=40, repeat=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement; rates are per second, CPU in microseconds per observation."""

    broker: str
    what: str
    influx: bool = False
    streams: int = 0
    per: int = 0
    messages: int = 0
    seconds: float = 0.0
    messages_s: float = 0.0
    observations_s: float = 0.0
    missing: int = 0
    cpu_hub: float = 0.0
    cpu_broker: float = 0.0
    cpu_influx: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    worst_ms: float = 0.0
    pages: str = ""
    behind: int = 0
    drain_s: float = 0.0
    rss_mb: float = 0.0
    workers_mb: float = 0.0
    broker_mb: float = 0.0
    whole_mb: float = 0.0
    others: float = 0.0
    load: float = 0.0


class Bystanders:
    """How many cores others kept busy: what is measured here is taken off."""

    def __init__(self, ours_s: Callable[[], float]) -> None:
        self._ours_s = ours_s
        self._began, self._at = busy_s() - self._all(), time.monotonic()

    def cores(self) -> float:
        """Return the cores that were busy with other things since the start."""
        passed = time.monotonic() - self._at
        return round(max(busy_s() - self._all() - self._began, 0.0) / passed, 2)

    def _all(self) -> float:
        return self._ours_s() + own_s()


def bare(broker_name: str, per: int, count: int) -> Row:
    """Measure a subscriber that only counts: same broker, same connections, same messages."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        broker = STARTERS[broker_name](folder / broker_name, stack)
        burst = burst_of(nodes_of(CONFIG, FEW_STREAMS), folder, count, per)
        command = [sys.executable, "-m", "bench.bare", str(broker.port), str(burst.messages)]
        counter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CONFIG.parent)
        stack.callback(counter.kill)
        output = counter.stdout
        if output is None or output.readline().strip() != "ready":
            raise SystemExit("the bare subscriber does not start")
        others = Bystanders(lambda: usage(broker.pid).cpu_s + usage(counter.pid).cpu_s)
        before = usage(broker.pid)
        began = send_all(burst, broker.port)
        told = json.loads(output.readline())
        seconds = told["last"] - began
        spent = usage(broker.pid).cpu_s - before.cpu_s
        return Row(
            broker=broker_name, what="bare", per=per, messages=told["count"], seconds=seconds,
            messages_s=told["count"] / seconds, observations_s=told["count"] * per / seconds,
            missing=burst.messages - told["count"], cpu_hub=each(told["cpu_s"], burst),
            cpu_broker=each(spent, burst), others=others.cores(), load=os.getloadavg()[0],
        )  # fmt: skip


def burst_of(nodes: list[Node], folder: Path, messages: int, per: int) -> Burst:
    """Return a burst whose times pass about as fast as it is taken in."""
    count = messages // len(nodes)
    return write_burst(nodes, folder, count=count, per=per, span_s=messages / USUAL_S[per])


def each(seconds: float, burst: Burst) -> float:
    """Return CPU seconds as microseconds per observation."""
    return seconds * 1e6 / burst.observations


class Session:
    """One hub, warmed up, measured several times."""

    def __init__(self, rig: Rig, plan: Plan) -> None:
        self._rig, self._plan = rig, plan
        self._receipts = Receipts()
        self._probed = 0

    def __enter__(self) -> Self:
        self._rig.open()
        self._receipts.listen(self._rig.port)
        self._warm_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._receipts.close()
        self._rig.close()

    def sustained(self, per: int, messages: int) -> Row:
        """Send a burst as fast as it goes and wait for its last receipt."""
        rig = self._rig
        burst = burst_of(rig.nodes, rig.folder, messages, per)
        before, others = rig.usage(), Bystanders(self._ours_s)
        began = send_all(burst, rig.port)
        got = self._receipts.wait(burst.boots, burst.messages)
        seconds = self._receipts.last - began
        behind, crowd, load = self._behind(), others.cores(), os.getloadavg()[0]
        drained_s = self._drain()
        after = rig.usage()
        return Row(
            **self._about("sustained", per), messages=got, seconds=seconds,
            messages_s=got / seconds, observations_s=got * per / seconds,
            missing=burst.messages - got, behind=behind, drain_s=drained_s,
            **costs(before, after, burst), **sizes(after),
            whole_mb=rig.memory_mb(), others=crowd, load=load,
        )  # fmt: skip

    def latency(self, per: int, messages_s: float) -> Row:
        """Breach levels at fresh sites under a steady load; time each page."""
        rig, probes = self._rig, self._plan.probes
        lasting_s = probes * PROBE_EVERY_S + 4.0
        count = round(messages_s * lasting_s / len(rig.nodes))
        burst = write_burst(rig.nodes, rig.folder, count=count, per=per, span_s=lasting_s)
        prober = Probes(rig.port, rig.scene.provider_ledger, self._probed, probes)
        self._probed += probes
        before, others = rig.usage(), Bystanders(self._ours_s)
        pace = Pace(burst, rig.port, messages_s)
        time.sleep(2.0)
        prober.send(PROBE_EVERY_S)
        pace.wait()
        got = self._receipts.wait(burst.boots, burst.messages)
        seconds = self._receipts.last - pace.began
        crowd, load = others.cores(), os.getloadavg()[0]
        late_ms = sorted(prober.latencies_ms())
        behind, drained_s = self._behind(), self._drain()
        return Row(
            **self._about("latency", per), messages=got, seconds=seconds,
            messages_s=got / seconds, observations_s=got * per / seconds,
            missing=burst.messages - got, pages=f"{len(late_ms)}/{probes}",
            p50_ms=share(late_ms, 0.50), p99_ms=share(late_ms, 0.99), worst_ms=share(late_ms, 1.0),
            behind=behind, drain_s=drained_s, **costs(before, rig.usage(), burst),
            **sizes(rig.usage()),
            whole_mb=rig.memory_mb(), others=crowd, load=load,
        )  # fmt: skip

    def _about(self, what: str, per: int) -> dict[str, Any]:
        rig = self._rig
        return {
            "broker": rig.kind, "what": what, "influx": rig.with_influx, "per": per,
            "streams": rig.streams * len(rig.nodes),
        }  # fmt: skip

    def _warm_up(self) -> None:
        """Give every datastream a minute of readings, and the hub the time to take them in."""
        rig = self._rig
        count = rig.streams * WARM_UP // FEW_STREAMS
        burst = write_burst(
            rig.nodes, rig.folder, count=count, per=FEW_STREAMS, span_s=WARM_UP * 1.05,
            late=True,
        )  # fmt: skip
        send_all(burst, rig.port)
        got = self._receipts.wait(burst.boots, burst.messages)
        if got < burst.messages:
            raise SystemExit(f"warm-up: {burst.messages - got} messages without receipt")
        self._drain()
        if rig.streams == FEW_STREAMS:
            self._fitted(rig.streams * len(rig.nodes))

    def _fitted(self, streams: int) -> None:
        """Wait until the hub has fitted a baseline to (nearly) every stream."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            fits = self._rig.one("SELECT count(*) FROM control WHERE kind = 'fit'")
            if fits >= streams:
                return
            time.sleep(0.5)

    def _behind(self) -> int:
        return self._rig.behind("store") if self._rig.with_influx else 0

    def _drain(self) -> float:
        """Wait until watch and InfluxDB have everything; return how long it took."""
        began = time.monotonic()
        loops = ("watch", "store") if self._rig.with_influx else ("watch",)
        while time.monotonic() - began < DRAIN_S:
            if not any(self._rig.behind(loop) for loop in loops):
                break
            time.sleep(0.2)
        return time.monotonic() - began

    def _ours_s(self) -> float:
        return sum(group.cpu_s for group in self._rig.usage().values())


def costs(before: dict[str, Usage], after: dict[str, Usage], burst: Burst) -> dict[str, Any]:
    """Return the CPU microseconds per observation of hub (with its workers), broker, InfluxDB."""
    spent = {name: after[name].cpu_s - before[name].cpu_s for name in after}
    return {
        "cpu_hub": each(spent["hub"] + spent["workers"], burst),
        "cpu_broker": each(spent["broker"], burst),
        "cpu_influx": each(spent["influx"], burst),
    }


def sizes(now: dict[str, Usage]) -> dict[str, Any]:
    """Return the memory of hub, its workers and the broker in MB."""
    return {
        "rss_mb": now["hub"].rss_mb,
        "workers_mb": now["workers"].rss_mb,
        "broker_mb": now["broker"].rss_mb,
    }


def share(values: list[float], part: float) -> float:
    """Return the value below or at which ``part`` of the sorted ``values`` lie."""
    if not values:
        return float("nan")
    return values[math.ceil(part * len(values)) - 1]


def session(broker: str, plan: Plan, *, influx: bool, streams: int = FEW_STREAMS) -> Session:
    """Return a hub that is not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    rig = Rig(folder, broker, with_influx=influx, streams=streams, probes=2 * plan.probes)
    return Session(rig, plan)


def measure(brokers: list[str], plan: Plan, say: Callable[[Row], None]) -> Iterator[Row]:
    """Yield every row; the bare cost is taken before and after the hub's."""
    for broker in brokers:
        for influx in (False, True):
            yield from one_hub(broker, plan, influx=influx, say=say)
        yield from told(say, memory(broker, plan))


def one_hub(broker: str, plan: Plan, *, influx: bool, say: Callable[[Row], None]) -> Iterator[Row]:
    """Yield the bare rows, then one hub's."""
    for per, messages in plan.messages.items():
        yield from told(say, bare(broker, per, messages))
    with session(broker, plan, influx=influx) as hub:
        for per, messages in plan.messages.items():
            rows = []
            for _ in range(plan.repeat):
                rows.append(hub.sustained(per, messages))
                yield from told(say, rows[-1])
            rate = statistics.median(row.messages_s for row in rows)
            yield from told(say, hub.latency(per, rate / 2))
    for per, messages in plan.messages.items():
        yield from told(say, bare(broker, per, messages))


def memory(broker: str, plan: Plan) -> Row:
    """Measure the hub with 10,000 datastreams, each of which has spoken a minute long."""
    with session(broker, plan, influx=False, streams=MANY_STREAMS // 4) as hub:
        return hub.sustained(20, plan.messages[20])


def told(say: Callable[[Row], None], row: Row) -> Iterator[Row]:
    """Yield ``row`` after telling it."""
    say(row)
    yield row


def main() -> int:
    """Measure, print the table; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, one run each")
    parser.add_argument("--json", action="store_true", help="one JSON document at the end")
    parser.add_argument("--broker", choices=sorted(STARTERS), action="append", default=[])
    args = parser.parse_args()
    plan = QUICK if args.quick else FULL
    about = {"commit": commit(), "machine": machine(), "at": time.strftime("%Y-%m-%d %H:%M")}

    def say(row: Row) -> None:
        values = {k: round(v, 1) if isinstance(v, float) else v for k, v in asdict(row).items()}
        print(json.dumps(values), file=sys.stderr, flush=True)

    rows = [asdict(row) for row in measure(args.broker or ["nats", "mosquitto"], plan, say)]
    print(json.dumps({**about, "rows": rows}) if args.json else table(about, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
