"""Read a configuration folder: all files, all problems, then one frozen result."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hub.config import words
from hub.config.cells import cells_at, read_cells
from hub.config.hubfile import (
    read_broker,
    read_channels,
    read_hub,
    read_influx,
    read_mappings,
    read_web,
)
from hub.config.people import read_people, read_policies
from hub.config.problems import ConfigurationError, Problem
from hub.config.rules import read_rules
from hub.config.settings import Configuration
from hub.config.sites import SiteFile, read_site
from hub.config.table import Table
from hub.config.together import Files, check_together
from hub.model.network import Network
from hub.model.response import People
from hub.reasons import why
from hub.words import NOTHING, Words

if TYPE_CHECKING:
    from pathlib import Path

FILE_LIMIT: Final = 10_000_000


class Reader:
    """Opens the files of one folder, and remembers what was read and what was wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.digest = hashlib.sha256()

    def top(self, path: Path) -> Table:
        """Return the top table of the file at ``path``.

        A file that cannot be read is one problem: the empty table that stands in for it
        keeps what else it misses to itself.
        """
        try:
            return Table(self.load(path), file=str(path), path="", problems=self.problems)
        except FileNotFoundError:
            self.wrong(path, words.NO_FILE, words.MAKE_FILE)
        except (OSError, ValueError, RecursionError) as error:
            self.wrong(path, words.UNREADABLE_FILE.filled(why=why(error)))
        return Table({}, file=str(path), path="", problems=[])

    def load(self, path: Path) -> dict[str, Any]:
        """Return the content of a TOML or GeoJSON file."""
        raw = read_bounded(path)
        self.digest.update(path.name.encode() + b"\0" + raw)
        text = raw.decode("utf-8-sig")
        content = json.loads(text) if path.suffix == ".geojson" else tomllib.loads(text)
        if not isinstance(content, dict):
            raise ValueError(words.NOT_AN_OBJECT)  # noqa: TRY004  a bad file, not a bad call
        return content

    def wrong(self, path: Path, what: Words, fix: Words = NOTHING) -> None:
        """Note that a whole file is wrong."""
        self.problems.append(Problem(file=str(path), key="", words=what, fix=fix))


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a file that may not be larger than ``FILE_LIMIT``."""
    with path.open("rb") as file:
        raw = file.read(FILE_LIMIT + 1)
    if len(raw) > FILE_LIMIT:
        raise ValueError(words.TOO_LARGE.filled(most=FILE_LIMIT))
    return raw


def read_config(folder: Path) -> Configuration:
    """Return what ``folder`` says: hub.toml, sites/*.toml, cells.geojson and the rest.

    ``[hub] folder`` in hub.toml may say that all but hub.toml lies elsewhere. Relative
    paths are taken from the folder of the file that names them.

    Raises:
        ConfigurationError: with every problem found, each with its file and key path.
    """
    reader = Reader(folder)
    hub_path = folder / "hub.toml"
    if not hub_path.is_file():
        reader.wrong(hub_path, words.NO_FILE, words.NAME_FOLDER)
        raise ConfigurationError(reader.problems)
    top = reader.top(hub_path)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return read_all(reader, top)


def read_all(reader: Reader, top: Table) -> Configuration:
    """Return the configuration once hub.toml is open."""
    folder = reader.folder.resolve()
    hub = read_hub(top, folder)
    broker, web, influx = read_broker(top, folder), read_web(top, folder), read_influx(top, folder)
    files = read_rest(reader, top, folder)
    top.close()
    whole = not any(problem.key == "" for problem in reader.problems)
    if whole:
        check_together(files)
    if reader.problems:
        raise ConfigurationError(unique(reader.problems))
    return Configuration(
        folder=folder,
        version=reader.digest.hexdigest()[:16],
        hub=hub,
        broker=broker,
        web=web,
        influx=influx,
        network=network_of(files),
        people=people_of(files),
        rules=tuple(rule for rule, _ in files.rules),
        channels=files.channels,
        mappings=files.mappings,
        shared=top.table("hub").path_of("folder", reader.folder),
    )


def read_rest(reader: Reader, top: Table, folder: Path) -> Files:
    """Return everything beside the hub's own settings, unchecked against each other."""
    base = top.table("hub").path_of("folder", reader.folder) or reader.folder
    return Files(
        hub=top,
        sites=read_sites(reader, base / "sites"),
        cells=tuple(read_cells(reader.top(base / "cells.geojson"))),
        people=read_people(reader.top(base / "people.toml")),
        policies=read_policies(reader.top(base / "policies.toml")),
        rules=tuple(read_rules(reader.top(base / "rules.toml"))),
        channels=read_channels(top, folder),
        mappings=read_mappings(top),
    )


def read_sites(reader: Reader, folder: Path) -> tuple[SiteFile, ...]:
    """Return every site file of ``folder``, in the order of their names."""
    paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not paths:
        reader.wrong(folder, words.NO_SITE_FILE, words.ADD_SITE_FILE)
    return tuple(read_site(reader.top(path)) for path in paths)


def unique(problems: list[Problem]) -> list[Problem]:
    """Return the problems without repetitions, in the order found."""
    return list(dict.fromkeys(problems))


def network_of(files: Files) -> Network:
    """Return sites, cells, nodes and datastreams by id; each site knows its cell."""
    cells = list(files.cells)
    sites = [
        replace(s, cell=s.cell or cells_at(s.longitude, s.latitude, cells)[0])
        for s in (file.site for file in files.sites)
    ]
    streams = [stream for file in files.sites for stream, _ in file.streams]
    return Network(
        sites={site.id: site for site in sites},
        cells={feature.cell.id: feature.cell for feature in cells},
        datastreams={(stream.node, stream.name): stream for stream in streams},
        nodes={name: file.site.id for file in files.sites for name, _ in file.nodes},
    )


def people_of(files: Files) -> People:
    """Return everyone who may be called."""
    return People(
        persons=files.persons(),
        shifts=tuple(shift for shift, _ in files.people.shifts),
        policies={policy.name: policy for policy, _ in files.policies.policies},
    )
