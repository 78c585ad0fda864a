"""The worker that fits: gone when it is idle, and gone with a hub that was killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

from hub.flow.fits import Fits
from tests.detect.gauges import MINUTE_US, START_US

KILLED = """
import os, signal, multiprocessing, numpy
from hub.flow.fits import Fits
fits = Fits()
fits.work([0], lambda slot: (numpy.arange(100) * 60_000_000, numpy.arange(100) % 7.0), 0)
while not fits.work([], lambda slot: None, 0):
    pass
(worker,) = multiprocessing.active_children()
print(worker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_EARLY = """
import os, signal, multiprocessing, numpy
from hub.flow.fits import Fits
fits = Fits()
fits.work([0], lambda slot: (numpy.arange(100) * 60_000_000, numpy.arange(100) % 7.0), 0)
(worker,) = multiprocessing.active_children()
print(worker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def series(_slot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a hundred readings that can be fitted."""
    return START_US + np.arange(100) * MINUTE_US, np.arange(100) % 7.0


def test_an_idle_worker_ends() -> None:
    """Once the fit is done and nothing more is wanted, its memory is given back."""
    fits = Fits(idle_s=0.0)
    fits.work([0], series, START_US)
    until = time.monotonic() + 60
    while not fits.work([], series, START_US) and time.monotonic() < until:
        time.sleep(0.05)
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []
    assert fits.work([0], series, START_US) == []
    assert len(multiprocessing.active_children()) == 1
    fits.close()


@pytest.mark.parametrize("parent", [KILLED, KILLED_EARLY], ids=["at rest", "starting"])
def test_a_killed_hub_leaves_no_worker(parent: str) -> None:
    """After kill -9 of the hub its worker is gone too, also one that was just starting."""
    done = subprocess.run(
        [sys.executable, "-c", f"if __name__ == '__main__':\n{indented(parent)}"],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    worker = int(done.stdout)
    until = time.monotonic() + 20
    while runs(worker) and time.monotonic() < until:
        time.sleep(0.05)
    left = runs(worker)
    if left:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    assert not left


def indented(text: str) -> str:
    """Return ``text`` as the body of a block."""
    return "".join(f"    {line}\n" for line in text.splitlines())


def runs(pid: int) -> bool:
    """Say whether a process is there and is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123  not a path of ours
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
