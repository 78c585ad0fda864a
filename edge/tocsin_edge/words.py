"""Texts that a person reads: English that carries its Chinese, and who reads which.

Logs, records and programs take the English; only the last line before a person's eyes
asks for ``of(language)``. Where ``Words`` are asked for, a text that exists in one
language alone is a type error. Hub and node have this file each.
"""

from __future__ import annotations

import re
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EN: Final = "en"
ZH: Final = "zh"
LANGUAGES: Final = (EN, ZH)
LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


class Words(str):
    """An English text, or template, that knows itself in Chinese too."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, en: str, zh: str) -> Self:
        """Return the English ``en`` that carries the Chinese ``zh``."""
        self = super().__new__(cls, en)
        self.zh = zh
        return self

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # so that it can be copied
        return str(self), self.zh

    def of(self, language: str) -> str:
        """Return the text in ``language``."""
        return self.zh if language == ZH else str(self)

    def filled(self, **values: object) -> Words:
        """Return the template with ``values`` in their places; words among them stay both."""
        chinese = {key: in_language(value, ZH) for key, value in values.items()}
        return Words(self.format(**values), self.zh.format(**chinese))


NOTHING: Final = Words("", "")


class Phrasebook:
    """Says in Chinese what reaches the hub as an English sentence: argparse, tomllib, SQLite.

    A sentence is known by the shape of its English template; what stood in its places is
    looked up in turn. A sentence of no known shape stays as it is.
    """

    def __init__(self, templates: Iterable[Words]) -> None:
        self._templates = tuple(templates)

    @cached_property
    def _shapes(self) -> Sequence[tuple[re.Pattern[str], Words]]:
        return [(shape_of(template), template) for template in self._templates]

    def both(self, sentence: str) -> Words:
        """Return ``sentence`` with its Chinese, as far as it is known."""
        if isinstance(sentence, Words):
            return sentence
        for shape, template in self._shapes:
            if found := shape.fullmatch(sentence):
                values = {key: self.both(value).zh for key, value in found.groupdict().items()}
                return Words(sentence, template.zh.format(**values))
        return Words(sentence, sentence)


def shape_of(template: str) -> re.Pattern[str]:
    """Return what matches every text that ``template`` can become."""
    parts = (
        re.escape(text) + (f"(?P<{name}>.+?)" if name else "")
        for text, name, _, _ in Formatter().parse(template)
    )
    return re.compile("".join(parts), re.DOTALL)


def in_language(value: object, language: str) -> object:
    """Return ``value`` as it stands in a text of ``language``."""
    return value.of(language) if isinstance(value, Words) else value


def listed(items: Iterable[object]) -> Words:
    """Return ``items`` one after another, as each language lists them."""
    words = [str(item) for item in items]
    return Words(", ".join(words), "、".join(words))


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language that the environment asks for: zh for Chinese locales, else en."""
    for name in LOCALES:
        if value := environment.get(name, ""):
            return ZH if value.lower().startswith(ZH) else EN
    return EN
