"""A node's clock is judged by its quickest message, and believed again once it is set right."""

from __future__ import annotations

from hub.ingest.nodeclock import NodeClocks, Sending

S = 1_000_000
NOON = 1_795_000_000 * S


def sending(
    *, at_s: float = 0.0, delay_s: float = 0.0, settled: bool = True, up_s: float | None = None
) -> Sending:
    """Return a sending received ``at_s``; ``delay_s`` is received minus sent."""
    received = NOON + round(at_s * S)
    sent = received - round(delay_s * S)
    return Sending(received_us=received, sent_us=sent, up_s=up_s, settled=settled)


def test_quickest_message_decides() -> None:
    """Slow messages of a right clock are not taken for a clock that is behind."""
    clocks = NodeClocks(60 * S)
    clocks.observe("n", "b", sending(delay_s=0.2))
    assert clocks.observe("n", "b", sending(delay_s=900.0)).behind_us == 0


def test_backlog_proves_nothing() -> None:
    """Until the backlog is through, late messages do not make a clock wrong."""
    clocks = NodeClocks(60 * S)
    assert clocks.observe("n", "b", sending(delay_s=3600, settled=False)).behind_us == 0
    assert clocks.observe("n", "b", sending(delay_s=3600)).behind_us == 3600 * S


def test_message_from_the_future_proves_it_at_once() -> None:
    """A message that comes before it was sent proves a clock to be ahead at any time."""
    clocks = NodeClocks(60 * S)
    assert clocks.observe("n", "b", sending(delay_s=-3600, settled=False)).behind_us == -3600 * S


def test_clock_set_right_is_believed_again() -> None:
    """Once a clock is set, in either direction, nothing is corrected any more."""
    for error_s in (-3600, 3600):
        clocks = NodeClocks(60 * S)
        clocks.observe("n", "b", sending(delay_s=error_s))
        assert clocks.observe("n", "b", sending(at_s=10, delay_s=0.1)).behind_us == 0


def test_clock_set_wrong_is_found_out() -> None:
    """A clock that falls behind in mid-run is found out within two windows."""
    clocks = NodeClocks(60 * S)
    clocks.observe("n", "b", sending())
    answers = [
        clocks.observe("n", "b", sending(at_s=at_s, delay_s=3600)).behind_us
        for at_s in range(60, 1000, 60)
    ]
    assert answers[0] == 0
    assert answers[-1] == 3600 * S


def test_start_is_dated_by_the_quickest_message() -> None:
    """Without a clock the start is the earliest that any message allows."""
    clocks = NodeClocks(60 * S)
    for at_s, up_s in ((100.0, 40.0), (110.0, 52.0), (120.0, 55.0)):
        received = NOON + round(at_s * S)
        one = Sending(received_us=received, sent_us=None, up_s=up_s, settled=True)
        start = clocks.observe("n", "b", one)
    assert start.began_us == NOON + 58 * S


def test_what_was_learnt_survives() -> None:
    """A hub that starts anew corrects at once what it had found wrong."""
    first = NodeClocks(60 * S)
    first.observe("n", "b", sending(delay_s=3600, up_s=5.0))
    second = NodeClocks(60 * S)
    for row in first.learnt():
        second.remember(*row)
    start = second.observe("n", "b", sending(at_s=1, delay_s=9999, settled=False))
    assert start.behind_us == 3600 * S
    assert start.began_us == NOON - 5 * S
