"""The Ordeal's own runner: what fails fails the run, and what is added up is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ordeal.rows.proven import Proven
from ordeal.run import main, name_of
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A made-up row."""

    does: Callable[[Given], Verdict]
    name: str = "made up"
    number: int = 99
    fault: str = "a fault | with a bar"
    required: str = "something"
    weight: float = 1.0

    def __call__(self, given: Given) -> Verdict:
        """Do what it was made for."""
        return self.does(given)


def passes(given: Given) -> Verdict:
    """Pass, and say what the share was."""
    return Verdict(
        figure=f"{given.seconds:.0f} s", passed=True, numbers={"receipted": 10, "kills": 2}
    )


def fails(_: Given) -> Verdict:
    """Fail, with one lost."""
    return Verdict(figure="1 lost", passed=False, numbers={"receipted": 5, "lost": 1})


def raises(_: Given) -> Verdict:
    """Raise."""
    raise ValueError("no such place")


def dies(_: Given) -> Verdict:
    """End the interpreter itself."""
    os.kill(os.getpid(), 9)
    raise AssertionError


def litters(_: Given) -> Verdict:
    """Leave a process behind."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return Verdict(figure="fine, it says", passed=True)


def skips(reason: str) -> Callable[[Given], Verdict]:
    """Return a row's work that is skipped for ``reason``."""
    return lambda _: Verdict(figure="", passed=False, skipped=reason)


def run(capsys: pytest.CaptureFixture[str], *rows: Made) -> tuple[int, dict[str, Any]]:
    """Run rows and return (exit code, the document)."""
    code = main(["--seed", "7", "--minutes", "0.1", "--json"], rows)
    return code, json.loads(capsys.readouterr().out)


def test_all_passing_rows_pass_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are added up over rows, and time is divided by weight."""
    code, whole = run(capsys, Made(does=passes, weight=1.0), Made(does=passes, weight=2.0))
    assert code == 0
    assert whole["passed"]
    assert whole["sums"]["receipted"] == 20
    assert whole["sums"]["kills"] == 4
    assert [row["figure"] for row in whole["rows"]] == ["2 s", "6 s"], "what is left is passed on"


@pytest.mark.parametrize(
    ("does", "figure"),
    [
        (fails, "1 lost"),
        (raises, "raised ValueError: no such place"),
        (dies, "its process ended with status -9"),
        (skips("  "), ""),
        (skips(""), ""),
    ],
)
def test_a_failing_row_fails_the_run_and_does_not_end_it(
    capsys: pytest.CaptureFixture[str], does: Callable[[Given], Verdict], figure: str
) -> None:
    """A row that fails, raises, dies or is skipped for no reason fails the run; the next plays."""
    code, whole = run(capsys, Made(does=does), Made(does=passes))
    assert code == 1
    assert not whole["passed"]
    assert [row["passed"] for row in whole["rows"]] == [False, True]
    assert whole["rows"][0]["figure"] == figure


def test_a_skip_that_says_why_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stated reason excuses, but not a missing program where all has to be proven."""
    monkeypatch.delenv("TOCSIN_REQUIRE_PROGRAMS", raising=False)
    reason = "mosquitto: not proven here, it is not on PATH"
    assert run(capsys, Made(does=skips(reason)))[0] == 0
    monkeypatch.setenv("TOCSIN_REQUIRE_PROGRAMS", "1")
    assert run(capsys, Made(does=skips(reason)))[0] == 1
    assert run(capsys, Made(does=skips("the kernel cannot do it")))[0] == 0


def test_a_row_that_leaves_a_process_behind_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a row started is ended with it, and that is held against it."""
    monkeypatch.setattr("ordeal.run.LEFT_S", 0.2)
    code, whole = run(capsys, Made(does=litters))
    assert code == 1
    assert "left processes behind" in whole["rows"][0]["figure"]


def test_a_row_that_hangs_is_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row holds up the run for ever."""
    monkeypatch.setattr("ordeal.run.OVERTIME_S", 0.0)

    def hangs(_: Given) -> Verdict:
        time.sleep(600)
        raise AssertionError

    code, whole = run(capsys, Made(does=hangs, weight=0.01), Made(does=passes, weight=1.0))
    assert code == 1
    assert "did not end within" in whole["rows"][0]["figure"]


def test_no_rows_are_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """A run of nothing proves nothing."""
    assert run(capsys)[0] == 1


def test_single_rows_by_name_or_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--only takes the row's number or name; --out writes the table for people."""
    rows = (Made(does=passes, name="One"), Made(does=fails, name="two", number=98))
    table = tmp_path / "table.md"
    assert main(["--only", "one", "--minutes", "0.01", "--out", str(table)], rows) == 0
    assert main(["--only", "98", "--minutes", "0.01"], rows) == 1
    with pytest.raises(SystemExit, match="99-one"):
        main(["--only", "three"], rows)
    assert "| 99 | a fault \\| with a bar | something |" in table.read_text("utf-8")
    assert name_of(rows[1]) == "98-two"
    capsys.readouterr()


def test_what_failed_is_played_once_more_and_both_figures_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --again a row passes at its second try and says so; what fails twice fails."""

    def second(given: Given) -> Verdict:
        return Verdict(figure=f"seed {given.seed}", passed=given.seed == 8)

    words = ["--seed", "7", "--minutes", "0.1", "--json", "--again"]
    assert main(words, [Made(does=second)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["figure"] == "seed 8 (second try; first: seed 7)"
    assert main(words, [Made(does=fails)]) == 1


def test_rows_that_only_run_tests_are_left_out_after_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--after-tests is for CI, which has just run every test."""
    again = Proven(name="again", number=1, fault="none", required="none", tests=("tests/none.py",))
    words = ["--minutes", "0.01", "--json"]
    assert main([*words, "--after-tests"], [Made(does=passes), again]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 1
    assert main(words, [Made(does=passes), again]) == 1
    capsys.readouterr()
