"""Baselines fitted by statsmodels, in a worker process so that watch never waits.

A finished fit is appended to the log by watch and takes effect at that place; who
replays the log finds it there and fits nothing. The worker holds statsmodels, which is
more than the rest of the hub: it ends when nothing was asked of it for a while, and
with the hub, also with one that is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.clock import MICROSECONDS
from hub.detect.cusum import SEASON_BINS, STEP_US, CusumSettings, largest_sum
from hub.detect.words import DAY_S, HOUR_S
from hub.ingest.guard import die_with_parent
from hub.model.observation import Quality, batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hub.model.observation import Batch

    Floats = NDArray[np.float64]
    Ends = tuple[float, float]
    Series = tuple[NDArray[np.int64], NDArray[np.float64]]
    Parameters = dict[str, Any]

MOST_AT_ONCE: Final = 4
MOST_READINGS: Final = 1500
SEASON_DAYS: Final = 3
HARMONICS: Final = 2
BURN_IN: Final = 5
SPIKE: Final = 6.0
MARGIN: Final = 2.0
SHORT: Final = 120.0  # readings: a history this short doubles the limit
BY_CHANCE: Final = 2.0  # deviations of a lag-1 correlation of noise
MOST_PHI: Final = 0.95
NICENESS: Final = 15
IDLE_S: Final = 60.0

FLAT: Final = np.zeros(SEASON_BINS)

logger = logging.getLogger(__name__)


class Fits:
    """Fits on order, at most MOST_AT_ONCE under way.

    ``inline`` fits at once in the caller's thread, so that a replay on a virtual clock
    is the same each time.
    """

    def __init__(
        self,
        settings: CusumSettings | None = None,
        *,
        inline: bool = False,
        idle_s: float = IDLE_S,
    ) -> None:
        self._settings = settings or CusumSettings()
        self._inline = inline
        self._idle_s = idle_s
        self._busy_at = time.monotonic()
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[int, Future[Parameters]] = {}

    def work(
        self, wanting: Sequence[int], read: Callable[[int], Series], now_us: int
    ) -> list[tuple[int, Parameters]]:
        """Order fits for ``wanting`` slots and return those that are done.

        ``read`` gives a slot's history: times and results, oldest first.
        """
        if self._inline:
            fitted = [(slot, fit_baseline(*read(slot), self._settings)) for slot in wanting]
            return [(slot, {**found, "at_us": now_us}) for slot, found in fitted]
        done = self._collect()
        finished = {slot for slot, _ in done}
        for slot in wanting:
            if len(self._running) >= MOST_AT_ONCE:
                break
            if slot not in self._running and slot not in finished:
                self._order(slot, read(slot))
        self._rest()
        return [(slot, {**found, "at_us": now_us}) for slot, found in done]

    def close(self) -> None:
        """End the worker; what it had not finished is ordered again after the next start."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._running.clear()

    def _rest(self) -> None:
        """End a worker that has had nothing to do for a while (real time)."""
        now = time.monotonic()
        if self._running:
            self._busy_at = now
        elif self._pool is not None and now - self._busy_at >= self._idle_s:
            self.close()

    def _order(self, slot: int, history: Series) -> None:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=stand_back)
        try:
            self._running[slot] = self._pool.submit(fit_baseline, *history, self._settings)
        except BrokenProcessPool:
            logger.warning("the fit worker died; starting another")
            self.close()

    def _collect(self) -> list[tuple[int, Parameters]]:
        """Return what is finished; a fit that failed says so and waits for its next turn."""
        done = [slot for slot, future in self._running.items() if future.done()]
        found = []
        for slot in done:
            error = (future := self._running.pop(slot)).exception()
            if error is None:
                found.append((slot, future.result()))
            elif isinstance(error, BrokenProcessPool):
                self.close()
                break
            else:
                logger.error("fit of slot %d failed: %s", slot, error)
                found.append((slot, {"why": f"{type(error).__name__}: {error}"}))
        return found


def stand_back() -> None:
    """Let everything else go first, and do not outlive the hub."""
    die_with_parent()
    hub = multiprocessing.parent_process()
    if hub is not None and not hub.is_alive():
        os._exit(1)  # it was killed while this process started: no signal will come
    os.nice(NICENESS)


def fit_baseline(
    times_us: NDArray[np.int64], results: NDArray[np.float64], settings: CusumSettings
) -> Parameters:
    """Return the parameters that ``hub.detect.cusum`` wants, or ``why`` there are none.

    A local level with, from three days on, a daily season (statsmodels'
    UnobservedComponents), then AR(1) of its residual (AutoReg). The sums' limit is a
    margin above the largest that this history reaches.
    """
    times_us, results = thinned(times_us, results)
    if len(results) < settings.warm_up or float(np.ptp(results)) == 0.0:
        return {"why": "too few readings, or all equal"}
    clean = without_spikes(results)
    days = (times_us[-1] - times_us[0]) / MICROSECONDS / DAY_S
    table, cycle = daily(times_us, clean) if days >= SEASON_DAYS else (FLAT, np.zeros(len(clean)))
    (began, level), gain, residual = local_level(clean - cycle)
    phi = first_order(residual)
    white = residual[1:] - phi * residual[:-1]
    step = np.diff(np.unique(clean)).min()
    sigma = max(spread(white), 0.3 * float(step))
    parameters: Parameters = {
        "level": level,
        "gain": gain,
        "sigma": sigma,
        "phi": phi,
        "interval_s": float(np.median(np.diff(times_us))) / MICROSECONDS,
        "season": [float(value) for value in table],
        "readings": len(results),
        "days": float(days),
    }
    start = {**parameters, "level": began}
    past = batch_for(times_us[BURN_IN + 1 :], results[BURN_IN + 1 :])
    unsure = settings.limit * (1 + SHORT / len(results))
    limit = max(unsure, MARGIN * largest_sum(settings, start, past))
    return {**parameters, "limit": limit}


def daily(times_us: NDArray[np.int64], clean: Floats) -> tuple[Floats, Floats]:
    """Return the season's hourly values, and the season at each reading.

    Regressed on differences, so that a wandering level does not count as season.
    """
    waves = harmonics(times_us)
    weights, *_ = np.linalg.lstsq(np.diff(waves, axis=0), np.diff(clean), rcond=None)
    hours = np.arange(SEASON_BINS, dtype=np.int64) * HOUR_S * MICROSECONDS
    return harmonics(hours) @ weights, waves @ weights


def local_level(clean: Floats) -> tuple[Ends, float, Floats]:
    """Return ((first, last level), steady gain, residuals).

    The first level is smoothed, so that its own error is not taken for a shift.
    """
    from statsmodels.tsa.statespace.structural import (  # noqa: PLC0415  seconds to import: worker only
        UnobservedComponents,
    )

    if not wanders(clean):
        steady = float(np.median(clean))
        return (steady, steady), 0.0, (clean - steady)[BURN_IN:]
    scale, centre = spread(np.diff(clean)) or 1.0, float(np.median(clean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = UnobservedComponents((clean - centre) / scale, level="llevel")
        fitted = model.fit(disp=False, maxiter=50)
    found = dict(zip(model.param_names, fitted.params, strict=True))
    ratio = found["sigma2.level"] / max(found["sigma2.irregular"], 1e-9)
    wide = (ratio + np.sqrt(ratio**2 + 4 * ratio)) / 2
    residual = fitted.filter_results.forecasts_error[0][BURN_IN:] * scale
    ends = fitted.level["smoothed"][BURN_IN], fitted.level["filtered"][-1]
    began, level = (float(end) * scale + centre for end in ends)
    return (began, level), float(wide / (wide + 1)), residual


def wanders(values: Floats) -> bool:
    """Say whether neighbouring readings are alike beyond chance; if not, the level is fixed.

    A level that follows noise would follow a leak as well.
    """
    centred = values - values.mean()
    alike = float((centred[1:] * centred[:-1]).sum() / max(float((centred**2).sum()), 1e-12))
    return bool(alike > BY_CHANCE / np.sqrt(len(values)))


def first_order(residual: Floats) -> float:
    """Return the AR(1) coefficient of ``residual``, 0 to MOST_PHI."""
    from statsmodels.tsa.ar_model import AutoReg  # noqa: PLC0415  worker only

    if float(np.ptp(residual)) == 0.0:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = AutoReg(residual, lags=1, trend="n").fit()
    return float(np.clip(fitted.params[0], 0.0, MOST_PHI))


def harmonics(times_us: NDArray[np.int64]) -> Floats:
    """Return sine and cosine of the day and its half, one row per time."""
    turns = (times_us % (DAY_S * MICROSECONDS)) / (DAY_S * MICROSECONDS) * 2 * np.pi
    parts = [wave(k * turns) for k in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.stack(parts, axis=1)


def thinned(times_us: NDArray[np.int64], results: NDArray[np.float64]) -> Series:
    """Return the series as the detector takes it: one reading per second at most, the newest."""
    kept, due = [], -(2**62)
    for place, time_us in enumerate(times_us.tolist()):
        if time_us >= due:
            kept.append(place)
            due = time_us + STEP_US
    kept = kept[-MOST_READINGS:]
    return times_us[kept], results[kept]


def without_spikes(results: Floats) -> Floats:
    """Return ``results`` with lone outliers replaced by the median of five (Hampel)."""
    padded = np.pad(results, 2, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    off = np.abs(results - middle)
    return np.where(off > SPIKE * max(spread(results - middle), 1e-12), middle, results)


def spread(values: Floats) -> float:
    """Return a standard deviation that a few outliers do not move; of all, if most are equal."""
    robust = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return max(robust, 0.5 * float(np.std(values)))


def batch_for(times_us: NDArray[np.int64], results: NDArray[np.float64]) -> Batch:
    """Return a series as a batch of slot 0."""
    rows = zip(times_us.tolist(), results.tolist(), strict=True)
    return batch_of([(i, 0, t, t, r, Quality.PASS, 0, t, 0) for i, (t, r) in enumerate(rows)])
