"""``tocsin backup`` and ``tocsin restore``: log, book and configuration, never a secret."""

from __future__ import annotations

import sys
import time
import tomllib
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub import __version__
from hub.cli import refusals
from hub.cli.place import clock_of, opened
from hub.cli.run import secrets_of
from hub.cli.show import print_json
from hub.cli.words import say
from hub.clock import from_us
from hub.config import read_config
from hub.errors import ConfigError, StoreError, StoreUnavailableError
from hub.flow.lock import lock_loops
from hub.reasons import why
from hub.store.archive import (
    FORMAT,
    Manifest,
    copy_file,
    inside,
    items_of,
    new_folder,
    read_manifest,
    verify,
    write_manifest,
)
from hub.store.backup import check_schema, copy_database, facts_of, put_back
from hub.words import Words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from hub.cli.parsers import Commands
    from hub.config import Configuration
    from hub.store.restored import Restored

DATABASE: Final = "tocsin.db"
FOLDERS: Final = (
    "config",
    "config-rest",
)  # hub.toml's folder, and [hub] folder where it is another
KEPT: Final = (
    *("hub.toml", "people.toml", "policies.toml", "rules.toml", "cells.geojson", "watcher.toml"),
    *("sites/*.toml", "nodes/*.toml"),
)
TELL_S: Final = 1.0


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    backs_up = commands.add_parser(
        "backup",
        parents=[shared],
        help=Words(
            "copy log, book and configuration, beside a running hub",
            "备份日志、台账和配置，中心照常运行",
        ),
    )
    backs_up.add_argument(
        "dest",
        type=Path,
        metavar="DEST",
        help=Words("a folder that does not exist", "一个尚不存在的目录"),
    )
    backs_up.add_argument(
        "--json", action="store_true", help=Words("end with one line of JSON", "最后输出一行 JSON")
    )
    backs_up.set_defaults(run=backup)
    restores = commands.add_parser(
        "restore",
        parents=[shared],
        help=Words("put a backup back, where no hub runs", "恢复备份，须在没有中心运行之处"),
    )
    restores.add_argument(
        "source",
        type=Path,
        metavar="SRC",
        help=Words("what tocsin backup made", "tocsin backup 所建的目录"),
    )
    restores.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=Words("instead of the configuration's", "代替配置中的数据目录"),
    )
    restores.add_argument(
        "--force",
        action="store_true",
        help=Words("put what is there aside, under another name", "已有的数据改名保留"),
    )
    restores.add_argument(
        "--json", action="store_true", help=Words("end with one line of JSON", "最后输出一行 JSON")
    )
    restores.set_defaults(run=restore)


def backup(args: argparse.Namespace) -> int:
    """Copy one instant of the hub into a new folder that proves itself."""
    configuration = read_config(args.config)
    progress = Progress(args.lang)
    with opened(configuration) as connection, new_folder(args.dest) as folder:
        made_us = clock_of(connection).now_us()
        copy_database(connection, folder / DATABASE, progress.share)
        for name, path in config_files(configuration):
            copy_file(path, folder / name)
        manifest = manifest_of(folder, configuration, made_us)
        write_manifest(folder, manifest)
    facts = {"made": manifest.made, "bytes": manifest.bytes, "log_end": manifest.log_end,
             "schema": manifest.schema, "config": manifest.config}  # fmt: skip
    if args.json:
        print_json({"ok": True, "backup": str(args.dest), **facts})
    else:
        size = f"{manifest.bytes / 1e6:.1f}"
        print(say(args.lang, "backed up", dest=args.dest, size=size, end=manifest.log_end))
    return 0


def restore(args: argparse.Namespace) -> int:
    """Put a backup back, and mark that it was, so that nodes are asked for the rest."""
    progress = Progress(args.lang)
    manifest = read_manifest(args.source)
    check_schema(manifest.schema)
    verify(args.source, manifest, progress.file)
    restored_config = restore_config(args.source, manifest, args.config)
    data = args.data or read_config(args.config).hub.data
    mark = restore_data(args.source, manifest, data, force=args.force)
    if args.json:
        print_json({"ok": True, "data": str(data), "config_restored": restored_config,
                    "made": manifest.made, **asdict(mark)})  # fmt: skip
    else:
        for line in report(args, manifest, mark, restored_config=restored_config):
            print(line)
    return 0


def restore_data(source: Path, manifest: Manifest, data: Path, *, force: bool) -> Restored:
    """Put log and book into the folder ``data`` while no loop can run there.

    Raises:
        ConfigError: a hub runs there.
        StoreError: there is a hub's data already, and no ``force``.
    """
    from hub.app import LOOPS  # noqa: PLC0415  the whole hub: only this command pays for it

    if DATABASE not in manifest.files:
        raise StoreError(refusals.HOLDS_NO.filled(source=source, database=DATABASE))
    target = data / DATABASE
    with ExitStack() as stack:
        for file in locked(data, LOOPS):
            stack.callback(file.close)
        if target.exists() and not force:
            raise StoreError(refusals.DATA_EXISTS.filled(target=target))
        return put_back(
            inside(source, DATABASE),
            target,
            now_us=lambda connection: clock_of(connection).now_us(),
            backup_us=manifest.made_us,
            aside=f".before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        )


def locked(data: Path, loops: tuple[str, ...]) -> list[TextIO]:
    """Return the locks of all loops on ``data``.

    Raises:
        ConfigError: a hub runs there.
        StoreUnavailableError: the folder cannot be made.
    """
    try:
        return lock_loops(data, loops)
    except OSError as error:
        raise StoreUnavailableError(
            refusals.CANNOT_USE.filled(data=data, why=why(error))
        ) from error


def restore_config(source: Path, manifest: Manifest, folder: Path) -> bool:
    """Put the configuration back where there is none; say whether that was done."""
    if (folder / "hub.toml").exists():
        return False
    hub_toml = inside(source, f"{FOLDERS[0]}/hub.toml")
    roots = dict(zip(FOLDERS, (folder, rest_folder(hub_toml, folder)), strict=True))
    for name in manifest.files:
        root, _, rest = name.partition("/")
        target = roots.get(root)
        if target is not None and rest and not (target / rest).exists():
            copy_file(inside(source, name), inside(target, rest))
    return True


def rest_folder(hub_toml: Path, folder: Path) -> Path | None:
    """Return where all but hub.toml lies, if ``[hub] folder`` says elsewhere than ``folder``."""
    try:
        table = tomllib.loads(hub_toml.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(hub_toml), refusals.UNREADABLE.filled(why=why(error))) from error
    elsewhere = table.get("hub", {}).get("folder")
    return (folder / str(elsewhere)).resolve() if elsewhere else None


def config_files(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    """Yield (name in the backup, file) of the configuration; only files that are known to it."""
    folder = configuration.folder
    secret = {file.resolve() for _, file, _ in secrets_of(configuration) if file}
    for name, root in zip(FOLDERS, (folder, rest_folder(folder / "hub.toml", folder)), strict=True):
        for pattern in KEPT if root else ():
            for path in sorted((root or folder).glob(pattern)):
                if path.is_file() and path.resolve() not in secret:
                    yield f"{name}/{path.relative_to(root or folder).as_posix()}", path


def manifest_of(folder: Path, configuration: Configuration, made_us: int) -> Manifest:
    """Return the manifest of a folder that is filled."""
    schema, log_end = facts_of(folder / DATABASE)
    return Manifest(
        format=FORMAT,
        made_us=made_us,
        made=from_us(made_us).isoformat(timespec="seconds"),
        tocsin=__version__,
        schema=schema,
        log_end=log_end,
        config=configuration.version,
        name_en=configuration.hub.name_en,
        name_zh=configuration.hub.name_zh,
        files=items_of(folder),
    )


def report(
    args: argparse.Namespace, manifest: Manifest, mark: Restored, *, restored_config: bool
) -> Iterator[str]:
    """Yield what a person has to know after a restore."""
    language = args.lang
    yield say(language, "put back", made=manifest.made, end=manifest.log_end)
    yield say(
        language, "after restore", open=mark.open, unsent=mark.unsent, cancelled=mark.cancelled
    )
    yield say(language, "config back" if restored_config else "config kept", folder=args.config)
    if not args.data or restored_config:
        for where, file, variable in secrets_of(read_config(args.config)):
            if file or variable:
                yield say(language, "secret needed", where=where, source=file or variable)


class Progress:
    """Says on stderr, now and then, how far a long copy is."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._said = time.monotonic()

    def share(self, done: float) -> None:
        """Hear how much is copied, 0 to 1."""
        self._say(lambda: say(self._language, "copied", percent=f"{100 * done:.0f}"))

    def file(self, name: str) -> None:
        """Hear which file is being checked."""
        self._say(lambda: say(self._language, "checking", name=name))

    def _say(self, words: Callable[[], str]) -> None:
        now = time.monotonic()
        if now - self._said >= TELL_S:
            self._said = now
            print(words(), file=sys.stderr, flush=True)
