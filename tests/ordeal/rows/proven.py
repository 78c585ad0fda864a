"""Rows that tests of the repository show with real parts: run here again and counted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from ordeal.verdict import Given

ROOT: Final = Path(__file__).parents[3]
LIMIT_S: Final = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """``tests`` are pytest's names; every one has to run and to pass."""

    name: str
    number: int
    fault: str
    required: str
    tests: tuple[str, ...]
    weight: float = 0.3

    def __call__(self, given: Given) -> Verdict:
        """Run them in a process of their own."""
        report = given.folder / "report.xml"
        environment = dict(os.environ)
        if given.influxd:
            environment["TOCSIN_INFLUXD"] = given.influxd
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}",
             "-p", "no:cacheprovider", f"--randomly-seed={given.seed}",
             *self.tests],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            timeout=LIMIT_S,
        )  # fmt: skip
        return verdict_of(report, done.stdout)


def verdict_of(report: Path, said: str) -> Verdict:
    """Return what pytest's report comes to."""
    if not report.exists():
        return Verdict(figure=f"pytest ended early: {said[-200:]}", passed=False)
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314  pytest's own
    counts = {} if suite is None else suite.attrib
    tests, skipped = int(counts.get("tests", 0)), int(counts.get("skipped", 0))
    failed = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
    passed = tests - skipped - failed
    figure = f"{passed} of {tests} tests pass in {float(counts.get('time', 0)):.0f} s"
    return Verdict(figure=figure, passed=bool(tests) and passed == tests)


INGEST: Final = "tests/ingest/test_intake.py"
ESCALATION: Final = "tests/incident/test_escalation.py"
DOORS: Final = "tests/console/test_inbound_doors.py"
CHANNELS: Final = "tests/dispatch/test_channels.py"
SAMPLE: Final = "tests/config/test_mosquitto_sample.py"
PROVEN: Final = (
    Proven(
        name="spool full", number=7, fault="the broker away for longer than the spool lasts",
        required="routine readings go first, the oldest first, and each is counted and told",
        tests=(
            "edge/tests/test_edge_spool.py::test_receipted_leave_first_then_routine_then_alarming",
            "edge/tests/test_edge_spool.py::test_nothing_unreceipted_leaves_but_by_counted_eviction",
            "edge/tests/test_edge_sender.py::test_after_an_outage_alarming_then_newest_first",
            "edge/tests/test_edge_sender.py::test_backlog_does_not_starve_live_ones_nor_they_it",
            "edge/tests/test_edge_node.py::test_broker_outage_is_bridged",
        ),
    ),
    Proven(
        name="points refused", number=9, fault="InfluxDB refuses one point of a thousand (422)",
        required="999 written, one in quarantine with the server's reason",
        tests=(
            "tests/store/test_store_loop.py::test_one_rejected_point_of_a_thousand_goes_to_quarantine",
            "tests/store/test_store_loop.py::test_a_422_by_the_proxy_is_bisected_on_the_real_server",
        ),
    ),
    Proven(
        name="clock steps", number=11, fault="the hub's clock jumps forward and back",
        required="no timer early or lost",
        tests=(
            f"{ESCALATION}::test_a_stepped_clock_keeps_the_remaining_time",
            f"{ESCALATION}::test_a_timer_set_right_after_the_step_is_not_moved",
            f"{ESCALATION}::test_pages_written_before_the_clock_went_back_go_now",
        ),
        weight=0.1,
    ),
    Proven(
        name="summer time", number=12, fault="nights when clocks change, in several zones",
        required="exactly one shift holds, no hour without",
        tests=("tests/incident/test_roster.py",),
        weight=0.1,
    ),
    Proven(
        name="callbacks", number=20, fault="delivery reports twice, shuffled, early, forged",
        required="states only go forward; forged ones are refused and change nothing",
        tests=(
            f"{DOORS}::test_signed_status_is_taken_in",
            f"{DOORS}::test_unsigned_callbacks_are_refused",
            "tests/dispatch/test_inbound.py::test_only_the_exact_signed_request_holds",
            "tests/dispatch/test_deliver.py",
        ),
    ),
    Proven(
        name="hostile receivers", number=22,
        fault="webhook receivers that hang, drip, never end, redirect, or point inside",
        required="left in time, little read, no redirect followed, private addresses refused",
        tests=(
            f"{CHANNELS}::test_bad_receivers_are_left_in_time",
            f"{CHANNELS}::test_an_endless_body_is_not_read",
            f"{CHANNELS}::test_webhooks_stay_out_of_our_network",
            f"{CHANNELS}::test_gone_means_never_again",
        ),
    ),
    Proven(
        name="strange publishers", number=26,
        fault="another's topic, a wrong password, retained and captured messages",
        required="refused by the shipped ACL or by the hub; nothing is live that is not",
        tests=(
            f"{SAMPLE}::test_a_node_writes_its_own_topics_only",
            f"{SAMPLE}::test_a_node_reads_its_own_receipts_only",
            f"{SAMPLE}::test_a_wrong_password_is_refused",
            f"{INGEST}::test_retained_observation_is_never_live",
            f"{INGEST}::test_duplicate_after_a_restart",
            f"{INGEST}::test_same_number_with_other_content_is_refused",
            f"{INGEST}::test_node_under_another_site_is_set_aside",
        ),
    ),
    Proven(
        name="watcher", number=33,
        fault="hub killed, stopped, deaf or deciding nothing; the watcher itself silent",
        required="a person is told within 60 s by a path the hub does not own",
        tests=("tests/watcher/test_watch_hub.py",),
        weight=0.8,
    ),
    Proven(
        name="backup and restore", number=36,
        fault="the hub's data folder lost; a backup of a while ago is restored",
        required="what nodes still hold is asked for again; none lost, none paged twice",
        tests=("tests/backup/test_restore_drill.py", "tests/backup/test_archive.py"),
        weight=0.4,
    ),
    Proven(
        name="second hub", number=37, fault="a second hub on the same store",
        required="refused in words", tests=("tests/cli/test_run.py::test_a_second_hub_is_refused",),
        weight=0.1,
    ),
)  # fmt: skip
