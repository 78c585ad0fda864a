"""GPIO inputs by gpiozero, loaded only when a pin is really opened."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from tocsin_edge.errors import SensorError

if TYPE_CHECKING:
    from collections.abc import Callable


class Line(Protocol):
    """One digital input; ``closed`` is True while the circuit conducts."""

    def closed(self) -> bool:
        """Return the level now."""

    def on_close(self, call: Callable[[], None]) -> None:
        """Call ``call`` from the library's thread at each closing after the debounce."""

    def close(self) -> None:
        """Let go of the pin."""


class GpioLine:
    """A BCM pin with its pull-up: a contact to ground reads as closed.

    ``bounce_s`` ignores changes that follow a change more closely.

    Raises:
        SensorError: if the library or the pin cannot be had.
    """

    def __init__(self, pin: int, *, bounce_s: float | None) -> None:
        try:
            gpiozero: Any = importlib.import_module("gpiozero")
            self._button = gpiozero.Button(pin, pull_up=True, bounce_time=bounce_s)
        except ImportError as err:
            raise SensorError("GPIO needs: pip install tocsin-edge[gpio]") from err
        except Exception as err:  # gpiozero has no common base for what goes wrong with pins
            raise SensorError(f"GPIO{pin} cannot be opened: {err}") from err

    def closed(self) -> bool:
        """Return whether the pin is pulled to ground."""
        return bool(self._button.is_pressed)

    def on_close(self, call: Callable[[], None]) -> None:
        """Call ``call`` at each closing."""
        self._button.when_pressed = call

    def close(self) -> None:
        """Let go of the pin."""
        self._button.close()
