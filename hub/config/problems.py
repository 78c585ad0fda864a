"""What is wrong with the configuration: all of it, each with where and how to mend it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIKENESS = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: ``file``, dotted ``key``, in words, and how to mend it."""

    file: str
    key: str
    words: str
    fix: str = ""

    @property
    def where(self) -> str:
        """Return file and key path, as a person would look for them."""
        return f"{self.file}: {self.key}" if self.key else self.file

    def __str__(self) -> str:
        mend = f" ({self.fix})" if self.fix else ""
        return f"{self.where}: {self.words}{mend}"


class ConfigurationError(ConfigError):
    """The configuration cannot be used; ``problems`` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        mend = f" ({first.fix})" if first.fix else ""
        super().__init__(first.where, first.words + mend + more)
        self.problems = tuple(problems)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for the known word nearest to ``word``, or what there is."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=LIKENESS)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""
