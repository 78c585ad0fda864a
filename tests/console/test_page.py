"""The page in a real browser: acknowledge, STALE, resume, and markup from sensors kept inert."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from console_town import EVIL
from playwright.async_api import async_playwright, expect

from hub.console.feed import FEED
from hub.model.network import Hazard, Severity
from hub.model.transition import Evidence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.test_utils import TestClient
    from console_town import Serve, Town
    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason="NOT PROVEN HERE: the page in a browser (no chromium)"
    ),
]


@asynccontextmanager
async def opened(
    client: TestClient, *, locale: str = "en", width: int = 1280, height: int = 900
) -> AsyncIterator[Page]:
    """Open the page in Chromium; any script error or refused asset fails the test."""
    async with async_playwright() as driver:
        browser: Browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        context = await browser.new_context(
            locale=locale, viewport={"width": width, "height": height}
        )
        page = await context.new_page()
        page.set_default_timeout(15_000)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda m: wrong.append(m.text) if "Content Security Policy" in m.text else None,
        )
        page.address = str(client.make_url("/"))
        yield page
        await browser.close()
    assert wrong == []


async def visit(page: Page) -> None:
    """Go to the page and wait for its first snapshot."""
    await page.goto(page.address)
    await expect(page.locator("#cells .stream").first).to_be_visible()


async def test_acknowledge_button_stops_the_escalation(client: TestClient, town: Town) -> None:
    """A flood appears by itself; one press acknowledges it under the name given, and shows it."""
    town.start_respond()
    async with opened(client) as page:
        await visit(page)
        await expect(page.locator("#calm")).to_be_visible()
        name = town.flood()
        card = page.locator("#open .card")
        await expect(card).to_contain_text("RED")
        await expect(card.locator(".answer")).to_have_text("NOBODY HAS ANSWERED")
        await expect(page.locator("#announce")).to_contain_text("New red incident")
        await page.locator("#who").fill("lin-wei")
        await card.get_by_role("button", name="Acknowledge").click()
        await expect(card.locator(".answer")).to_contain_text("Answered by Lin Wei")
        await expect(card.get_by_role("button", name="Acknowledge")).to_have_count(0)
    found = town.book.incident(name)
    assert (found.status, found.acknowledged_by) == ("acknowledged", "lin-wei")
    assert [a.via for a in town.log.actions(0, 9)] == ["page"]


async def test_stale_covers_everything_when_the_feed_stops(serve: Serve, town: Town) -> None:
    """Thirty seconds without the feed, and STALE / 数据中断 lies over the whole page."""
    town.flood()
    async with serve() as client, opened(client) as page:
        await page.clock.install()
        await visit(page)
        await page.get_by_role("button", name="Details").click()
        await expect(page.locator("#detail")).to_be_visible()
        await client.server.close()
        await page.clock.fast_forward(25_000)
        await expect(page.locator("#stale")).to_be_hidden()
        await page.clock.fast_forward(7_000)
        await expect(page.locator("#stale")).to_contain_text("STALE")
        await expect(page.locator("#stale")).to_contain_text("数据中断")
        top = await page.evaluate(
            "[[5,5],[innerWidth-5,innerHeight-5],[innerWidth/2,innerHeight/2]]"
            ".every(([x, y]) => document.elementsFromPoint(x, y)[0]?.closest('#stale')"
            " || document.getElementById('stale').matches(':popover-open'))"
        )
        assert top
        box = await page.locator("#stale").bounding_box()
        assert box == {"x": 0, "y": 0, "width": 1280, "height": 900}


async def test_a_fire_rises_by_the_minute(client: TestClient, town: Town) -> None:
    """A trend is per minute where minutes count, and per hour of a river."""
    town.observe("mill-02/smoke", *((60.0 * i, 12.0 - 0.5 * i) for i in range(8, -1, -1)))
    town.observe("qx-bridge-01/stage", *((60.0 * i, 4.0 - 0.5 * i) for i in range(7, -1, -1)))
    async with opened(client) as page:
        await visit(page)
        smoke = page.locator('[data-stream="mill-02/smoke"]')
        await expect(smoke).to_contain_text("0.5 %/m/min")
        stage = page.locator('[data-stream="qx-bridge-01/stage"]')
        await expect(stage).to_contain_text("30 m/h")


async def test_values_and_ages_move(client: TestClient, town: Town) -> None:
    """A new value is on the page within seconds, and its age grows with the hub's clock."""
    town.observe("qx-bridge-01/stage", (0, 3.21))
    async with opened(client) as page:
        await visit(page)
        row = page.locator('[data-stream="qx-bridge-01/stage"]')
        await expect(row).to_contain_text("3.21 m")
        town.clock.advance(5)
        town.observe("qx-bridge-01/stage", (0, 3.3))
        await expect(row).to_contain_text("3.3 m")
        await expect(row.locator(".age")).to_have_text("3 s ago")
        silent = page.locator('[data-stream="pump-07/flow"]')
        await expect(silent).to_contain_text("never spoke")
        await expect(page.locator(".unseeing").first).to_contain_text("BLIND")


async def test_hub_trouble_is_shown(client: TestClient, town: Town) -> None:
    """A broken alarm path is said on top of the page, and gone when it is well again."""
    async with opened(client) as page:
        await visit(page)
        await expect(page.locator("#trouble")).to_be_hidden()
        town.health.ill("broker", "no answer from 127.0.0.1:1883")
        await expect(page.locator("#trouble")).to_contain_text("The alarm path is broken")
        await expect(page.locator("#trouble")).to_contain_text("1883")
        town.health.well("broker")
        await expect(page.locator("#trouble")).to_be_hidden()


async def test_markup_from_outside_stays_text(serve: Serve, town: Town) -> None:
    """Names, reasons, notes and evidence with markup in them run no script and add no element."""
    site = replace(town.network.sites["old-mill"], name_en=EVIL, name_zh=EVIL)
    town.network = replace(town.network, sites={**town.network.sites, "old-mill": site})
    town.learn("evil-01", EVIL, EVIL, EVIL)
    town.start_respond()
    evidence = Evidence(
        detector=EVIL, rule=EVIL, words_en=EVIL, words_zh=EVIL, value=1.0, limit=0.5,
        limit_name=EVIL, unit=EVIL, parameters={EVIL: EVIL},
        window=((0, 1.0, 1), (60_000_000, 2.0, 4)),
    )  # fmt: skip
    town.observe("mill-02/smoke", (0, 1.0), why=EVIL)
    name = town.find("mill-02/smoke", Severity.EXTREME, evidence=evidence)
    async with serve() as client, opened(client) as page:
        path = f"/api/v1/incidents/{name}/note"
        done = await client.post(path, json={"text": EVIL, "by": EVIL[:64]})
        assert done.status == 200
        await visit(page)
        await page.get_by_role("button", name="Details").click()
        await expect(page.locator("#detail .timeline")).to_contain_text("<script>")
        await expect(page.locator("#detail svg.chart")).to_be_visible()
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img[src='x'], main script, dialog script").count() == 0


async def test_languages_and_keyboard(client: TestClient, town: Town) -> None:
    """The browser's language first, the other one by a press; the whole way by keyboard."""
    town.flood()
    async with opened(client, locale="zh-CN") as page:
        await visit(page)
        await expect(page.locator("#open .card")).to_contain_text("无人接警")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        await page.locator("#language").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#open .card")).to_contain_text("NOBODY HAS ANSWERED")
        await page.get_by_role("button", name="Details").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#detail")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#detail")).to_be_hidden()


async def test_a_new_version_loads_itself(client: TestClient, town: Town) -> None:
    """When the hub comes back with other page files, open pages load again by themselves."""
    town.observe("qx-bridge-01/stage", (0, 1.0))
    async with opened(client) as page:
        await visit(page)
        async with page.expect_event("load"):
            client.app[FEED].version = "other"
            client.app[FEED].stop()
        await expect(page.locator("#cells .stream").first).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_overflows_and_targets_are_large(
    client: TestClient, town: Town, width: int
) -> None:
    """No sideways scrolling on a phone, every button at least 44 px, also with long texts."""
    town.flood()
    long_words = "水位超过危险水位" * 12
    evidence = Evidence(detector="level", words_en="x" * 150, words_zh=long_words)
    town.find("mill-02/smoke", Severity.SEVERE, evidence=evidence, hazard=Hazard.FIRE)
    async with opened(client, width=width, height=740) as page:
        await visit(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [await b.bounding_box() for b in await page.locator("button:visible").all()]
        assert len(boxes) >= 4
        assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes)


async def test_the_link_page_works_without_script(client: TestClient, town: Town) -> None:
    """On a phone with scripts off, one tap on a target of 60 px or more acknowledges."""
    name = town.flood()
    town.start_respond()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        context = await browser.new_context(
            java_script_enabled=False, viewport={"width": 360, "height": 740}
        )
        page = await context.new_page()
        await page.goto(str(client.make_url(f"/a/{town.tokens[0]}")))
        boxes = [await b.bounding_box() for b in await page.locator("button").all()]
        assert len(boxes) == 4
        assert all(box["height"] >= 60 and box["width"] >= 60 for box in boxes)
        await page.get_by_role("button", name="已接警").click()
        await expect(page.locator(".done")).to_contain_text("已接警")
        await browser.close()
    assert town.book.incident(name).acknowledged_by == "lin-wei"
