"""What processes cost: CPU time and memory read from /proc, by what they are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
PROC: Final = Path("/proc")
IDLE: Final = (3, 4)  # idle, iowait in /proc/stat


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start and memory in MB of one group; what is shared counts twice."""

    cpu_s: float = 0.0
    rss_mb: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, self.rss_mb + other.rss_mb)


def usage(pid: int) -> Usage:
    """Return what one process has used; nothing once it is gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return Usage()
    ticks = int(fields[11]) + int(fields[12])
    return Usage(ticks * TICK_S, of_status(status, "VmRSS"))


def shared_out_mb(pids: Iterable[int]) -> float:
    """Return the memory of processes together, pages that several use counted once (PSS)."""
    total = 0.0
    for pid in pids:
        try:
            total += of_status((PROC / str(pid) / "smaps_rollup").read_text(), "Pss")
        except OSError:
            continue
    return total


def of_status(status: str, key: str) -> float:
    """Return a line of /proc/PID/status in MB."""
    lines = (line for line in status.splitlines() if line.startswith(key + ":"))
    return next((int(line.split()[1]) / 1024 for line in lines), 0.0)


def tree(root: int) -> list[int]:
    """Return ``root`` and every process below it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def name_of(pid: int) -> str:
    """Return the name of the program that ``pid`` runs."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def hub_pids(root: int) -> list[int]:
    """Return the hub's process and its workers, without the broker it started."""
    return [pid for pid in tree(root) if not name_of(pid).startswith("nats")]


def hub_usage(root: int) -> dict[str, Usage]:
    """Return the usage of the hub, of its workers and of the broker it started, by name."""
    groups = {"hub": usage(root), "workers": Usage(), "broker": Usage()}
    for pid in tree(root)[1:]:
        group = "broker" if name_of(pid).startswith("nats") else "workers"
        groups[group] += usage(pid)
    return groups


def busy_s() -> float:
    """Return the CPU seconds that this machine was busy since its start, all cores together."""
    fields = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return sum(field for place, field in enumerate(fields) if place not in IDLE) * TICK_S


def own_s() -> float:
    """Return the CPU seconds of this process and of the children it has waited for."""
    return sum(os.times()[:4])


def machine() -> str:
    """Return the machine in words: processor, cores, memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((ln.split(":")[1].strip() for ln in lines if ln.startswith("model name")), "CPU")
    memory = of_status((PROC / "meminfo").read_text(), "MemTotal") / 1024
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB"
