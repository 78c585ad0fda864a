"""Who watches the watcher: its silence is the hub's own trouble and nobody's sensor fault."""

from __future__ import annotations

from gauges import START_US, gauge, series

from hub.detect.stale import Stale, StaleSettings
from hub.flow.canary import declared
from hub.model.network import Hazard, Network, Severity
from hub.model.rule import Rule
from hub.model.transition import Change, Kind

RULE = Rule(name="silence", detector="stale", severity=Severity.MINOR)
SECOND = 1_000_000
WATCHER = gauge(
    0, node="watch-1", name="canary", observed_property="canary", unit="1", interval_s=20.0,
    hazard=Hazard.OTHER, levels=(),
)  # fmt: skip


def test_noticed_within_a_minute_and_pages_the_operator() -> None:
    """At the shipped pace silence is told 41 s after the last canary, as the hub's trouble."""
    detector = Stale(StaleSettings(), RULE)
    detector.bind(WATCHER)
    detector.hear(connected=True, at_us=START_US)
    detector.update(series(1.0, 1.0, step_s=20.0))
    last_us = START_US + 20 * SECOND
    assert not detector.due(last_us + 40 * SECOND)
    (said,) = detector.tick(last_us + 41 * SECOND, 9)
    assert (said.change, said.kind, said.hazard) == (Change.RAISED, Kind.HUB, Hazard.HUB)
    assert said.severity is Severity.SEVERE
    assert "watcher" in said.evidence.words_en
    assert "值守" in said.evidence.words_zh
    (back,) = detector.update(series(1.0, step_s=20.0, start=10))
    assert (back.change, back.kind) == (Change.CLEARED, Kind.HUB)


def test_only_its_silence_is_looked_for() -> None:
    """No detector of the world takes a canary for a reading."""
    assert RULE.matches(WATCHER)
    assert not Rule(name="shift", detector="cusum").matches(WATCHER)


def test_a_name_alone_makes_no_watcher() -> None:
    """Only who declares the property is answered: a stream that happens to be called so is not."""
    named = gauge(1, node="other", name="canary", observed_property="")
    network = Network(
        sites={}, cells={}, nodes={},
        datastreams={("watch-1", "canary"): WATCHER, ("other", "canary"): named},
    )  # fmt: skip
    assert declared(network) == [("watch-1", "canary")]
