"""The store loop against a real InfluxDB, alone and behind a proxy that misbehaves."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from influx_server import BUCKET, NOT_PROVEN, ORG, InfluxServer
from store_kit import EMPTY, NOW_US, Filler, Proxy, is_root

from hub.clock import HandClock
from hub.config.settings import InfluxSettings
from hub.flow.health import Health
from hub.flow.store import Store, put
from hub.store.history import History
from hub.store.influx import InfluxStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.influx
DAY_S = 86_400.0


class Loop:
    """A store loop over ``log`` whose back-off a test can skip."""

    def __init__(
        self,
        log: Filler,
        place: InfluxSettings | None,
        *,
        retention_s: float = 30 * DAY_S,
        keep_bytes: int | None = None,
        batch_rows: int = 500,
        doubt_rows: int = 0,
    ) -> None:
        self.log = log
        self.health = Health()
        self.clock = HandClock(NOW_US)
        self.now_s = 0.0
        self.store = Store(
            database=log.path,
            influx=InfluxStore(place) if place else None,
            network=EMPTY,
            clock=self.clock,
            health=self.health,
            retention_s=retention_s,
            keep_bytes=keep_bytes,
            doubt_rows=doubt_rows,
            batch_rows=batch_rows,
            linger_s=0,
            monotonic=lambda: self.now_s,
        )

    def run(self, until: Callable[[], bool] | None = None, limit_s: float = 60) -> None:
        """Step, with time passing between steps, until all is written and trimmed."""
        deadline = time.monotonic() + limit_s
        done = until or self.caught_up
        while not done():
            assert time.monotonic() < deadline, self.health.checks()
            self.step()

    def step(self, pass_s: float = 700.0) -> bool:
        """Take one step, ``pass_s`` after the one before."""
        self.now_s += pass_s
        return self.store.step()

    def caught_up(self) -> bool:
        """Say whether the position is the log's end."""
        return self.position() == self.log.end()

    def position(self) -> int:
        """Return the committed position."""
        row = self.log.connection.execute(
            "SELECT \"offset\" FROM position WHERE loop = 'store'"
        ).fetchone()
        return int(row[0]) if row else 0

    def words(self) -> str:
        """Return what health says of InfluxDB, '' when it is well."""
        check = self.health.checks()["influx"]
        return "" if check.ok else check.words


@pytest.fixture
def loop(log: Filler, place: InfluxSettings) -> Iterator[Loop]:
    """A loop straight to the real server."""
    running = Loop(log, place)
    yield running
    running.store.close()


def stored(place: InfluxSettings, field: str = "quality") -> int:
    """Return how many points the bucket holds."""
    flux = (
        "from(bucket: bucket) |> range(start: time(v: 0), stop: 2200-01-01T00:00:00Z)"
        " |> filter(fn: (r) => r._field == field) |> group() |> count()"
    )
    answer = InfluxStore(place).query(flux, {"field": field}).decode().split()
    return int(answer[1].rsplit(",", 1)[1]) if len(answer) > 1 else 0


def fill(log: Filler, slot: int, count: int, *, size: int = 50, first: int = 0) -> None:
    """Append ``count`` observations, one a second, ``size`` to a message."""
    for start in range(first, first + count, size):
        stop = min(start + size, first + count)
        told = [(NOW_US + i * 1_000_000, i / 7) for i in range(start, stop)]
        log.add(slot, told, received_us=NOW_US + start)


def from_influx(log: Filler, place: InfluxSettings) -> list[tuple]:
    """Return every point of slot 0 as InfluxDB alone tells it, while the log is emptied."""
    log.watched()
    emptied = Loop(log, place, retention_s=-DAY_S)
    emptied.run(until=lambda: log.one("SELECT count(*) FROM observation") == 0)
    emptied.store.close()
    history = History(log.path, InfluxStore(place))
    try:
        stream = emptied.store._catalogue.get(0) if 0 in emptied.store._catalogue else None
        frame = history.range(stream or stream_of(log), 0, 2**62, whole=True)
        return [tuple(row) for row in frame.itertuples(index=False)]
    finally:
        history.close()


def stream_of(log: Filler, slot: int = 0):  # noqa: ANN201
    """Return the datastream of ``slot``."""
    from hub.model.network import Datastream  # noqa: PLC0415

    node, name = log.connection.execute(
        "SELECT node, name FROM datastream WHERE slot = ?", (slot,)
    ).fetchone()
    return Datastream(slot=slot, site="qingxi", node=node, name=name, unit="m")


def test_everything_comes_back_as_it_went_in(
    log: Filler, loop: Loop, place: InfluxSettings
) -> None:
    """Values to the last bit, quality, late, nulls, untrusted times and equal instants."""
    slot = log.stream()
    values = [4.82, 0.1 + 0.2, -0.0, 1e300, 5e-324, 123456789.123456789, 1e16]
    log.add(slot, [(NOW_US + i, value) for i, value in enumerate(values)])
    log.add(slot, [(NOW_US + 100, 1.0), (NOW_US + 100, 2.0), (NOW_US + 100, None)])
    log.add(slot, [(NOW_US + 200, None)], quality=9)
    log.add(slot, [(NOW_US - 10**9, 3.0)], quality=3, lateness=2)
    log.add(slot, [(NOW_US + 300, 4.0)], quality=4, lateness=4, trusted=0)
    log.control()
    loop.run()
    rows = from_influx(log, place)
    key = [(r[0] - NOW_US, r[1], None if r[2] != r[2] else r[2], *r[3:]) for r in rows]
    assert key == [
        (-(10**9), 0, 3.0, 3, True, True),
        *((i, 0, value, 1, False, True) for i, value in enumerate(values)),
        (100, 0, 1.0, 1, False, True),
        (100, 1, 2.0, 1, False, True),
        (100, 2, None, 1, False, True),
        (200, 0, None, 9, False, True),
        (300, 0, 4.0, 4, False, False),
    ]


def test_a_lost_position_writes_again_and_changes_nothing(
    log: Filler, loop: Loop, place: InfluxSettings
) -> None:
    """The same points with the same times: InfluxDB holds them once."""
    fill(log, log.stream(), 1200)
    loop.run()
    assert stored(place) == 1200
    log.connection.execute("DELETE FROM position")
    loop.run()
    assert stored(place) == 1200


def test_one_rejected_point_of_a_thousand_goes_to_quarantine(
    log: Filler, loop: Loop, place: InfluxSettings
) -> None:
    """999 are stored, one is kept with InfluxDB's own words, and the loop goes on."""
    good, bad = log.stream(), log.stream(name="odd")
    InfluxStore(place).write(f"odd,a=b result=1i {NOW_US * 1000}".encode())
    fill(log, good, 499)
    log.add(bad, [(NOW_US, 1.5)])
    fill(log, good, 500, first=499)
    loop.run()
    assert stored(place) == 999
    rows = log.connection.execute("SELECT door, boot, seq, pos, reason, payload FROM quarantine")
    ((door, boot, seq, pos, reason, payload),) = rows
    assert (door, boot, seq, pos) == ("influx", "7f3a9c21d4e85b06", 11, 0)
    assert "field type conflict" in reason
    assert payload.startswith(b"odd,")
    assert loop.words() == ""
    assert loop.health.counts()["store_quarantined_total", ""] == 1
    assert loop.health.counts()["store_written_total", ""] == 999


def test_a_time_beyond_influxdb_is_quarantined_alone(
    log: Filler, loop: Loop, place: InfluxSettings
) -> None:
    """The year 3000 does not fit its nanoseconds; the neighbours are stored."""
    log.add(log.stream(), [(NOW_US, 1.0), (32_503_680_000_000_000, 2.0), (NOW_US + 1, 3.0)])
    loop.run()
    assert stored(place) == 2
    assert log.one("SELECT count(*) FROM quarantine") == 1


def test_a_series_that_is_wholly_refused_costs_few_requests(
    log: Filler, place: InfluxSettings
) -> None:
    """A thousand bad rows among two thousand are found together, not one by one."""
    good, bad = log.stream(), log.stream(name="odd")
    store = InfluxStore(place)
    store.write(f"odd,a=b result=1i {NOW_US * 1000}".encode())
    for i in range(0, 1000, 10):
        fill(log, good, 10, first=i)
        fill(log, bad, 10, first=i)
    loop = Loop(log, place, batch_rows=2000)
    calls = []
    original = loop.store._influx.write
    loop.store._influx.write = lambda body: (calls.append(len(body)), original(body))[1]
    loop.run()
    assert stored(place) == 1000
    assert log.one("SELECT count(*) FROM quarantine") == 1000
    assert len(calls) < 60


def test_a_long_absence_is_caught_up(tmp_path: Path, server: InfluxServer, log: Filler) -> None:
    """Rows stay, health says why, and all arrive once the server is back."""
    own = InfluxServer(tmp_path / "own", server.binary)
    place = InfluxSettings(url=own.url, org=ORG, bucket=BUCKET, token_file=own.token_file)
    loop = Loop(log, place, retention_s=-DAY_S)
    try:
        fill(log, log.stream(), 1000)
        log.watched()
        for _ in range(20):
            loop.step()
        assert "cannot be used" in loop.words()
        assert "nothing is lost" in loop.words()
        assert loop.health.counts()["store_lag", ""] == 1000
        assert log.one("SELECT count(*) FROM observation") == 1000
        own.start()
        own.set_up()
        loop.run()
        assert stored(place) == 1000
        own.kill()
        fill(log, 0, 1000, first=1000)
        for _ in range(5):
            loop.step()
        assert log.one("SELECT count(*) FROM observation") == 1000
        own.start()
        loop.run()
        assert (stored(place), loop.words()) == (2000, "")
        assert loop.health.counts()["store_lag", ""] == 0
    finally:
        loop.store.close()
        own.kill()


def test_a_wrong_token_turns_health_red_and_keeps_everything(
    log: Filler, place: InfluxSettings, tmp_path: Path
) -> None:
    """The words say what to do; the right token, put there, is found without a restart."""
    token_file = tmp_path / "token"
    token_file.write_text("wrong")
    fill(log, log.stream(), 100)
    log.watched()
    loop = Loop(log, replace(place, token_file=token_file), retention_s=-DAY_S)
    for _ in range(5):
        loop.step()
    assert "influx.token_file" in loop.words()
    assert log.one("SELECT count(*) FROM observation") == 100
    assert place.token_file is not None
    token_file.write_text(place.token_file.read_text())
    loop.run()
    assert (stored(place), loop.words()) == (100, "")


def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    log: Filler, place: InfluxSettings, proxy: Proxy
) -> None:
    """429 with Retry-After 90: no write for 90 s of the loop's time, then all arrives."""
    fill(log, log.stream(), 100)
    loop = Loop(log, replace(place, url=proxy.url))
    proxy.order({"status": 429, "headers": {"Retry-After": "90"}, "body": "{}"})
    loop.step()
    assert "429" in loop.words()
    for _ in range(8):
        loop.step(pass_s=11)
    assert len(proxy.writes()) == 1
    loop.step(pass_s=3)
    assert [w["status"] for w in proxy.writes()] == [429, 204]
    assert stored(place) == 100


def test_failing_answers_lose_and_double_nothing(
    log: Filler, place: InfluxSettings, proxy: Proxy
) -> None:
    """503, a negative Retry-After, a proxy's 400 page, an answer lost after the write."""
    fill(log, log.stream(), 1000)
    log.watched()
    loop = Loop(log, replace(place, url=proxy.url), retention_s=-DAY_S)
    proxy.order(
        {"status": 503, "headers": {"Retry-After": "-2147483648"}, "body": "down"},
        {"status": 503, "body": ""},
        {"status": 400, "body": "<html>Bad Request</html>"},
        {"lost": True},
        {"status": 500, "body": '{"code":"internal error","message":"x"}'},
    )
    loop.run()
    loop.run(until=lambda: log.one("SELECT count(*) FROM observation") == 0)
    assert stored(place) == 1000
    assert log.one("SELECT count(*) FROM quarantine") == 0
    assert [w["status"] for w in proxy.writes()] == [503, 503, 400, 204, 500, 204, 204]


def test_a_422_by_the_proxy_is_bisected_on_the_real_server(
    log: Filler, place: InfluxSettings, proxy: Proxy
) -> None:
    """A refusal that the server itself does not repeat loses no row to the quarantine."""
    fill(log, log.stream(), 64)
    loop = Loop(log, replace(place, url=proxy.url))
    refusal = '{"code":"unprocessable entity","message":"partial write"}'
    proxy.order({"status": 422, "body": refusal}, {"status": 422, "body": refusal})
    loop.run()
    assert stored(place) == 64
    assert log.one("SELECT count(*) FROM quarantine") == 0


def test_too_large_is_halved_until_it_fits(
    log: Filler, place: InfluxSettings, proxy: Proxy
) -> None:
    """413 shrinks the batch for good, without a pause and without quarantine."""
    fill(log, log.stream(), 1000)
    loop = Loop(log, replace(place, url=proxy.url))
    proxy.order({"status": 413, "only_over": 20_000, "body": "too large"})
    loop.run()
    assert stored(place) == 1000
    assert sum(w["status"] == 413 for w in proxy.writes()) <= 3
    assert log.one("SELECT count(*) FROM quarantine") == 0


def test_no_row_leaves_the_log_before_the_204(
    log: Filler, place: InfluxSettings, proxy: Proxy
) -> None:
    """The proxy, another process, finds each row of each write still in the log."""
    slot = log.stream()
    loop = Loop(log, replace(place, url=proxy.url), retention_s=-DAY_S, batch_rows=100)
    for first in range(0, 2000, 200):
        proxy.order({"status": 503, "body": ""}, {"lost": True})
        fill(log, slot, 200, first=first)
        log.watched()
        loop.run()
    loop.run(until=lambda: log.one("SELECT count(*) FROM observation") == 0)
    writes = proxy.writes()
    assert sum(w["lines"] for w in writes if w["status"] == 204 and not w["lost"]) == 2000
    assert {w["status"] for w in writes} == {204, 503}
    assert [w["missing"] for w in writes] == [0] * len(writes)
    assert stored(place) == 2000


def test_rows_stay_for_the_retention_and_for_the_watch_loop(
    log: Filler, place: InfluxSettings
) -> None:
    """What InfluxDB has stays until it is old enough and no restart needs it."""
    slot = log.stream()
    log.add(slot, [(NOW_US, 1.0)], received_us=NOW_US - 7_300_000_000)
    log.add(slot, [(NOW_US, 2.0)], received_us=NOW_US - 3_000_000_000)
    loop = Loop(log, place, retention_s=3600)
    loop.run()
    loop.step()
    assert log.one("SELECT count(*) FROM observation") == 2  # nobody watched them yet
    log.watched()
    loop.step()
    assert log.one("SELECT min(result) FROM observation") == 2.0
    loop.clock.advance(3600)
    loop.step()
    assert log.one("SELECT count(*) FROM observation") == 0


def test_without_influxdb_age_alone_removes_nothing(log: Filler) -> None:
    """Only a limit on size does, when it is set and exceeded, oldest first."""
    slot = log.stream()
    fill(log, slot, 3000)
    log.watched()
    loop = Loop(log, None, retention_s=0.0)
    loop.clock.advance(10 * 365 * DAY_S)
    for _ in range(3):
        loop.step()
    assert log.one("SELECT count(*) FROM observation") == 3000
    assert loop.health.checks()["influx"].words == "history limited to the local log"
    sized = Loop(log, None, keep_bytes=1)
    sized.step()
    assert log.one("SELECT count(*) FROM observation") == 0


def test_a_full_disk_under_influxdb_loses_nothing(
    server: InfluxServer, log: Filler, tmp_path: Path
) -> None:
    """Rows wait in the log; all are there once it has space, and after one more crash of it."""
    if not is_root():
        pytest.skip(f"{NOT_PROVEN}: a full disk (mounting a tmpfs needs root)")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", folder], check=False
    )
    if mounted.returncode:
        pytest.skip(f"{NOT_PROVEN}: a full disk (this machine lets nobody mount a tmpfs)")
    own = InfluxServer(folder, server.binary)
    place = InfluxSettings(url=own.url, org=ORG, bucket=BUCKET, token_file=own.token_file)
    loop = Loop(log, place, retention_s=-DAY_S, doubt_rows=50_000)
    try:
        own.start()
        own.set_up()
        slot = log.stream()
        fill(log, slot, 1000)
        loop.run()
        fill_disk(folder / "ballast")
        fill(log, slot, 20_000, size=500, first=1000)
        log.watched()
        loop.run(until=lambda: bool(loop.words()))
        assert loop.position() < log.end()
        assert "disk is full: free space there, then restart" in loop.words()
        (folder / "ballast").unlink()
        own.kill()
        own.start()
        loop.run()
        assert (stored(place), loop.words()) == (21_000, "")
        own.kill()
        own.start()
        loop.step()  # by itself InfluxDB is back with 1,000 of the 21,000 that it confirmed
        loop.run()
        assert stored(place) == 21_000
    finally:
        loop.store.close()
        own.kill()
        subprocess.run(["umount", folder], check=True)


def fill_disk(ballast: Path) -> None:
    """Write until there is no space left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 65_536)


def test_what_influxdb_confirmed_and_lost_is_written_again(
    server: InfluxServer, log: Filler, tmp_path: Path
) -> None:
    """A torn end of its write-ahead log makes InfluxDB 2 lose what it took afterwards."""
    own = InfluxServer(tmp_path / "own", server.binary)
    place = InfluxSettings(url=own.url, org=ORG, bucket=BUCKET, token_file=own.token_file)
    loop = Loop(log, place, retention_s=-DAY_S, doubt_rows=3000)
    try:
        own.start()
        own.set_up()
        slot = log.stream()
        fill(log, slot, 500)
        loop.run()
        own.kill()
        (segment,) = (own.folder / "engine" / "wal").rglob("*.wal")
        with segment.open("ab") as file:
            file.write(bytes([1, 0, 0, 99, 99]) + b"half an entry")  # as a power cut leaves it
        own.start()
        fill(log, slot, 2000, first=500)
        log.watched()
        loop.run()
        assert stored(place) == 2500
        own.kill()
        own.start()
        lost = 2500 - stored(place)
        loop.step()
        loop.run()
        assert (lost, stored(place)) == (2000, 2500)
        assert log.one("SELECT count(*) FROM observation") == 2500
    finally:
        loop.store.close()
        own.kill()


def test_an_unknown_slot_is_quarantined_and_not_fatal(
    log: Filler, loop: Loop, place: InfluxSettings
) -> None:
    """A row whose datastream is missing does not stop the line."""
    log.stream()
    log.add(0, [(NOW_US, 1.0)])
    log.add(77, [(NOW_US, 2.0)])
    loop.run()
    assert stored(place) == 1
    assert "datastream is not in the log" in log.one("SELECT reason FROM quarantine")


def test_put_stops_at_once_when_the_server_is_the_trouble() -> None:
    """A wrong token is no reason to halve."""
    from hub.errors import StoreRefusedError  # noqa: PLC0415

    calls = []

    def write(body: bytes) -> None:
        calls.append(body)
        raise StoreRefusedError("no", 401)

    with pytest.raises(StoreRefusedError):
        put(write, ["a", "b"])
    assert len(calls) == 1
