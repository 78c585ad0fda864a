"""How many messages one person gets in a storm, and what the list of the others says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.digest import Listed, compose_digest, compose_list
from hub.dispatch.segments import segments
from hub.dispatch.storm import NO_LIMITS, StormLimits, Told, is_news, leaves_us
from hub.dispatch.text import repeated
from hub.model.network import Hazard, Severity
from hub.model.notification import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND = 1_000_000
LIMITS = StormLimits()
TEXTS = st.text(max_size=80)
LISTED = st.builds(
    Listed,
    code=st.from_regex(r"[2-9A-Z]{3,5}", fullmatch=True),
    level=st.sampled_from(Severity),
    hazard=st.sampled_from(Hazard),
    place_en=TEXTS,
    place_zh=TEXTS,
    cell_en=TEXTS,
    cell_zh=TEXTS,
    purpose=st.sampled_from([Purpose.PAGE, Purpose.WORSENED, Purpose.STOOD_DOWN]),
)


def told(*seconds: float, red: Iterable[str] = ()) -> Told:
    """Return messages that left at these seconds."""
    return Told(left_us=tuple(round(s * SECOND) for s in seconds), red_places=frozenset(red))


def leaves_s(before: Told, now_s: float, *, news: bool = False) -> float:
    """Return the second at which the next may leave."""
    return leaves_us(LIMITS, before, news=news, now_us=round(now_s * SECOND)) / SECOND


def test_the_first_leaves_at_once() -> None:
    """Whoever was told nothing lately waits for nothing, red or not."""
    assert leaves_s(told(), 1000) == 1000
    assert leaves_s(told(100), 1000) == 1000


def test_a_burst_is_gathered() -> None:
    """What comes just behind the first leaves together, fifteen seconds after it."""
    assert leaves_s(told(1000), 1001) == 1015
    assert leaves_s(told(1000), 1014, news=True) == 1015


def test_a_second_danger_minutes_later_waits_for_nothing() -> None:
    """Two pages five minutes apart are no storm."""
    assert leaves_s(told(1000), 1300) == 1300


def test_the_last_of_the_allowance_is_for_red_elsewhere() -> None:
    """After two messages only news of red goes; all else waits for half of the ten minutes."""
    assert leaves_s(told(1000, 1015), 1100) == 1300
    assert leaves_s(told(1000, 1015), 1100, news=True) == 1100
    assert leaves_s(told(1000, 1015), 1020, news=True) == 1045
    assert leaves_s(told(1000, 1015, 1100), 1200, news=True) == 1600
    assert leaves_s(told(1000, 1015, 1100), 1200) == 1600


def test_news_is_red_where_the_person_knows_of_no_red() -> None:
    """A second red at the same place is no news, one at another place is."""
    before = told(1000, red={"mill-lane"})
    assert is_news(before, "north-bank", red=True)
    assert not is_news(before, "mill-lane", red=True)
    assert not is_news(before, "north-bank", red=False)


def test_without_a_limit_everything_leaves() -> None:
    """``most = 0`` switches it off."""
    assert leaves_us(NO_LIMITS, told(1, 2, 3, 4), news=False, now_us=5 * SECOND) == 5 * SECOND


@given(
    st.lists(st.tuples(st.floats(0, 3600), st.booleans()), max_size=60),
    st.integers(1, 5),
    st.floats(0, 60),
)
def test_no_ten_minutes_hold_more_than_the_allowance(
    events: list[tuple[float, bool]], most: int, gather_s: float
) -> None:
    """However dangers come, no window has more messages, and each one leaves in the end."""
    limits = StormLimits(most=most, gather_s=gather_s)
    left: list[int] = []
    for second, news in sorted(events):
        now_us = round(second * SECOND)
        if left and left[-1] > now_us:
            continue  # joins what is held
        before = Told(left_us=tuple(left))
        left.append(leaves_us(limits, before, news=news, now_us=now_us))
    for first in left:
        assert sum(first <= us < first + 600 * SECOND for us in left) <= most


@pytest.mark.parametrize("values", [{"most": -1}, {"window_s": 0}, {"gather_s": 300}])
def test_limits_that_cannot_be_kept_are_refused(values: dict[str, float]) -> None:
    """Nonsense is refused where it is made."""
    with pytest.raises(ValueError, match=r"."):
        StormLimits(**values)  # type: ignore[arg-type]


@given(st.lists(LISTED, max_size=40), st.sampled_from(["en", "zh", "zh-Hans"]))
def test_a_digest_always_fits(listed: list[Listed], language: str) -> None:
    """One GSM-7 part in English, two UCS-2 parts in Chinese, whatever the names hold."""
    text = compose_digest(listed, "K7M", language)
    encoding, parts = segments(repeated(text, language))
    assert (encoding, parts) == ("gsm7", 1) if language == "en" else parts <= 2
    if any(one.purpose is not Purpose.STOOD_DOWN for one in listed):
        assert "K7M" in text


@given(st.lists(LISTED, min_size=1, max_size=40), st.sampled_from(["en", "zh"]))
def test_a_list_that_is_asked_for_fits_three_parts(listed: list[Listed], language: str) -> None:
    """The answer to "0" is bounded and begins with the worst codes."""
    _, parts = segments(compose_list(listed, language))
    assert parts <= 3


def test_a_digest_counts_and_names() -> None:
    """Level, hazard, cell, the worst by code, and how to take all of them."""
    red = Listed(
        code="XF9", level=Severity.EXTREME, hazard=Hazard.FLOOD, place_en="Qingxi bridge",
        place_zh="青溪桥", cell_en="Bridge quarter", cell_zh="桥头片区",
    )  # fmt: skip
    blue = Listed(
        code="K2M", level=Severity.MINOR, hazard=Hazard.LEAK, place_en="Mill", place_zh="磨坊"
    )
    assert compose_digest([blue, red, red], "H4T", "en") == (
        "3 MORE ALARMS: RED flood 2, BLUE water leak 1. Bridge quarter (2). "
        "XF9 Qingxi bridge, XF9 Qingxi bridge, K2M Mill. Reply A H4T = I take all, 0 = list"
    )
    assert compose_digest([blue, red, red], "H4T", "zh") == (
        "又有3起险情：红色洪水2、蓝色漏水1。桥头片区（2）。"
        "XF9 青溪桥、XF9 青溪桥、K2M 磨坊。回A H4T全部接警，回0看清单"
    )
