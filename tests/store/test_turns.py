"""Threads that write to one file take turns, so that a page never starves behind intake."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from hub.errors import StoreUnavailableError
from hub.store.database import open_database, transaction
from hub.store.turns import Turns

if TYPE_CHECKING:
    from pathlib import Path

BUSY_S = 0.02


def test_nobody_starves_behind_busy_writers(tmp_path: Path) -> None:
    """Beside two threads that write without a pause, each write begins after their turns."""
    file, done = tmp_path / "t.db", threading.Event()
    open_database(file).close()

    def hog() -> None:
        connection = open_database(file)
        while not done.is_set():
            with transaction(connection):
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('hog', '1')")
                time.sleep(BUSY_S)
        connection.close()

    threads = [threading.Thread(target=hog) for _ in range(2)]
    for thread in threads:
        thread.start()
    connection, waits = open_database(file), []
    try:
        for number in range(20):
            time.sleep(BUSY_S)
            began = time.monotonic()
            with transaction(connection):
                waits.append(time.monotonic() - began)
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('n', ?)", (str(number),))
    finally:
        done.set()
        for thread in threads:
            thread.join()
        connection.close()
    assert sorted(waits)[10] < 10 * BUSY_S
    assert max(waits) < 2.0


def test_turns_are_given_in_the_order_of_asking() -> None:
    """Who asked first writes first."""
    turns, order, threads = Turns(), [], []

    def write(number: int) -> None:
        with turns.turn(10):
            order.append(number)

    with turns.turn(10):
        for number in range(6):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            until = time.monotonic() + 10
            while len(turns._waiting) <= number and time.monotonic() < until:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_who_gets_no_turn_goes_on_without_one() -> None:
    """After the wait the body runs all the same, and later turns are not disturbed."""
    turns = Turns()
    with turns.turn(1) as first:
        assert first
        with turns.turn(0.01) as second:
            assert not second
    with turns.turn(0.01) as third:
        assert third


def test_a_failed_write_gives_its_turn_back(tmp_path: Path) -> None:
    """After an error the next one writes at once."""
    one, two = open_database(tmp_path / "t.db"), open_database(tmp_path / "t.db")
    with pytest.raises(StoreUnavailableError), transaction(one):
        one.execute("INSERT INTO nowhere VALUES (1)")
    with pytest.raises(KeyError), transaction(one):
        raise KeyError
    began = time.monotonic()
    with transaction(two):
        two.execute("INSERT OR REPLACE INTO meta VALUES ('a', 'b')")
    assert time.monotonic() - began < 1
    one.close()
    two.close()
