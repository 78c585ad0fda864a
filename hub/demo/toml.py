"""Writes the little TOML that the demo derives from the configuration it was given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def to_toml(table: Mapping[str, Any]) -> str:
    """Return ``table`` (as tomllib reads it) as TOML."""
    return "\n".join(lines("", table)) + "\n"


def lines(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield plain values first, then tables, then arrays of tables, as TOML asks."""
    for key, value in table.items():
        if not isinstance(value, dict) and not is_tables(value):
            yield f"{quoted(key)} = {literal(value)}"
    for key, value in table.items():
        name = f"{path}.{quoted(key)}" if path else quoted(key)
        if isinstance(value, dict):
            yield f"[{name}]"
            yield from lines(name, value)
        elif is_tables(value):
            for row in value:
                yield f"[[{name}]]"
                yield from lines(name, row)


def is_tables(value: object) -> bool:
    """Say whether ``value`` is an array of tables."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def quoted(key: str) -> str:
    """Return ``key`` bare where TOML allows it, else quoted."""
    return key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


def literal(value: object) -> str:
    """Return a plain value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
