"""What a machine cannot prove is said loudly at the end, and fails where CI requires it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_PROVEN = "not proven here"
REQUIRED = "TOCSIN_REQUIRE_PROGRAMS"
DATA = "data: "  # begins the reason of a skip for want of data that nobody can install


def unproven(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Return the reasons of tests that were skipped for want of a program, each once."""
    reasons = {str(r.longrepr[-1]) for r in reports if isinstance(r.longrepr, tuple)}
    return sorted(
        reason.removeprefix("Skipped: ") for reason in reasons if NOT_PROVEN in reason.casefold()
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not proven on this machine."""
    missing = unproven(terminalreporter.stats.get("skipped", []))
    if missing:
        terminalreporter.section("NOT PROVEN HERE", red=True, bold=True)
        for reason in missing:
            terminalreporter.line(reason)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where everything has to be proven."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get(REQUIRED) != "1":
        return
    missing = [
        r for r in unproven(reporter.stats.get("skipped", [])) if not r.casefold().startswith(DATA)
    ]
    if missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
