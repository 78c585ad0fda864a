"""The rows of bad input: one for each door, each with its seeds and its generator."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ordeal.doors import folders, messages, nodes, replies, requests, schema, targets
from ordeal.doors.base import Door, Tally, press
from ordeal.doors.console import ConsoleDoor, plain
from ordeal.doors.intake import IntakeDoor
from ordeal.doors.running import RunningDoor
from ordeal.verdict import Given, Verdict

ROOT: Final = Path(__file__).parents[3]
CONFIG: Final = ROOT / "config"
NUMBER: Final = 38  # after the catalogue's 37: its part 3, the corpus of bad input
MOST_GROWN_MB: Final = 100.0
REQUIRED: Final = (
    "taken, set aside with a reason or refused in words; no exception, no 5xx, no harmed neighbour"
)
SECRET: Final = "whsec_" + "QUJD" * 8
UNITS: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRow:
    """Everything hostile at one door; ``batch`` inputs have one good neighbour at least."""

    name: str
    fault: str
    weight: float
    make: Callable[[Path], Door]
    batch: int = 500
    number: int = NUMBER
    required: str = REQUIRED

    def __call__(self, given: Given) -> Verdict:
        """Press the door for the row's share of the time."""
        door = self.make(given.folder)
        try:
            dice = random.Random(f"{given.seed} {self.name}")  # noqa: S311  no secret
            tally = press(door, dice, given.seconds, batch=self.batch)
        finally:
            door.close()
        return verdict_of(tally, given)


def verdict_of(tally: Tally, given: Given) -> Verdict:
    """Return a tally as a verdict; what crashed is said, and kept in the row's folder."""
    if tally.grown_mb > MOST_GROWN_MB:
        tally.blame(f"memory grew by {tally.grown_mb:.0f} MB, at most {MOST_GROWN_MB:.0f}")
    if tally.crashes:
        (given.folder / "crashes.txt").write_text("\n".join(tally.crashes), "utf-8")
        given.say(f"{tally.door}: {tally.crashes[0]}")
    return Verdict(
        figure=f"{tally.words()}; memory +{tally.grown_mb:.0f} MB",
        passed=tally.crashed == 0 and tally.inputs > 0,
        numbers={"hostile_inputs": tally.inputs, "crashes": tally.crashed},
    )


def token_in(folder: Path) -> Path:
    """Return a file with a secret."""
    file = folder / "secret"
    file.write_text(SECRET, "utf-8")
    return file


def reports(folder: Path) -> Door:
    """Return the door of delivery reports."""
    known = replies.Reports()
    return ConsoleDoor("report", folder, known.make, lambda _: iter(()), known.judge)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRow:
    """The HTTP API as its own document describes it."""

    name: str = "http-schema"
    fault: str = "HTTP requests made from the OpenAPI document by schemathesis, good and bad"
    required: str = "no 5xx, and every answer as documented"
    weight: float = 0.8
    number: int = NUMBER

    def __call__(self, given: Given) -> Verdict:
        """Let schemathesis ask."""
        command = schema.program()
        if command is None:
            return Verdict(
                figure="-", passed=False, skipped="schemathesis is not installed: make setup-dev"
            )
        return verdict_of(
            schema.press_schema(given.folder, given.seed, given.seconds, command), given
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzRow:
    """Inputs that atheris finds by the lines they reach in the decoders."""

    name: str = "decoders"
    fault: str = "coverage-guided fuzzing of decoders, topics, replies and receipts (atheris)"
    required: str = "read or refused; no other exception"
    weight: float = 0.8
    number: int = NUMBER

    def __call__(self, given: Given) -> Verdict:
        """Fuzz each target in a process of its own."""
        try:
            import atheris  # noqa: F401, PLC0415  only on some machines
        except ImportError:
            return Verdict(
                figure="-", passed=False, skipped="atheris is made for Linux on x86-64 only"
            )
        tally = Tally(self.name)
        names = ("native", "flat", "state", "topic", "sms", "receipt")
        for name in names:
            fuzz(name, given, max(given.seconds / len(names), 2.0), tally)
        verdict = verdict_of(tally, given)
        counts = {"fuzzed": tally.inputs, "crashes": tally.crashed}  # not among hostile_inputs
        return replace(verdict, numbers=counts)


def fuzz(name: str, given: Given, seconds: float, tally: Tally) -> None:
    """Fuzz one target and add what came of it."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "edge"), str(ROOT / "tests")])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ordeal.doors.fuzz",
            name,
            f"{seconds:.0f}",
            str(given.seed % 2**31 + 1),
            str(given.folder),
        ],
        capture_output=True,
        text=True,
        cwd=given.folder,
        timeout=4 * seconds + 120,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    found = UNITS.search(done.stderr)
    tally.inputs += int(found[1]) if found else 0
    tally.outcomes[name] += int(found[1]) if found else 0
    if done.returncode != 0 or not found:
        tally.blame(f"{name}: {(done.stdout + done.stderr)[-1500:]}")


DOORS: Final = (
    DoorRow(
        name="mqtt-payload",
        fault="hostile MQTT payloads",
        weight=1.5,
        make=lambda f: IntakeDoor(
            "payload", f, CONFIG, messages.payloads, lambda: messages.seeds("payload")
        ),
    ),
    DoorRow(
        name="mqtt-topic",
        fault="hostile MQTT topics",
        weight=0.4,
        make=lambda f: IntakeDoor(
            "topic", f, CONFIG, messages.topics, lambda: messages.seeds("topic")
        ),
    ),
    DoorRow(
        name="time-and-number",
        fault="impossible times, counts and sequence numbers",
        weight=0.8,
        make=lambda f: IntakeDoor(
            "time", f, CONFIG, messages.times, lambda: messages.seeds("time")
        ),
    ),
    DoorRow(
        name="http",
        fault="hostile HTTP: verbs, paths, headers, bodies, framing",
        weight=1.0,
        batch=100,
        make=lambda f: ConsoleDoor("http", f, requests.requests, requests.seeds, plain),
    ),
    DoorRow(
        name="sms",
        fault="hostile SMS: forged, replayed, nearly right",
        weight=0.6,
        batch=100,
        make=lambda f: ConsoleDoor("sms", f, replies.texts, replies.seeds, replies.judge_text),
    ),
    DoorRow(
        name="report",
        fault="delivery reports forged, shuffled, repeated",
        weight=0.3,
        batch=100,
        make=reports,
    ),
    DoorRow(
        name="config",
        fault="configuration gone wrong",
        weight=0.6,
        batch=50,
        make=lambda f: folders.ConfigDoor(f, CONFIG),
    ),
    DoorRow(
        name="webhook-target",
        fault="webhooks pointed into our own network",
        weight=0.3,
        batch=200,
        make=lambda f: targets.TargetDoor(f, token_in(f)),
    ),
    DoorRow(
        name="reply",
        fault="hostile answers of receivers and providers",
        weight=0.4,
        batch=200,
        make=lambda f: targets.ReplyDoor(f, token_in(f)),
    ),
    DoorRow(
        name="receipt",
        fault="hostile receipts at a node",
        weight=0.3,
        batch=200,
        make=nodes.ReceiptDoor,
    ),
    DoorRow(
        name="spool",
        fault="a node's spool file damaged",
        weight=0.4,
        batch=20,
        make=nodes.SpoolDoor,
    ),
    DoorRow(
        name="running-hub",
        fault="a sample of hostile MQTT and HTTP at a running hub with its own broker",
        weight=0.8,
        batch=100,
        make=lambda f: RunningDoor(f, CONFIG),
    ),
    SchemaRow(),
    FuzzRow(),
)
