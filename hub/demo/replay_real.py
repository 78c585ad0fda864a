"""Recorded floods and fires through a real broker, the real node and the real hub, at speed.

The hub's clock follows the node's ``sent``, which moves on only as receipts come. An
officer takes every page at once and closes an incident when its conditions are past, so
that a second flood in the same recording is an incident of its own.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.clock import MICROSECONDS
from hub.demo.processes import DemoError, wait_for_port
from hub.demo.recordings import Recording, node_table, read_recordings, site_table
from hub.demo.scene import Scene, hub_program, program, provider_program, set_scene
from hub.demo.toml import to_toml
from hub.model.incident import ActionKind
from hub.store.book import Book
from hub.store.database import open_database
from hub.store.log import Log

if TYPE_CHECKING:
    from hub.demo.processes import Program
    from hub.demo.recordings import Happening

LONGEST_S: Final = 900.0
SETTLE_S: Final = 30.0
LOOK_S: Final = 0.03
OFFICER: Final = "replay-officer"
# The recorded instant that decided: how far the hub's clock runs ahead of watch is an
# accident of a replay at speed, and how long a page takes is what bench/pipeline measures.
PAGES: Final = """
SELECT n.incident, i.raised_us FROM notification n JOIN incident i ON i.id = n.incident
WHERE i.hazard NOT IN ('sensor', 'hub') GROUP BY n.incident ORDER BY 2
"""


def replay_real(given: Path, folder: Path, *, as_json: bool) -> int:
    """Replay every recording of ``folder`` and print a line for each; 0 if each led to a page."""
    recordings = read_recordings(folder)
    if not as_json:
        print(HEAD, flush=True)
    good = True
    for recording in recordings:
        row = replayed(given, recording)
        print(json.dumps(row) if as_json else line(row), flush=True)
        good = good and row["first_page"] is not None and not row["unread"]
    return 0 if good else 1


def replayed(given: Path, recording: Recording) -> dict[str, Any]:
    """Replay one recording in a scene of its own and return its row of the table."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-replay-"))
    scene = set_scene(given, folder, rate=0, port=0)
    node = recorder(scene, given, recording)
    began = time.monotonic()
    with ExitStack() as stack:
        for started, port in ((provider_program(scene), scene.provider_port),
                              (hub_program(scene), scene.web_port)):  # fmt: skip
            stack.callback(started.stop)
            started.start()
            wait_for_port(port, started)
        stack.callback(node.stop)
        node.start()
        attend(scene, node)
    row = judged(recording, scene)
    row["seconds"] = round(time.monotonic() - began, 1)
    shutil.rmtree(folder, ignore_errors=True)
    return row


def recorder(scene: Scene, given: Path, recording: Recording) -> Program:
    """Write the site and the node of ``recording`` into the scene; return the node."""
    place = first_site(given)
    shutil.rmtree(scene.config / "sites")
    (scene.config / "sites").mkdir()
    table = site_table(recording, place["latitude"], place["longitude"])
    (scene.config / "sites" / "recording.toml").write_text(to_toml(table), "utf-8")
    hub = tomllib.loads((scene.config / "hub.toml").read_text("utf-8"))
    hub.pop("mapping", None)
    (scene.config / "hub.toml").write_text(to_toml(hub), "utf-8")
    file = scene.folder / "recorder.toml"
    node = node_table(recording, scene.folder)
    node["broker"] = {"host": "127.0.0.1", "port": scene.broker_port, "reconnect_min_s": 0.2}
    file.write_text(to_toml(node), "utf-8")
    return program(scene, "recorder", "-m", "tocsin_edge", "replay", str(recording.path),
                   "--config", str(file), "--clock", "")  # fmt: skip


def first_site(given: Path) -> dict[str, Any]:
    """Return a site of the given configuration: its place lies in a cell for certain."""
    path = min((given / "sites").glob("*.toml"))
    return dict(tomllib.loads(path.read_text("utf-8"))["site"])


def attend(scene: Scene, node: Program) -> None:
    """Answer pages until the recording is over and everything in the log has been watched.

    Raises:
        DemoError: the node failed, or it takes too long.
    """
    connection = open_database(scene.database)
    book, log = Book(connection), Log(connection)
    until, still = time.monotonic() + LONGEST_S, 0
    try:
        while time.monotonic() < until:
            answer(book, log)
            done = not node.running and log.position("watch") >= log.end()
            still = still + 1 if done else 0
            if still * LOOK_S > 1.0:
                break
            time.sleep(LOOK_S)
        else:
            raise DemoError(f"the replay takes longer than {LONGEST_S:.0f} s")
    finally:
        connection.close()
    if node.stop() != 0:
        raise DemoError(f"the node failed:\n{node.last_words()}")


def answer(book: Book, log: Log) -> None:
    """Take every page that is open, and close what is past."""
    for incident in book.open_incidents():
        if incident.status == "triggered":
            act(log, ActionKind.ACKNOWLEDGE, incident.id, incident.changed_us)
        elif incident.presence == "past":
            act(log, ActionKind.RESOLVE, incident.id, incident.changed_us)


def act(log: Log, kind: ActionKind, incident: str, at_us: int) -> None:
    """Append one action as the command line would, and wait for what became of it."""
    offset = log.append_action(kind, incident, OFFICER, "cli", {}, at_us)
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until and log.position("respond") < offset:
        time.sleep(LOOK_S / 3)


def judged(recording: Recording, scene: Scene) -> dict[str, Any]:
    """Return the row of the table: which pages there were, and how early."""
    connection = sqlite3.connect(scene.database)
    try:
        pages = [at_us for _, at_us in connection.execute(PAGES)]
        (rows,) = connection.execute("SELECT count(*) FROM observation").fetchone()
        (unread,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    finally:
        connection.close()
    warned = [next((p for p in pages if about(p, h)), None)
              for h in recording.happenings]  # fmt: skip
    false = [
        p for p in pages if not any(h.from_us <= p <= h.until_us for h in recording.happenings)
    ]
    leads = [
        None if page is None else round((happening.at_us - page) / MICROSECONDS)
        for page, happening in zip(warned, recording.happenings, strict=True)
    ]
    first = next((page for page in warned if page is not None), None)
    return {
        "file": recording.name,
        "observations": rows,
        "first_page": None if first is None else iso(first),
        "lead_s" if not recording.fire else "delay_s": (
            leads if not recording.fire else [None if s is None else -s for s in leads]
        ),
        "pages": len(pages),
        "false_pages": len(false),
        "unread": unread,
    }


def about(page_us: int, happening: Happening) -> bool:
    """Say whether a page of that instant is about what happened."""
    return happening.from_us <= page_us <= happening.until_us


def iso(time_us: int) -> str:
    """Return an instant as ISO 8601 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_us / MICROSECONDS))


HEAD: Final = (
    f"{'file':26} {'observations':>12} {'first page':21} {'before danger / after ignition':36} "
    f"{'false':>5} {'seconds':>7}"
)


def line(row: dict[str, Any]) -> str:
    """Return a row of the table as text."""
    figures = row.get("lead_s") or row.get("delay_s") or []
    word = "before" if "lead_s" in row else "after"
    leads = ", ".join("missed" if s is None else f"{shown(s)} {word}" for s in figures)
    return (
        f"{row['file']:26} {row['observations']:12} {row['first_page'] or '-':21} {leads:36} "
        f"{row['false_pages']:5} {row['seconds']:7}"
    )


def shown(seconds: int) -> str:
    """Return a span in minutes, or in seconds where it is short."""
    return f"{seconds} s" if abs(seconds) < 600 else f"{seconds / 60:.0f} min"
