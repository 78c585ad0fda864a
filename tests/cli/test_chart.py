"""The chart of an evidence window, in plain characters."""

from __future__ import annotations

from hub.cli.chart import chart, qualities
from hub.cli.helping import width
from hub.cli.show import columns, masked, span

MINUTE_US = 60_000_000


def test_a_rise_through_the_threshold() -> None:
    """Values rise from the lower left, the threshold is a labelled line, marks tell quality."""
    points = [(i * MINUTE_US, float(i), 1) for i in range(11)]
    points[4] = (4 * MINUTE_US, 4.0, 3)
    points[7] = (7 * MINUTE_US, None, 9)
    points[9] = (9 * MINUTE_US, 2.0, 4)
    lines = chart(tuple(points), limit=8.0, zone="UTC", columns=21, rows=7)
    assert lines == [
        "    10.5 ┤                    ●",
        "       8 ┤────────────────●────",
        "         ┤            ●",
        "         ┤          ●",
        "         ┤      ● ○",
        "         ┤  ● ●             ×",
        "    -0.5 ┤●             ┄",
        "          00:00:00     00:10:00",
    ]


def test_a_flat_or_single_value_is_drawn() -> None:
    """One value, or many equal ones, need no division by their span."""
    assert len(chart(((0, 5.0, 1),), limit=None, zone="UTC", columns=20, rows=5)) == 6
    flat = tuple((i, 0.0, 1) for i in range(3))
    assert any("●" in line for line in chart(flat, limit=0.0, zone="UTC", columns=20, rows=5))


def test_only_nulls_make_no_chart() -> None:
    """A window without a single value is not drawn, and its qualities are still counted."""
    window = ((0, None, 9), (1, None, 4))
    assert chart(window, limit=1.0, zone="UTC") == []
    assert qualities(window) == {"missing": 2}


def test_chinese_columns_line_up() -> None:
    """A Chinese character counts as two columns."""
    assert width("水位m") == 5
    assert columns([("水位", "a"), ("abc", "b")]) == ["水位  a", "abc   b"]


def test_addresses_are_masked_and_spans_read() -> None:
    """A number keeps its end, a URL its host; a span its two largest units."""
    assert masked("+8613800001234") == "+86…1234"
    assert masked("https://u:p@chat.example/hook/secret") == "https://chat.example/…"
    assert span(3_725_000_000, "en") == "1 h 2 min"
    assert span(0, "zh") == "0秒"
