"""Every deliberate error of the hub, and whether trying again can help.

HubError
├── ConfigError              the configuration cannot be used
├── DecodeError              a message nobody can read
├── StoreError               a store refused
│   ├── StoreRefusedError        … and said why
│   └── StoreUnavailableError    … for now
├── TransitionError          an action not open to the incident
└── DeliveryError            a channel failed for good
    └── DeliveryDeferredError    … may work later
        └── DeliveryAmbiguousError   … and may have worked already
"""

from __future__ import annotations

from typing import ClassVar, Final

from hub.words import Words

AT: Final = Words("{where}: {problem}", "{where}：{problem}")


class HubError(Exception):
    """Base of every deliberate error; ``retryable`` answers "may I try again?".

    What a person reads on the command line is ``Words``; ``str()`` is their English, for logs.
    """

    retryable: ClassVar[bool] = False

    @property
    def told(self) -> Words:
        """Return what is wrong, in both languages."""
        problem = self.args[0] if self.args else ""
        return problem if isinstance(problem, Words) else Words(str(self), str(self))


class ConfigError(HubError):
    """The configuration cannot be used.

    ``where`` is the file and dotted key path, for example
    ``config/sites/qingxi.toml: node[0].datastream[1].unit``.
    """

    def __init__(self, where: str, problem: Words) -> None:
        super().__init__(AT.filled(where=where, problem=problem))
        self.where = where
        self.problem = problem


class DecodeError(HubError):
    """A message nobody can read; ``reason`` is a short sentence for the quarantine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreError(HubError):
    """A store refused what it was given."""

    def __init__(self, problem: Words) -> None:
        super().__init__(problem)


class StoreRefusedError(StoreError):
    """A store will not take this as it is; ``status`` is its HTTP answer, the words its own."""

    def __init__(self, problem: Words, status: int) -> None:
        super().__init__(problem)
        self.status = status


class StoreUnavailableError(StoreError):
    """A store cannot be used for now."""

    retryable = True

    def __init__(self, problem: Words, retry_after_s: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


class TransitionError(HubError):
    """An action that is not open to the incident in its present state."""

    def __init__(self, problem: Words) -> None:
        super().__init__(problem)


class DeliveryError(HubError):
    """A channel will never deliver this; ``code`` is the provider's own, if any."""

    def __init__(self, problem: str, code: str = "") -> None:
        super().__init__(problem)
        self.code = code


class DeliveryDeferredError(DeliveryError):
    """A channel did not take this now and may take it later."""

    retryable = True

    def __init__(self, problem: str, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(problem, code)
        self.retry_after_s = retry_after_s


class DeliveryAmbiguousError(DeliveryDeferredError):
    """Nobody knows whether the provider took this (time-out after sending, 5xx)."""
