"""Every deliberate error of the node.

EdgeError
├── ConfigError   the configuration cannot be used
├── SensorError   a sensor gave no usable reading; its sentence travels to the hub
├── SpoolError    the spool cannot be used
├── LinkError     the broker cannot be reached or refused the node
└── PageError     the watcher's own page did not go out
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin_edge.reasons import why
from tocsin_edge.refusals import AT

if TYPE_CHECKING:
    from tocsin_edge.words import Words


class EdgeError(Exception):
    """Base of every deliberate error; its sentence is English, ``told`` is for a person."""

    @property
    def told(self) -> Words:
        """Return what is wrong, in both languages as far as it is known."""
        return why(self)


class ConfigError(EdgeError):
    """The configuration cannot be used; ``where`` is the file and dotted key path."""

    def __init__(self, where: str, problem: Words) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem

    @property
    def told(self) -> Words:
        """Return where it is and what is wrong there, in both languages."""
        return AT.filled(where=self.where, problem=self.problem)


class SensorError(EdgeError):
    """A sensor gave no usable reading; ``why`` is the sentence that travels to the hub."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class SpoolError(EdgeError):
    """The spool cannot be used."""


class SpoolRuinedError(SpoolError):
    """The spool's file is no longer sound: only a new start can mend it."""


class LinkError(EdgeError):
    """The broker cannot be reached or refused the node."""


class PageError(EdgeError):
    """One attempt to call somebody failed; ``again`` says whether another one may succeed."""

    def __init__(self, problem: str, *, again: bool) -> None:
        super().__init__(problem)
        self.again = again
