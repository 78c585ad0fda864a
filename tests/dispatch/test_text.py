"""The composer: what a page says, and that it always fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dispatch.segments import segments, to_gsm7
from hub.dispatch.text import Message, compose, repeated
from hub.dispatch.words import UNITS, unit_name
from hub.model.network import Hazard, Severity
from hub.model.notification import Purpose

SINCE_US = 1_795_413_900_000_000  # 14:05 in Shanghai

RISE = Message(
    level=Severity.EXTREME,
    hazard=Hazard.FLOOD,
    place_en="Qingxi bridge",
    place_zh="青溪桥",
    since_us=SINCE_US,
    code="7K2",
    measured="stage",
    value=4.82,
    unit="m",
    threshold=4.5,
    threshold_name="danger",
    trend_per_h=0.18,
)

NASTY = "’“”°²³μ—…€{}[]~|\\^\n\t🌊🔥青溪桥é'\"\u202e\x00𠮷"
TEXT = st.one_of(
    st.text(st.sampled_from(NASTY + "abc "), max_size=40),
    st.text(max_size=40),
    st.just("€" * 90),
    st.just("洪" * 90),
    st.just("🌊" * 90),
    st.just("𠮷" * 90),
)
NUMBER = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0, 4.82, -123.45, 99999.9]))
SPAN = st.one_of(st.none(), st.floats(min_value=0, allow_nan=False))
MESSAGES = st.builds(
    Message,
    purpose=st.sampled_from(list(Purpose)),
    level=st.sampled_from(list(Severity)),
    hazard=st.sampled_from(list(Hazard)),
    place_en=TEXT,
    place_zh=TEXT,
    zone=st.sampled_from(["Asia/Shanghai", "America/New_York", "No/Where", "", "../etc"]),
    since_us=st.just(SINCE_US),
    now_us=st.sampled_from([None, SINCE_US, SINCE_US + 5 * 86_400_000_000]),
    code=st.sampled_from(["", "7K2", "€€€€€€€€€"]),
    measured=TEXT,
    label_en=TEXT,
    label_zh=TEXT,
    value=NUMBER,
    unit=st.one_of(st.sampled_from(sorted(UNITS)), TEXT),
    threshold=NUMBER,
    threshold_name=TEXT,
    trend_per_h=NUMBER,
    eta_s=SPAN,
    eta_low_s=SPAN,
    eta_high_s=SPAN,
    silent_s=SPAN,
    words_en=TEXT,
    words_zh=TEXT,
    todo_en=TEXT,
    todo_zh=TEXT,
    extra_en=TEXT,
    extra_zh=TEXT,
    link=st.sampled_from(["", "https://hub.example.org/a/" + "x" * 43, "€" * 300]),
    drill=st.booleans(),
    found_late=st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(MESSAGES)
def test_english_is_always_one_gsm7_message(message: Message) -> None:
    """Whatever the fields hold, English is one GSM-7 message, repeated or not."""
    text = compose(message, "en")
    assert segments(text) == ("gsm7", 1)
    assert segments(repeated(text, "en")) == ("gsm7", 1)


@settings(max_examples=120, deadline=None)
@given(MESSAGES)
def test_chinese_is_at_most_two_parts(message: Message) -> None:
    """Whatever the fields hold, Chinese is at most two UCS-2 parts, repeated or not."""
    text = compose(message, "zh-CN")
    assert segments(repeated(text, "zh"))[1] <= 2
    assert "\n" not in text


@settings(max_examples=60, deadline=None)
@given(MESSAGES)
def test_level_and_code_never_leave(message: Message) -> None:
    """However short the space, the level word and the reply code stay."""
    page = replace(message, purpose=Purpose.PAGE, drill=False, code="7K2")
    assert compose(page, "en").startswith(("RED", "ORANGE", "YELLOW", "BLUE", "NOTICE"))
    assert compose(page, "zh").startswith(("红色", "橙色", "黄色", "蓝色", "提示"))
    assert "A 7K2" in compose(page, "en")
    assert "A 7K2" in compose(page, "zh")


def test_a_flood_page_reads_aloud() -> None:
    """The usual page says level, hazard, place, value against limit, trend, time, duty, code."""
    assert compose(RISE, "en") == (
        "RED flood, Qingxi bridge: level 4.82 m, over danger 4.5 m, rising 0.18 m/h, since 14:05. "
        "Clear low ground, close underpasses. Reply A 7K2 = I take it"
    )
    assert compose(RISE, "zh") == (
        "红色洪水 青溪桥：水位4.82米，超4.5米危险线，每小时涨0.18米，14:05起。"
        "撤离低处人员，封下穿道。回A 7K2接警，H 7K2增援"
    )


def test_a_fire_moves_by_the_minute() -> None:
    """What is over in minutes has its trend per minute; what stands still has none."""
    fire = replace(RISE, hazard=Hazard.FIRE, measured="co", unit="[ppm]", trend_per_h=3401.0)
    assert "rising 56.68 ppm/min," in compose(fire, "en")
    assert "每分钟升56.68ppm，" in compose(fire, "zh")
    assert "rising 0.5 L/min per min," in compose(
        replace(fire, unit="L/min", trend_per_h=30.0, code=""), "en"
    )
    assert "rising" not in compose(replace(fire, trend_per_h=0.0), "en")


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ({"drill": True}, "DRILL RED flood", "【演练】红色洪水"),
        ({"purpose": Purpose.DRILL}, "DRILL RED flood", "【演练】红色洪水"),
        ({"found_late": True}, "RED flood FOUND LATE", "红色洪水（延迟发现）"),
        ({"purpose": Purpose.WORSENED}, "RED flood WORSE", "红色洪水加重"),
        ({"purpose": Purpose.STOOD_DOWN}, "STOOD DOWN: RED flood", "解除：红色洪水"),
        ({"level": Severity.SEVERE}, "ORANGE flood", "橙色洪水"),
        ({"level": Severity.MODERATE}, "YELLOW flood", "黄色洪水"),
        ({"level": Severity.MINOR}, "BLUE flood", "蓝色洪水"),
    ],
)
def test_marks_and_level_come_first(change: dict[str, object], english: str, chinese: str) -> None:
    """A drill says so first, then the level as a word, then what is special."""
    message = replace(RISE, **change)  # type: ignore[arg-type]
    assert compose(message, "en").startswith(english)
    assert compose(message, "zh").startswith(chinese)


def test_forecast_says_when_and_how_sure() -> None:
    """A forecast gives the minutes to the limit with their interval."""
    message = replace(RISE, value=4.1, eta_s=2400, eta_low_s=1500, eta_high_s=4200)
    assert "crosses danger 4.5 m in 40 min (25-70)" in compose(message, "en")
    assert "预计40分钟(25-70)后达4.5米危险线" in compose(message, "zh")


def test_silence_is_never_safety() -> None:
    """A silent stream is said to be of unknown safety, without an old number."""
    message = replace(RISE, silent_s=720.0, hazard=Hazard.SENSOR)
    assert "no level data for 12 min" in compose(message, "en")
    assert "Not known to be safe" in compose(message, "en")
    assert "4.82" not in compose(message, "en")
    assert "水位已12分钟无数据" in compose(message, "zh")


def test_a_contact_is_on_or_off_not_a_number() -> None:
    """A switch reads as ON; its limit of one half is not said."""
    message = replace(
        RISE, hazard=Hazard.FIRE, measured="smoke", value=1.0, unit="1", threshold=0.5
    )
    assert "smoke ON" in compose(message, "en")
    assert "0.5" not in compose(message, "en")
    assert "烟雾触发" in compose(message, "zh")


def test_time_is_the_readers_own() -> None:
    """The same instant is told in each reader's zone, with the date when not today."""
    assert "since 06:05" in compose(replace(RISE, zone="Europe/London"), "en")
    other_day = replace(RISE, now_us=SINCE_US + 86_400_000_000)
    assert "since 23 Nov 14:05" in compose(other_day, "en")
    assert "11月23日14:05起" in compose(other_day, "zh")


def test_units_are_human() -> None:
    """UCUM codes become what people write, richer where UCS-2 allows it."""
    assert [unit_name(code) for code in ("m3/s", "Cel", "1/m", "[ppm]", "%{RH}", "furlong")] == [
        "m3/s", "C", "per m", "ppm", "%", "furlong",
    ]  # fmt: skip
    assert unit_name("m3/s", chinese=True) == "m³/s"
    assert unit_name("Cel", chinese=True) == "℃"


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ({"value": 4.5}, ": level 4.5 m, at danger 4.5 m,", "：水位4.5米，达4.5米危险线，"),
        ({"value": 4.1}, "under danger 4.5 m", "低于4.5米危险线"),
        ({"threshold_name": "high"}, "over high 4.5 m", "超4.5米高限，"),
        ({"threshold_name": "dry"}, "over dry 4.5 m", "超4.5米抽空线"),
        ({"measured": "co"}, "rising 0.18 m/h", "每小时升0.18米"),
        ({"unit": "m3/h"}, "rising 0.18 m3/h per h", "每小时涨0.18m³/h"),
        ({"threshold": None, "expected": 1.2}, "usually 1.2 m", "平时1.2米"),
        ({"eta_s": 7200.0}, "crosses danger 4.5 m in 2 h", "预计2小时后达4.5米危险线"),
        (
            {"over": True},
            ": readings are back to normal, began 14:05. Confirm on site",
            "：实测已恢复正常，14:05发生。请到场确认",
        ),
        (
            {"value": None, "words_en": "stuck", "words_zh": "卡死"},
            ": level stuck, since",
            "：水位卡死，",
        ),
        (
            {"purpose": Purpose.STOOD_DOWN, "now_us": SINCE_US},
            ": no more calls from 14:05. Code 7K2",
            "：14:05起不再通知。编号7K2",
        ),
    ],
)
def test_no_number_can_be_taken_for_another(
    change: dict[str, object], english: str, chinese: str
) -> None:
    """A limit is not an excess, what is over is not over a limit, a rate of a rate is said so."""
    assert english in compose(replace(RISE, **change), "en")
    assert chinese in compose(replace(RISE, **change), "zh")


def test_trend_leaves_before_threshold_and_threshold_before_place() -> None:
    """With a long place the trend goes first, then the threshold; then the place is cut."""
    seen = []
    for length in range(10, 200, 5):
        text = compose(replace(RISE, place_en="Q" * length), "en")
        state = ("rising" in text, "over danger" in text, "Q" * length in text)
        if not seen or seen[-1] != state:
            seen.append(state)
    assert seen == [(True, True, True), (False, True, True), (False, False, True), (False,) * 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 160, ("gsm7", 1)),
        ("a" * 161, ("gsm7", 2)),
        ("€" * 80, ("gsm7", 1)),
        ("€" * 81, ("gsm7", 2)),
        ("a" * 152 + "€" + "a" * 151, ("gsm7", 2)),
        ("a" * 152 + "€" + "a" * 152, ("gsm7", 3)),  # the escape may not end a part
        ("洪" * 70, ("ucs2", 1)),
        ("洪" * 71, ("ucs2", 2)),
        ("洪" * 134, ("ucs2", 2)),
        ("洪" * 135, ("ucs2", 3)),
        ("𠮷" * 35, ("ucs2", 1)),
        ("𠮷" * 67, ("ucs2", 3)),  # 33 pairs in a part of 67 units
        ("", ("gsm7", 1)),
    ],
)
def test_parts_are_counted_as_a_network_does(text: str, expected: tuple[str, int]) -> None:
    """Limits, escapes and surrogate pairs count as a phone network counts them."""
    assert segments(text) == expected


def test_transliteration_keeps_the_sense() -> None:
    """Dashes, quotes, degrees, accents and powers become their plain kin; pictures go."""
    assert to_gsm7("“Łódź” – 20°C ³ 🌊 ok") == '"Lodz" - 20 deg C 3 ok'


def test_the_longest_fields_at_once_still_fit() -> None:
    """Every field at its longest, in characters that cost double, fits both limits."""
    long = "€" * 300
    worst = Message(
        purpose=Purpose.WORSENED,
        level=Severity.MODERATE,
        hazard=Hazard.SENSOR,
        place_en=long,
        place_zh="𠮷" * 300,
        zone="No/Where",
        since_us=SINCE_US,
        now_us=SINCE_US + 86_400_000_000,
        code="MMMMMMMMMM",
        label_en=long,
        label_zh=long,
        value=-1.5e300,
        unit=long,
        threshold=-1.5e300,
        threshold_name=long,
        trend_per_h=-1.5e300,
        eta_s=1e12,
        eta_low_s=1e12,
        eta_high_s=1e12,
        todo_en=long,
        todo_zh=long,
        extra_en=long,
        extra_zh=long,
        link=long,
        drill=True,
        found_late=True,
    )
    assert segments(repeated(compose(worst, "en"), "en")) == ("gsm7", 1)
    assert segments(repeated(compose(worst, "zh"), "zh"))[1] <= 2
    assert compose(worst, "en").startswith("DRILL YELLOW")
