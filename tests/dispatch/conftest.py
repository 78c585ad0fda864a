"""A real provider process, channels pointed at it, and outbox rows to send."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from desk import Desk
from providers import ACCOUNT, TOKEN, ProviderProcess, running_provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """One provider for all tests of this folder."""
    with running_provider(tmp_path_factory.mktemp("provider") / "ledger.jsonl") as provider:
        yield provider


@pytest.fixture
def provider(provider_process: ProviderProcess) -> ProviderProcess:
    """The provider, well-behaved at the start of each test."""
    provider_process.order("well")
    return provider_process


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment, as the shipped configuration names them."""
    monkeypatch.setenv("TOCSIN_SMS_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("TOCSIN_SMS_TOKEN", TOKEN)
    monkeypatch.setenv("TOCSIN_WEBHOOK_SECRET", "whsec_" + "QUJD" * 8)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A store with an incident, to which notifications can be added."""
    return Desk(tmp_path / "hub.db")


@pytest.fixture
def number() -> str:
    """A phone number that no other test uses."""
    return f"+1555{time.time_ns() // 1000 % 10_000_000:07d}"
