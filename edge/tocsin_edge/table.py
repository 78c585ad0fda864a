"""TOML tables turned into frozen dataclasses; every mistake is named by its key path."""

from __future__ import annotations

import difflib
import types
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tocsin_edge import refusals
from tocsin_edge.errors import ConfigError
from tocsin_edge.reasons import why
from tocsin_edge.words import Words, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")


def read_table(table: object, cls: type[T], where: str) -> T:
    """Return ``table`` as the dataclass ``cls``; ``where`` leads to the table.

    Raises:
        ConfigError: for an unknown key, a missing one, a wrong type or a refused value.
    """
    if not isinstance(table, dict):
        raise ConfigError(where, refusals.NOT_A_TABLE.filled(got=table))
    known = {f.name: f for f in fields(cls) if "internal" not in f.metadata}  # type: ignore[arg-type]
    check_keys(table, known, where)
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in table:
            raise ConfigError(join(where, name), refusals.MISSING)
    hints = get_type_hints(cls)
    values = {key: read_value(value, hints[key], join(where, key)) for key, value in table.items()}
    try:
        return cls(**values)
    except ValueError as err:
        raise ConfigError(where.removesuffix(": "), why(err)) from err


def check_keys(table: Mapping[str, object], known: Collection[str], where: str) -> None:
    """Refuse a key nobody reads: a misspelt threshold must not pass unnoticed.

    Raises:
        ConfigError: for the first unknown key, with what was probably meant.
    """
    for key in table:
        if key not in known:
            raise ConfigError(join(where, key), refusals.UNKNOWN_KEY.filled(near=meant(key, known)))


def meant(word: str, known: Collection[str]) -> Words:
    """Return what was probably meant by ``word``, or all there is to choose from."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return refusals.DID_YOU_MEAN.filled(near=close[0])
    return refusals.KNOWN.filled(names=listed(sorted(known)))


def join(where: str, key: str) -> str:
    """Return the path of ``key`` inside ``where``."""
    return f"{where}{key}" if where.endswith(": ") else f"{where}.{key}"


def read_value(value: Any, hint: Any, where: str) -> Any:  # noqa: ANN401 - TOML knows no types
    """Return ``value`` as the annotation ``hint`` asks for.

    Raises:
        ConfigError: if it is of another type.
    """
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        plain = next(choice for choice in choices if choice is not type(None))
        return read_value(value, plain, where)
    if origin is Literal:
        return _one_of(value, choices, where)
    if origin is tuple:
        return _each(value, choices[0], where)
    if isinstance(hint, type) and is_dataclass(hint):
        return read_table(value, hint, where)
    return _plain(value, hint, where)


def _one_of(value: object, choices: tuple[Any, ...], where: str) -> object:
    if value in choices:
        return value
    raise ConfigError(where, refusals.NONE_OF.filled(value=value, names=listed(choices)))


def _each(value: object, hint: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(where, refusals.NOT_A_LIST.filled(got=value))
    return tuple(read_value(item, hint, f"{where}[{i}]") for i, item in enumerate(value))


def _plain(value: object, hint: object, where: str) -> object:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is dict and isinstance(value, dict):
        return value
    if hint in (bool, int, float, str) and type(value) is hint:
        return value
    expected = refusals.KINDS.get(str if hint is Path else hint, refusals.SOMETHING)
    raise ConfigError(where, refusals.OF_KIND.filled(kind=expected, got=value))
