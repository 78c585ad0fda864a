"""The command line, run as a person runs it, on a database that the hub's own code made."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from hub.cli import main
from hub.cli.act import until
from hub.clock import SystemClock
from hub.dispatch.text import compose
from hub.errors import ConfigError
from hub.flow.health import Health
from hub.flow.respond import Respond
from hub.model.book import Entry
from hub.model.incident import ActionKind, Status
from hub.store.book import Book
from hub.store.database import transaction
from hub.store.log import Log
from hub.words import language_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from hub.config import Configuration
    from hub.model.book import Detail
    from hub.model.incident import Incident

Captured = pytest.CaptureFixture[str]
NOON_US = 1_795_495_200_000_000  # 2026-11-24T12:40:00+08:00


def run(folder: Path, *words: str, lang: str = "en") -> int:
    """Run one command on ``folder``."""
    return main(["--config", str(folder), "--lang", lang, *words])


class Hub(threading.Thread):
    """The hub's respond loop in a thread, as it runs beside the command line."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(daemon=True)
        self._configuration = configuration
        self._stop_now = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_now.set()
        self.join(10)

    def run(self) -> None:
        """Step until told to stop."""
        loop = Respond(
            database=self._configuration.hub.database,
            clock=SystemClock(),
            health=Health(),
            wake=lambda *_: None,
            network=self._configuration.network,
            people=self._configuration.people,
            composer=compose,
            backlog_wait_s=0.0,
        )
        while not self._stop_now.wait(0.01):
            loop.step()
        loop.close()


def test_check_accepts_and_names_what_would_run(folder: Path, capsys: Captured) -> None:
    """A good configuration exits 0 and names every site with who answers for it."""
    assert run(folder, "check") == 0
    out = capsys.readouterr().out
    assert "qingxi-bridge: Bridge quarter, Lin Wei / Chen Yu" in out
    assert "history is limited to the local log" in out
    assert "TOCSIN_SMS_TOKEN" in out


def test_check_speaks_chinese(folder: Path, capsys: Captured) -> None:
    """The same in Chinese."""
    assert run(folder, "check", lang="zh") == 0
    assert "配置正确" in (out := capsys.readouterr().out)
    assert "桥头片区，林薇 / 陈宇" in out


def test_check_refuses_with_2_and_one_line_each(folder: Path, capsys: Captured) -> None:
    """Two mistakes are two lines on stderr with file and key, and nothing on stdout."""
    path = folder / "hub.toml"
    text = path.read_text("utf-8").replace("grace_s", "gracee_s").replace('"embedded"', '"embeded"')
    path.write_text(text, "utf-8")
    assert run(folder, "check") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[:3] for line in err.splitlines()] == [
        ["tocsin", str(path), "hub.gracee_s"],
        ["tocsin", str(path), "broker.kind"],
    ] or len(err.splitlines()) == 2
    assert "did you mean 'grace_s'?" in err


def test_check_refuses_what_a_channel_refuses(folder: Path, capsys: Captured) -> None:
    """An option that no channel of this kind has is found without starting anything."""
    path = folder / "hub.toml"
    path.write_text(path.read_text("utf-8").replace("sender =", "sendr ="), "utf-8")
    assert run(folder, "check") == 2
    assert "hub.toml: channel[0]: channel.sms.sendr is unknown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rule", "key", "words"),
    [
        ('detector = "levl"', "rule[0].detector", "did you mean 'level'?"),
        (
            'detector = "rate"\noptions = { windw_s = 60 }',
            "rule[0].options.windw_s",
            "did you mean 'window_s'?",
        ),
        ('detector = "stale"\noptions = { missed = -1 }', "rule[0].options", "missed"),
    ],
)
def test_check_refuses_what_a_detector_refuses(
    folder: Path, capsys: Captured, rule: str, key: str, words: str
) -> None:
    """An unknown detector, and an option or a value that it refuses, are named by key."""
    (folder / "rules.toml").write_text(f'[[rule]]\nname = "x"\n{rule}\n', "utf-8")
    assert run(folder, "check") == 2
    err = capsys.readouterr().err
    assert f"tocsin: {folder / 'rules.toml'}: {key}: " in err
    assert words in err


def test_check_refuses_a_payload_nobody_reads(folder: Path, capsys: Captured) -> None:
    """A mapping's kind must have a decoder."""
    path = folder / "hub.toml"
    path.write_text(path.read_text("utf-8").replace('kind = "flat"', 'kind = "flatt"'), "utf-8")
    assert run(folder, "check") == 2
    assert "mapping[0].kind: no payload kind is 'flatt'" in capsys.readouterr().err


def test_run_says_which_secrets_to_set_or_what_to_take_out(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped channels without their secrets stop the start with all of what to do."""
    for name in ("TOCSIN_SMS_ACCOUNT", "TOCSIN_SMS_TOKEN", "TOCSIN_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert run(folder, "run") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("variable ")[1].split()[0] for line in lines] == [
        "TOCSIN_SMS_ACCOUNT", "TOCSIN_SMS_TOKEN", "TOCSIN_WEBHOOK_SECRET",
    ]  # fmt: skip
    assert all(str(folder / "hub.toml") in line for line in lines)
    assert "set it, or take the [[channel]] 'sms' out of hub.toml" in lines[0]


def test_nothing_is_made_where_no_hub_ran(folder: Path, capsys: Captured) -> None:
    """Without a database the commands say so, exit 1 and create none."""
    assert run(folder, "incidents") == 1
    assert "no hub has run here yet" in capsys.readouterr().err
    assert not (folder.parent / "data").exists()


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("RED", "triggered", "present", "Flood")),
                        ("zh", ("红色", "待接警", "险情仍在", "洪水"))],
)  # fmt: skip
def test_incidents_in_both_languages(
    folder: Path, flood: Incident, capsys: Captured, lang: str, words: tuple[str, ...]
) -> None:
    """Open incidents show code, level, state and headline in the reader's language."""
    assert run(folder, "incidents", lang=lang) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in (*words, flood.code))


def test_incidents_as_json(folder: Path, flood: Incident, capsys: Captured) -> None:
    """--json gives the incidents as data."""
    assert run(folder, "incidents", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["severity"]) == (flood.id, "extreme")


@pytest.mark.usefixtures("connection")
def test_no_incidents_is_said(folder: Path, capsys: Captured) -> None:
    """An empty book is a sentence, not silence."""
    assert run(folder, "incidents", lang="zh") == 0
    assert "没有未解除的事件" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("A7K RED flood", "4.5 m danger", "+6 m/h", "above=4.5", "pass 9, suspect 1",
                "fail 1, missing 1", "2026-11-24 14:51:00 +08:00", "Lin Wei", "inflatable boat",
                "lin-wei · sms +15…0101", "delivered, attempt 2")),
        ("zh", ("A7K 红色 洪水", "4.5 米 危险", "合格 9, 可疑 1", "林薇", "橡皮艇", "已送达")),
    ],
)  # fmt: skip
def test_explain_shows_why_and_who(
    folder: Path, flood: Incident, capsys: Captured, lang: str, words: tuple[str, ...]
) -> None:
    """Chart, parameters, quality, times, people and what came of each page, numbers masked."""
    assert run(folder, "explain", flood.code.lower(), lang=lang) == 0
    out = capsys.readouterr().out
    assert [word for word in words if word not in out] == []
    assert "+15550100101" not in out
    assert "\x1b" not in out


def test_explain_as_json_keeps_the_window(folder: Path, flood: Incident, capsys: Captured) -> None:
    """--json holds the whole input window and no full number."""
    assert run(folder, "explain", flood.id, "--json") == 0
    out = capsys.readouterr().out
    case = json.loads(out)
    assert len(case["conditions"][0]["evidence"]["window"]) == 12
    assert "+15550100101" not in out


def test_explain_tells_the_timeline_to_a_person(
    folder: Path, connection: sqlite3.Connection, flood: Incident, capsys: Captured
) -> None:
    """The timeline has local times and words, no microseconds, offsets or hashes of rows."""
    at_us = flood.raised_us
    body: dict[str, Detail] = {"time_us": at_us, "offset": 4711, "found_late": False, "limit": 4.5}
    with transaction(connection):
        entry = Entry(incident=flood.id, at_us=at_us, kind="raised", by="", body=body)
        Book(connection).add_entry(entry)
    assert run(folder, "explain", flood.id) == 0
    out = capsys.readouterr().out
    assert str(at_us) not in out
    assert "4711" not in out
    assert "found_late False" not in out
    assert "limit 4.5" in out


@pytest.mark.usefixtures("flood")
def test_explain_of_nothing(folder: Path, capsys: Captured) -> None:
    """An unknown incident is one line on stderr and exit 1."""
    assert run(folder, "explain", "ZZZ") == 1
    assert "no incident is called 'ZZZ'" in capsys.readouterr().err


def test_quarantine_counts_what_came_again(
    folder: Path, connection: sqlite3.Connection, capsys: Captured
) -> None:
    """A payload that was sent three times is one line with its count and last time."""
    for at_us in (1_000_000, 61_000_000, 121_000_000):
        Log(connection).quarantine(
            received_us=at_us, door="mqtt", reason="not JSON", payload=b"{again", topic="t"
        )
    assert run(folder, "quarantine") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert " ×3 (" in line
    assert ":02:01" in line


@pytest.mark.usefixtures("flood")
def test_quarantine_shows_reason_and_payload(folder: Path, capsys: Captured) -> None:
    """Each entry has its reason; --show prints the payload without its control characters."""
    assert run(folder, "quarantine") == 0
    assert "om-hall-01/obs  whole message  not JSON" in capsys.readouterr().out
    assert run(folder, "quarantine", "--show", "1") == 0
    out = capsys.readouterr().out
    assert "{oops" in out
    assert "\x1b" not in out
    assert run(folder, "quarantine", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["reason"] == "not JSON"


ACTIONS = {
    ("ack", "A7K"): (ActionKind.ACKNOWLEDGE, "A7K", {}),
    ("resolve", "A7K", "--reason", "water fell"): (
        ActionKind.RESOLVE, "A7K", {"reason": "water fell"},
    ),
    ("escalate", "A7K"): (ActionKind.ESCALATE, "A7K", {}),
    ("stand-down", "A7K"): (ActionKind.STAND_DOWN, "A7K", {}),
    ("arrived", "A7K"): (ActionKind.ARRIVED, "A7K", {}),
    ("false-alarm", "A7K"): (ActionKind.FALSE_ALARM, "A7K", {}),
    ("note", "A7K", "boat is out"): (ActionKind.NOTE, "A7K", {"text": "boat is out"}),
    ("hand-over", "A7K", "--to", "chen-yu"): (ActionKind.HAND_OVER, "A7K", {"to": "chen-yu"}),
    ("open", "old-mill", "fire", "smoke seen", "--severity", "extreme"): (
        ActionKind.OPEN, "old-mill",
        {"site": "old-mill", "hazard": "fire", "severity": "extreme", "text": "smoke seen"},
    ),
    ("test", "lin-wei"): (ActionKind.TEST, "lin-wei", {}),
}  # fmt: skip


@pytest.mark.usefixtures("flood")
@pytest.mark.parametrize("words", list(ACTIONS), ids=lambda words: words[0])
def test_an_action_is_logged_and_answered(
    folder: Path,
    configuration: Configuration,
    connection: sqlite3.Connection,
    capsys: Captured,
    words: tuple[str, ...],
) -> None:
    """Each acting command appends exactly its action, and the hub's answer is printed."""
    with Hub(configuration):
        assert run(folder, *words, "--by", "lin-wei", lang="zh") == 0
    (action,) = Log(connection).actions(0, 10)
    kind, target, details = ACTIONS[words]
    assert (action.kind, action.target, action.details) == (kind, target, details)
    assert (action.by, action.via) == ("lin-wei", "cli")
    result = Book(connection).action_result(action.offset)
    assert result is not None
    assert result.words_zh
    assert capsys.readouterr().out.strip() == result.words_zh


def test_an_acknowledgement_stops_the_paging(
    folder: Path, configuration: Configuration, connection: sqlite3.Connection, flood: Incident
) -> None:
    """After tocsin ack the book says who took it, through the hub's own loop."""
    with Hub(configuration):
        assert run(folder, "ack", flood.code, "--by", "chen-yu") == 0
    found = Book(connection).incident(flood.id)
    assert found is not None
    assert (found.status, found.acknowledged_by) == (Status.ACKNOWLEDGED, "chen-yu")


@pytest.mark.usefixtures("connection")
def test_a_refused_action_exits_1(
    folder: Path, configuration: Configuration, capsys: Captured
) -> None:
    """What the hub refuses is said with its own words, as data too."""
    with Hub(configuration):
        assert run(folder, "ack", "ZZZ", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["answered"]) == (False, True)
    assert "ZZZ" in answer["words_en"]


def test_without_a_hub_the_action_waits_in_the_log(
    folder: Path, connection: sqlite3.Connection, capsys: Captured
) -> None:
    """Nobody answers in time: it is said, the action stays for the next hub, exit 1."""
    assert run(folder, "ack", "A7K", "--wait", "0.1") == 1
    assert "no hub answered in 0.1 s" in capsys.readouterr().out
    assert [action.kind for action in Log(connection).actions(0, 10)] == [ActionKind.ACKNOWLEDGE]


def test_mute_takes_stream_end_and_reason(
    folder: Path, connection: sqlite3.Connection, capsys: Captured
) -> None:
    """The end is an instant of the hub's clock, also when that clock is simulated."""
    clock = {"wall_start_us": time.time_ns() // 1000, "simulated_start_us": NOON_US, "rate": 1.0}
    with transaction(connection):
        connection.execute("INSERT INTO meta VALUES ('clock', ?)", (json.dumps(clock),))
    words = ("mute", "qx-bridge-01/stage", "--until", "2h", "--reason", "cleaning the gauge")
    assert run(folder, *words, "--wait", "0.05") == 1
    capsys.readouterr()
    (action,) = Log(connection).actions(0, 10)
    assert action.details["reason"] == "cleaning the gauge"
    assert 0 <= action.details["until_us"] - NOON_US - 7_200_000_000 < 60_000_000
    assert 0 <= action.at_us - NOON_US < 60_000_000


def test_a_mute_holds_until_it_is_taken_back(
    folder: Path, configuration: Configuration, connection: sqlite3.Connection
) -> None:
    """Mute and unmute go through the hub's own loop; a second unmute has nothing to end."""
    with Hub(configuration):
        mute = ("mute", "qx-bridge-01/stage", "--until", "1h", "--reason", "cleaning")
        assert run(folder, *mute) == 0
        (held,) = Book(connection).mutes(time.time_ns() // 1000)
        assert (held.target, held.reason) == ("qx-bridge-01/stage", "cleaning")
        assert run(folder, "unmute", "qx-bridge-01/stage") == 0
        assert Book(connection).mutes(time.time_ns() // 1000) == []
        assert run(folder, "unmute", "qx-bridge-01/stage") == 1


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("mute", "qx-bridge-1/stage", "--until", "2h", "--reason", "x"), "qx-bridge-01/stage"),
        (("test", "lin-wai"), "lin-wei"),
        (("open", "old-mil", "fire", "smoke"), "old-mill"),
    ],
)
def test_an_unknown_target_is_refused_before_it_is_logged(
    folder: Path,
    connection: sqlite3.Connection,
    capsys: Captured,
    words: tuple[str, ...],
    meant: str,
) -> None:
    """A misspelt stream, person or site is refused with what was meant; the log stays as it is."""
    assert run(folder, *words) == 2
    assert f"did you mean {meant!r}?" in capsys.readouterr().err
    assert Log(connection).actions(0, 10) == []


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("2h", 7200), ("30min", 1800), ("1d", 86400), ("13:00", 1200), ("12:00", 84000),
     ("2026-11-24T13:00", 1200), ("2026-11-24T05:00:00+00:00", 1200)],
)  # fmt: skip
def test_until_is_read_in_the_hubs_zone(words: str, seconds: int) -> None:
    """Spans count from now; a local time already past today is tomorrow's."""
    assert until(words, NOON_US, "Asia/Shanghai") - NOON_US == seconds * 1_000_000


@pytest.mark.parametrize("words", ["", "soon", "25:00", "0h", "2020-01-01T00:00", "99999999d"])
def test_until_refuses_nonsense_and_the_past(words: str) -> None:
    """A mute without a readable end in the future does not exist."""
    with pytest.raises(ConfigError):
        until(words, NOON_US, "Asia/Shanghai")


def test_usage_errors_exit_2(folder: Path, capsys: Captured) -> None:
    """A mute without reason, an unknown command and a rate of zero are usage errors."""
    for words in (("mute", "x", "--until", "1h"), ("nonsense",), ("demo", "--rate", "0")):
        with pytest.raises(SystemExit) as stopped:
            run(folder, *words)
        assert stopped.value.code == 2
    assert capsys.readouterr().out == ""


def test_the_language_follows_the_environment() -> None:
    """Chinese locales get Chinese, all else English; LC_ALL outranks LANG."""
    assert language_of({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language_of({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert language_of({}) == "en"


def test_options_may_stand_before_or_after_the_command(folder: Path, capsys: Captured) -> None:
    """--config and --lang work on both sides of the command's name."""
    assert main(["check", "--config", str(folder), "--lang", "zh"]) == 0
    assert "配置正确" in capsys.readouterr().out
