"""Every deliberate error of the node.

EdgeError
├── ConfigError   the configuration cannot be used
├── SensorError   a sensor gave no usable reading; its sentence travels to the hub
├── SpoolError    the spool cannot be used
├── LinkError     the broker cannot be reached or refused the node
└── PageError     the watcher's own page did not go out
"""

from __future__ import annotations


class EdgeError(Exception):
    """Base of every deliberate error."""


class ConfigError(EdgeError):
    """The configuration cannot be used; ``where`` is the file and dotted key path."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class SensorError(EdgeError):
    """A sensor gave no usable reading; ``why`` is the sentence that travels to the hub."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class SpoolError(EdgeError):
    """The spool cannot be used."""


class LinkError(EdgeError):
    """The broker cannot be reached or refused the node."""


class PageError(EdgeError):
    """One attempt to call somebody failed; ``again`` says whether another one may succeed."""

    def __init__(self, problem: str, *, again: bool) -> None:
        super().__init__(problem)
        self.again = again
