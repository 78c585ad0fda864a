"""Says at the end of the run what the kills hit and what the ledgers show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNTS = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line now, and once more at the end of the whole run."""
    lines = request.config.stash.setdefault(ACCOUNTS, [])

    def tell(line: str) -> None:
        print(line)  # noqa: T201  the account is for the reader of the run
        lines.append(line)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the accounts."""
    lines = terminalreporter.config.stash.get(ACCOUNTS, [])
    if lines:
        terminalreporter.section("killed anywhere")
        for line in lines:
            terminalreporter.write_line(line)
