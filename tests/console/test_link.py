"""The page behind the link of a message: looking changes nothing, one press does, once."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from console_town import EVIL

from hub.model.network import Severity
from hub.model.transition import Evidence

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from console_town import Serve, Town

PREVIEW = {"User-Agent": "WhatsApp/2", "Sec-Fetch-Site": "cross-site", "X-Forwarded-For": "1.2.3.4"}


def links(html: str) -> set[str]:
    """Return the addresses that the page's forms post to."""
    return set(re.findall(r'action="([^"]+)"', html))


async def test_looking_never_acknowledges(serve: Serve, town: Town) -> None:
    """GET and HEAD, however often and from wherever, append nothing and use nothing up."""
    town.flood()
    async with serve(token="a-token-of-many-letters") as client:
        path = f"/a/{town.tokens[0]}"
        for _ in range(3):
            response = await client.get(path, headers=PREVIEW)
            assert response.status == 200
            assert (await client.head(path, headers=PREVIEW)).status == 200
    assert town.log.actions(0, 10) == []
    assert town.book.link(town.tokens[0]).used_us is None


async def test_a_press_acknowledges_once(client: TestClient, town: Town) -> None:
    """One press acknowledges as the person of the link; the same link again says it was used."""
    name = town.flood()
    town.start_respond()
    path = f"/a/{town.tokens[0]}"
    text = await (await client.get(path)).text()
    assert 'lang="zh-CN"' in text
    assert "已接警" in text
    assert "4.82" in text
    done = await client.post(path, data={"do": "acknowledge"})
    assert done.status == 200
    after = await done.text()
    assert town.book.incident(name).acknowledged_by == "lin-wei"
    again = await client.post(path, data={"do": "acknowledge"})
    assert again.status == 410
    assert "已使用" in await again.text()
    assert len(town.log.actions(0, 10)) == 1
    (fresh,) = links(after)
    assert town.tokens[0] not in fresh
    assert 'value="acknowledge"' not in after
    assert (await client.post(fresh, data={"do": "arrived"})).status == 200
    assert [a.kind for a in town.log.actions(0, 10)] == ["acknowledge", "arrived"]


async def test_two_presses_at_once_make_one_action(client: TestClient, town: Town) -> None:
    """A double tap acknowledges once."""
    town.flood()
    town.start_respond()
    path = f"/a/{town.tokens[0]}"
    presses = [client.post(path, data={"do": "acknowledge"}) for _ in range(5)]
    statuses = sorted([(await p).status for p in asyncio.as_completed(presses)])
    assert statuses == [200, 410, 410, 410, 410]
    assert len(town.log.actions(0, 10)) == 1


async def test_old_unknown_and_odd_presses_do_nothing(client: TestClient, town: Town) -> None:
    """An expired link, an unknown token and an unknown button append nothing and say so."""
    town.flood()
    path = f"/a/{town.tokens[0]}"
    assert (await client.post(path, data={"do": "explode"})).status == 400
    assert (await client.post(path)).status == 400
    for odd in ("nope", "x" * 500, "%00", "令牌", "..%2f"):
        assert (await client.get(f"/a/{odd}")).status == 404
        assert (await client.post(f"/a/{odd}", data={"do": "acknowledge"})).status == 404
    town.clock.advance(400 * 86_400)
    response = await client.post(path, data={"do": "acknowledge"})
    assert response.status == 410
    assert "过期" in await response.text()
    assert town.log.actions(0, 10) == []


async def test_the_page_speaks_its_readers_language(client: TestClient, town: Town) -> None:
    """The person's language and zone, and the other language one press away."""
    town.find("mill-02/smoke", Severity.SEVERE)
    path = f"/a/{town.tokens[0]}"
    english = await (await client.get(path)).text()
    assert 'lang="en"' in english
    assert "I am taking it" in english
    assert "UTC" in english
    chinese = await (await client.get(f"{path}?lang=zh")).text()
    assert "已接警" in chinese
    assert 'action="/a/' in chinese


async def test_sensor_text_is_inert(client: TestClient, town: Town) -> None:
    """Markup in what a detector or sensor said stays text, and the page has no script at all."""
    evidence = Evidence(detector="level", words_en=EVIL, words_zh=EVIL)
    town.find("mill-02/smoke", Severity.SEVERE, evidence=evidence)
    text = await (await client.get(f"/a/{town.tokens[0]}")).text()
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("after", ["resolve", "stand-down"])
async def test_a_closed_incident_has_no_buttons(client: TestClient, town: Town, after: str) -> None:
    """Who comes late sees that it is over."""
    name = town.flood()
    town.start_respond()
    await client.post(f"/api/v1/incidents/{name}/{after}", json={"by": "lin-wei"})
    text = await (await client.get(f"/a/{town.tokens[0]}")).text()
    assert "已结束" in text
    assert "<form" not in text
