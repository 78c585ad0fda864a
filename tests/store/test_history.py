"""History over log and InfluxDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from store_kit import EMPTY, NOW_US, Filler

from hub.clock import HandClock
from hub.config.settings import InfluxSettings
from hub.errors import StoreUnavailableError
from hub.flow.health import Health
from hub.flow.store import Store
from hub.model.network import Datastream
from hub.ports import free_port
from hub.store.frames import COLUMNS, from_csv
from hub.store.history import LIMITED, History
from hub.store.influx import InfluxStore

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

STREAM = Datastream(slot=0, site="qingxi", node="gauge-1", name="stage", unit="m")
S = 1_000_000


def keys(frame: pd.DataFrame) -> list[tuple[int, int]]:
    """Return (seconds after NOW, tie) of each row."""
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == COLUMNS
    return [((t - NOW_US) // S, tie) for t, tie in zip(frame["time_us"], frame["tie"], strict=True)]


def test_the_log_alone_answers_ranges_by_time_and_tie(log: Filler) -> None:
    """Start inclusive, end exclusive; late arrivals in their place; other streams apart."""
    slot, other = log.stream(), log.stream(name="rain")
    log.add(slot, [(NOW_US + 2 * S, 2.0), (NOW_US + 2 * S, 2.5), (NOW_US + 3 * S, None)])
    log.add(other, [(NOW_US + 2 * S, 9.0)])
    log.add(slot, [(NOW_US + S, 1.0)], lateness=2, quality=3, trusted=0)
    history = History(log.path)
    frame = history.range(STREAM, NOW_US + S, NOW_US + 3 * S)
    assert keys(frame) == [(1, 0), (2, 0), (2, 1)]
    assert frame["late"].tolist() == [True, False, False]
    assert frame["trusted"].tolist() == [False, True, True]
    assert frame["quality"].tolist() == [3, 1, 1]
    assert np.isnan(history.range(STREAM, 0, 2**62)["result"].iloc[-1])
    assert keys(history.range(STREAM, 0, 2**62, limit=2)) == [(2, 1), (3, 0)]
    assert keys(history.last(STREAM, 3, before_us=NOW_US + 3 * S)) == [(1, 0), (2, 0), (2, 1)]
    assert keys(history.range(STREAM, 0, 1)) == []
    assert keys(history.last(STREAM, 5, before_us=NOW_US)) == []
    assert history.limited == LIMITED
    assert frame.attrs["limited"] == ""


def forget(log: Filler, place: InfluxSettings, received_before_us: int) -> None:
    """Have the real loop write everything, then let older arrivals leave the log."""
    log.watched()
    clock = HandClock(received_before_us)
    store = Store(
        database=log.path,
        influx=InfluxStore(place),
        network=EMPTY,
        clock=clock,
        health=Health(),
        retention_s=0.0,
        doubt_rows=0,
        linger_s=0.0,
        monotonic=iter(range(10**6)).__next__,
    )
    for _ in range(20):
        store.step()
    store.close()


@pytest.mark.influx
def test_the_border_of_log_and_influxdb_cannot_be_seen(log: Filler, place: InfluxSettings) -> None:
    """No hole, no double, in order: also where late data arrived after newer had left."""
    slot = log.stream()
    rng = np.random.default_rng(7)
    seconds = rng.permutation(400)
    for i, second in enumerate(seconds):
        told = [(NOW_US + int(second) * S, float(second)), (NOW_US + int(second) * S, None)]
        log.add(slot, told, received_us=NOW_US + i * S)
    straight = History(log.path)
    before = straight.range(STREAM, 0, 2**62)
    assert len(before) == 800
    history = History(log.path, InfluxStore(place))
    for cut in (0, 1, 133, 399, 400):
        forget(log, place, NOW_US + cut * S)
        assert log.one("SELECT count(*) FROM observation") == 800 - 2 * cut
        whole = history.range(STREAM, 0, 2**62, whole=True)
        assert whole.equals(before)
        some = history.range(STREAM, NOW_US + 50 * S, NOW_US + 250 * S, whole=True)
        assert keys(some) == [(s, tie) for s in range(50, 250) for tie in (0, 1)]
        assert keys(history.last(STREAM, 5)) == [(397, 1), (398, 0), (398, 1), (399, 0), (399, 1)]
        assert keys(history.range(STREAM, NOW_US, NOW_US + 9 * S, limit=3)) == [
            (7, 1), (8, 0), (8, 1)
        ]  # fmt: skip
        assert whole.attrs["limited"] == ""
    assert log.one("SELECT count(*) FROM observation") == 0


@pytest.mark.influx
def test_last_reaches_years_back(log: Filler, place: InfluxSettings) -> None:
    """A stream that spoke rarely is found whatever the distance."""
    slot = log.stream()
    year = 366 * 86_400 * S
    for i in range(4):
        log.add(slot, [(NOW_US - i * year, float(i))])
    forget(log, place, NOW_US + S)
    assert log.one("SELECT count(*) FROM observation") == 0
    history = History(log.path, InfluxStore(place))
    assert history.last(STREAM, 3)["result"].tolist() == [2.0, 1.0, 0.0]
    assert len(history.last(STREAM, 9)) == 4
    assert history.last(STREAM, 1, before_us=NOW_US)["result"].tolist() == [1.0]


@pytest.mark.influx
def test_odd_names_are_found_again(log: Filler, place: InfluxSettings) -> None:
    """What was escaped on the way in is asked for in the same form."""
    odd = 'a "b", c=d\\ 温度\n#'
    slot = log.stream(name=odd, unit="%[a b]")
    log.add(slot, [(NOW_US, 1.0)], boot='quote"back\\slash')
    forget(log, place, NOW_US + S)
    assert log.one("SELECT count(*) FROM observation") == 0
    assert log.one("SELECT count(*) FROM quarantine") == 0
    stream = Datastream(slot=slot, site="qingxi", node="gauge-1", name=odd)
    assert keys(History(log.path, InfluxStore(place)).range(stream, 0, 2**62)) == [(0, 0)]


@pytest.mark.influx
def test_without_influxdb_the_rest_is_given_and_says_so(
    log: Filler, place: InfluxSettings, tmp_path: Path
) -> None:
    """A chart shows what the log has with the words; a fit asks for the whole and gets an error."""
    slot = log.stream()
    for i in range(10):
        log.add(slot, [(NOW_US + i * S, float(i))], received_us=NOW_US + i * S)
    forget(log, place, NOW_US + 5 * S)
    token = tmp_path / "t"
    token.write_text("t")
    gone = InfluxSettings(
        url=f"http://127.0.0.1:{free_port()}", org="o", bucket="b", token_file=token, timeout_s=1
    )
    for influx, words in ((None, LIMITED), (InfluxStore(gone), "cannot be used")):
        history = History(log.path, influx)
        frame = history.range(STREAM, 0, 2**62)
        assert keys(frame) == [(i, 0) for i in range(5, 10)]
        assert frame.attrs["limited"].startswith(LIMITED)
        assert words in frame.attrs["limited"]
        assert history.range(STREAM, NOW_US + 6 * S, 2**62).attrs["limited"] == ""
        with pytest.raises(StoreUnavailableError):
            history.range(STREAM, 0, 2**62, whole=True)


def test_an_error_inside_a_flux_answer_is_an_error() -> None:
    """InfluxDB can fail after it said 200."""
    with pytest.raises(StoreUnavailableError, match="out of memory"):
        from_csv(b"error,reference\r\nout of memory,897\r\n")


@pytest.mark.influx
def test_many_threads_may_ask_at_once(log: Filler, place: InfluxSettings) -> None:
    """The page's threads share one history; each has connections of its own."""
    slot = log.stream()
    for i in range(100):
        log.add(slot, [(NOW_US + i * S, float(i))], received_us=NOW_US + i * S)
    forget(log, place, NOW_US + 50 * S)
    history = History(log.path, InfluxStore(place))
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda _: history.range(STREAM, 0, 2**62, whole=True), range(40)))
    assert {len(frame) for frame in frames} == {100}
    history.close()
