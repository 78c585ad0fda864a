"""One town per test, and a real client of the real server on a free port."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient, TestServer
from console_town import Town

from hub.console.server import make_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A town without any observation."""
    found = Town(tmp_path / "tocsin.db")
    yield found
    found.close()


@pytest.fixture
def serve(town: Town) -> Callable[..., AbstractAsyncContextManager[TestClient]]:
    """A way to serve the town with other settings."""

    @asynccontextmanager
    async def serving(**settings: object) -> AsyncIterator[TestClient]:
        deps = town.deps(**settings)
        async with TestClient(TestServer(make_app(deps))) as client:
            yield client
        deps.history.close()

    return serving


@pytest.fixture
async def client(
    serve: Callable[..., AbstractAsyncContextManager[TestClient]],
) -> AsyncIterator[TestClient]:
    """A client of an open console on loopback."""
    async with serve() as found:
        yield found
