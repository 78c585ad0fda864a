"""What the demo adds to the shipped programs: a stage, phones, and an account at the end."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hub.config import read_config
from hub.demo.influx import Influx, find_influxd
from hub.demo.replay_real import replay_real
from hub.demo.scene import set_scene
from hub.demo.stage import Stage
from hub.errors import ConfigError
from hub.flow.words import NO_NODES

if TYPE_CHECKING:
    import argparse

__all__ = ["run_demo", "run_replay_real"]


def run_demo(args: argparse.Namespace) -> int:
    """Play the demo; 0 only if nothing was lost and a page was acknowledged.

    Without ``--for`` it plays until Ctrl-C, nobody answers by itself, and 0 needs no
    acknowledgement.
    """
    configuration = read_config(args.config)
    nodes = sorted((args.config / "nodes").glob("*.toml"))
    if not nodes:
        raise ConfigError(str(args.config / "nodes"), NO_NODES)
    folder = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    influx = open_influx(folder)
    port = configuration.web.port if args.port is None else args.port
    scene = set_scene(
        args.config, folder, rate=args.rate, port=port, influx=influx.table if influx else None
    )
    say = quiet if args.json else tell
    say("starting broker, hub, nodes ...   正在启动…")
    stage = Stage(scene, configuration.people, nodes, influx=influx, say=say)
    account = stage.run(for_s=args.for_s, kill=args.kill)
    print(json.dumps(account, ensure_ascii=False), flush=True)
    good = account["ok"] or (args.for_s is None and not account["lost"])
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        tell(f"what the programs said is in {folder}", file=sys.stderr)
    return 0 if good else 1


def open_influx(folder: Path) -> Influx | None:
    """Return a running InfluxDB of the demo's own, where there is a program for it."""
    program = find_influxd()
    if program is None:
        return None
    influx = Influx(program, folder / "influx")
    influx.start()
    influx.set_up()
    return influx


def run_replay_real(args: argparse.Namespace) -> int:
    """Replay every recording in the folder; 0 if each of them led to a page."""
    return replay_real(args.config, args.dir, as_json=args.json)


def tell(words: str, **options: object) -> None:
    """Print at once."""
    print(words, flush=True, **options)  # type: ignore[call-overload]


def quiet(_words: str) -> None:
    """Print nothing."""
