"""Row 5: a hub with little memory and few files, its doors held open by idle callers."""

from __future__ import annotations

import json
import re
import shutil
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ordeal.city import Size
from ordeal.episode import Plan, at_work, rest, seeded, told
from ordeal.rows.mixed import SUMMED
from ordeal.strikes import Strike
from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from ordeal.stage import Stage
    from ordeal.verdict import Given

AROUND_S: Final = 20.0
MEMORY: Final = 1_500_000_000  # bytes of address space: libraries and stacks are most of it
FILES: Final = 128
CALLERS: Final = 400
RESIDENT_MB: Final = 400  # as bench/README.md states it
ROUND_S: Final = 16.0
HELD_S: Final = 6.0
DOWN_S: Final = 4.0
CONNECT_S: Final = 0.02
PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A city whose hub may open few files; idle callers take them, then a backlog comes."""

    name: str = "memory and files"
    number: int = 5
    fault: str = (
        f"hub limited to {MEMORY / 1e9:.1f} GB of addresses and {FILES} files; {CALLERS} idle "
        "callers at its door, then a backlog"
    )
    required: str = f"nothing lost; each incident told; at most {RESIDENT_MB} MB resident; no crash"
    weight: float = 1.0

    def __call__(self, given: Given) -> Verdict:
        """Hold its door, let go, kill it with a backlog to come, and again."""
        program = shutil.which("prlimit")
        if program is None:
            reason = "prlimit: not proven here, it is not on PATH"
            return Verdict(figure="", passed=False, skipped=reason)
        span_s = max(given.seconds - AROUND_S, 25.0)
        plan = Plan(
            size=Size(span_s=span_s, step_s=0.04, crowd=max(round(span_s * 0.4), 6)),
            troubled=False,
            hub_before=(program, f"--as={MEMORY}", f"--nofile={FILES}", "--"),
        )
        seed, peaks = f"{given.seed}/{self.name}", [0.0]
        with at_work(given.folder, seed, plan) as stage:
            while stage.now_s < span_s - ROUND_S / 2:
                crowded(stage)
                peaks.append(peak_mb(stage))
                stage.strike(Strike(at_s=stage.now_s, kind="hub", down_s=DOWN_S), seeded(seed))
                stage.rest(ROUND_S - HELD_S - DOWN_S)
            peaks.append(peak_mb(stage))
            account, wrong = rest(stage)
            if max(peaks) > RESIDENT_MB:
                wrong.append(f"{max(peaks):.0f} MB resident")
            (given.folder / "account.json").write_text(json.dumps(account), "utf-8")
            if wrong:
                (given.folder / "wrong.txt").write_text(told(stage, account, wrong), "utf-8")
        return verdict_of(account, wrong, max(peaks))


def crowded(stage: Stage) -> None:
    """Keep more callers at the hub's door than it has files, for a while."""
    with ExitStack() as callers:
        for _ in range(CALLERS):
            caller = callers.enter_context(socket.socket())
            caller.settimeout(CONNECT_S)
            with suppress(OSError):
                caller.connect(("127.0.0.1", stage.scene.web_port))
                caller.send(b"GET / HTTP/1.1\r\n")
        stage.rest(HELD_S)


def peak_mb(stage: Stage) -> float:
    """Return the most memory that the hub's process has had resident, in MB."""
    if stage.hub.process is None:
        return 0.0
    with suppress(OSError):
        status = Path(f"/proc/{stage.hub.process.pid}/status").read_text("ascii", "replace")
        found = PEAK.search(status)
        return int(found.group(1)) * 1024 / 1e6 if found else 0.0
    return 0.0


def verdict_of(account: dict[str, Any], wrong: list[str], peak: float) -> Verdict:
    """Return the verdict."""
    figure = (
        f"{account['lost']} of {account['receipted']:,} lost; {account['notified']} of "
        f"{account['incidents']} told; {peak:.0f} MB resident at most; {account['kills']} kills"
    )
    said = "; ".join(wrong[:4])
    return Verdict(
        figure=f"{figure}; WRONG: {said}" if wrong else figure,
        passed=not wrong,
        numbers={key: float(account[key]) for key in SUMMED},
    )


LIMITS: Final = Limits()
