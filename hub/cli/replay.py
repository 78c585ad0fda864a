"""``tocsin replay FILE``: what recorded data would have raised, and when."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.show import coloured, columns, local_time, print_json, printable
from hub.cli.words import of_pair, say
from hub.config import read_config
from hub.dispatch.words import LEVELS
from hub.words import Words

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands
    from hub.flow.replay import Replayed
    from hub.model.incident import Incident
    from hub.model.network import Network
    from hub.model.transition import Transition


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    words = Words(
        "recorded data through the hub's own code: what would have been raised, and when",
        "用中心自身的程序回放记录：何时会报什么警",
    )
    parser = commands.add_parser("replay", parents=[shared], help=words)
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help=Words(
            "CSV, also .gz: time,sensor,kind,unit,value",
            "CSV 文件，可为 .gz：time,sensor,kind,unit,value",
        ),
    )
    parser.add_argument(
        "--json", action="store_true", help=Words("one JSON object", "输出一个 JSON 对象")
    )
    parser.set_defaults(run=replay)


def replay(args: argparse.Namespace) -> int:
    """Play a recording on a virtual clock; touches no network and no data of the hub."""
    from hub.flow.recording import read_rows  # noqa: PLC0415
    from hub.flow.replay import replay_file  # noqa: PLC0415  every detector

    configuration = read_config(args.config)
    found = replay_file(
        args.file,
        network=recorded(configuration.network, {row.sensor for row in read_rows(args.file)}),
        people=configuration.people,
        rules=configuration.rules,
        progress=progress if sys.stderr.isatty() else None,
    )
    if args.json:
        print_json({"transitions": found.transitions, "incidents": found.incidents,
                    "pages": found.pages})  # fmt: skip
        return 0
    for line in report(found, configuration.hub.zone, args.lang):
        print(line)
    return 0


def recorded(network: Network, sensors: set[str]) -> Network:
    """Return ``network`` with the recorded datastreams alone: the others are not silent here."""
    streams = network.datastreams.items()
    kept = {key: s for key, s in streams if s.id in sensors or s.name in sensors}
    return replace(network, datastreams=kept)


def progress(share: float) -> None:
    """Show how much is done, on one line of stderr."""
    end = "\n" if share >= 1.0 else ""
    print(f"\r{share:4.0%}", end=end, file=sys.stderr, flush=True)


def report(found: Replayed, zone: str, language: str) -> list[str]:
    """Return the transitions, then the incidents, then the pages, each in order of time."""
    rows = [cells(step, zone, language) for step in found.transitions]
    lines = columns(rows) if rows else []
    shown = [coloured(line, s.severity) for line, s in zip(lines, found.transitions, strict=True)]
    return [
        say(language, "would raise", count=len(rows)),
        *(f"  {line}" for line in shown),
        say(language, "would open", count=len(found.incidents)),
        *(f"  {opened_line(incident, zone, language)}" for incident in found.incidents),
        say(language, "would page", count=len(found.pages)),
        *(f"  {local_time(p.at_us, zone)}  {printable(p.text)}" for p in found.pages),
    ]


def cells(step: Transition, zone: str, language: str) -> tuple[str, ...]:
    """Return one transition: when, what, how grave, of which rule and stream, in words."""
    late = f" {say(language, 'found late')}" if step.found_late else ""
    words = of_pair(language, step.evidence.words_en, step.evidence.words_zh)
    return (
        local_time(step.time_us, zone),
        say(language, step.change) + late,
        of_pair(language, *LEVELS[step.severity]),
        step.key,
        printable(words),
    )


def opened_line(incident: Incident, zone: str, language: str) -> str:
    """Return one incident: when it would have been opened, and its headline."""
    headline = of_pair(language, incident.headline_en, incident.headline_zh)
    level = of_pair(language, *LEVELS[incident.severity])
    return printable(f"{local_time(incident.triggered_us, zone)}  {level}  {headline}")
