"""The link page as HTML: no script, large targets; every text that is not ours is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from html import escape
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hub.clock import from_us
from hub.console.shapes import IncidentDetail
from hub.dispatch.words import HAZARDS, LEVELS, TODO
from hub.model.book import ActionResult
from hub.model.incident import Status

if TYPE_CHECKING:
    from datetime import datetime

    from hub.console.shapes import IncidentShape

BUTTONS: Final = (
    ("acknowledge", "I am taking it", "已接警"),
    ("arrived", "I am on site", "到场"),
    ("help", "Need more help", "需增援"),
    ("false-alarm", "False alarm", "误报"),
)
SHAPES: Final = {"extreme": "I", "severe": "II", "moderate": "III", "minor": "IV", "unknown": "?"}
STATES: Final = {
    Status.TRIGGERED: ("nobody has answered yet", "尚无人接警"),
    Status.ACKNOWLEDGED: ("answered by", "已接警："),
    Status.RESOLVED: ("over, closed by", "已结束，处理人："),
}
FRAME: Final = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title>
<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/link.css">
</head><body><main>{body}</main>
<footer><a href="?lang={other}" lang="{other}">{switch}</a></footer></body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page shows; ``token`` is empty when no button may be pressed."""

    detail: IncidentDetail
    language: str
    zone: str
    token: str
    used: bool
    expired: bool
    now_us: int
    pressed: bool = False
    result: ActionResult | None = None


def render(page: Page | None, language: str) -> str:
    """Return the whole page in ``language`` ("en" or anything else for Chinese)."""
    chinese = language != "en"
    body = unknown(chinese=chinese) if page is None else shown(page, chinese=chinese)
    return FRAME.format(
        lang="zh-CN" if chinese else "en",
        title="警钟" if chinese else "Tocsin",
        body=body,
        other="en" if chinese else "zh",
        switch="English" if chinese else "中文",
    )


def unknown(*, chinese: bool) -> str:
    """Return what is said of a link nobody sent."""
    if chinese:
        return "<h1>链接无效</h1><p>请用短信中的回复码回复，或致电值班室。</p>"
    return (
        "<h1>This link is not valid</h1><p>Answer by SMS with the code, or call the duty desk.</p>"
    )


def shown(page: Page, *, chinese: bool) -> str:
    """Return the incident, what became of the last press, and the buttons."""
    return "".join(
        (
            drill(page, chinese=chinese),
            heading(page.detail.incident, chinese=chinese),
            facts(page, chinese=chinese),
            outcome(page, chinese=chinese),
            buttons(page, chinese=chinese),
        )
    )


def drill(page: Page, *, chinese: bool) -> str:
    """Return the mark of a drill."""
    if not page.detail.incident.drill:
        return ""
    return f'<p class="drill">{"演练" if chinese else "DRILL"}</p>'


def heading(incident: IncidentShape, *, chinese: bool) -> str:
    """Return level, hazard and headline."""
    level = LEVELS[incident.severity][chinese]
    hazard = HAZARDS[incident.hazard][chinese]
    headline = incident.headline.zh if chinese else incident.headline.en
    shape = SHAPES[incident.severity.value]
    return (
        f'<p class="level {incident.severity.value}"><span class="shape">{shape}</span> '
        f"{escape(level)} {escape(hazard)}</p><h1>{escape(headline)}</h1>"
    )


def facts(page: Page, *, chinese: bool) -> str:
    """Return place, since when, state, evidence and what to do, as a list."""
    incident = page.detail.incident
    place = incident.site_name.zh if chinese else incident.site_name.en
    rows = [
        ("地点" if chinese else "Place", place),
        ("开始" if chinese else "Since", since(page, chinese=chinese)),
        ("状态" if chinese else "State", state(incident, chinese=chinese)),
        *measured(page, chinese=chinese),
        ("处置" if chinese else "To do", TODO[incident.hazard][chinese]),
        ("回复码" if chinese else "Code", incident.code),
    ]
    lines = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    return f"<dl>{''.join(lines)}</dl>"


def measured(page: Page, *, chinese: bool) -> list[tuple[str, str]]:
    """Return what the standing conditions say, the worst three."""
    standing = [c.evidence for c in page.detail.conditions if c.standing][:3]
    texts = [e.words_zh if chinese else e.words_en for e in standing]
    return [("实测" if chinese else "Measured", text) for text in texts]


def since(page: Page, *, chinese: bool) -> str:
    """Return when it began, in the reader's zone, and how long ago."""
    raised = page.detail.incident.raised
    minutes = max(0, (from_us(page.now_us) - raised) // timedelta(minutes=1))
    ago = f"{minutes} 分钟前" if chinese else f"{minutes} min ago"
    return f"{local(raised, page.zone)} ({ago})"


def local(at: datetime, zone: str) -> str:
    """Return ``at`` as the reader's wall clock shows it, with its offset."""
    try:
        return f"{at.astimezone(ZoneInfo(zone)):%m-%d %H:%M %Z}"
    except (KeyError, ValueError):
        return f"{at.astimezone(UTC):%m-%d %H:%M} UTC"


def state(incident: IncidentShape, *, chinese: bool) -> str:
    """Return what people did so far."""
    who = {
        Status.TRIGGERED: None,
        Status.ACKNOWLEDGED: incident.acknowledged_by,
        Status.RESOLVED: incident.resolved_by,
    }[incident.status]
    name = (who.name.zh if chinese else who.name.en) if who else ""
    return f"{STATES[incident.status][chinese]} {name}".strip()


def outcome(page: Page, *, chinese: bool) -> str:
    """Return what became of the press, or why no button is offered."""
    if page.pressed and page.result is None:
        words = ("recorded; the hub is working on it", "已记录，正在处理")[chinese]
        return f'<p class="done" role="status">{words}</p>'
    if page.pressed and page.result:
        words = page.result.words_zh if chinese else page.result.words_en
        kind = "done" if page.result.ok else "refused"
        return f'<p class="{kind}" role="status">{escape(words)}</p>'
    if page.used:
        words = (
            "This link was used. For more, answer the SMS with the code.",
            "此链接已使用。如需其他操作，请用回复码回复短信。",
        )[chinese]
        return f'<p class="refused">{words}</p>'
    if page.expired:
        words = ("This link is too old; use the newest message.", "链接已过期，请用最新短信。")[
            chinese
        ]
        return f'<p class="refused">{words}</p>'
    return ""


def buttons(page: Page, *, chinese: bool) -> str:
    """Return the form, when a button may be pressed."""
    if not page.token:
        return ""
    items = "".join(
        f'<button name="do" value="{value}" class="{value}">{zh if chinese else en}</button>'
        for value, en, zh in BUTTONS
        if not (value == "acknowledge" and page.detail.incident.status is Status.ACKNOWLEDGED)
    )
    query = f"?lang={'zh' if chinese else 'en'}"
    return f'<form method="post" action="/a/{escape(page.token)}{query}">{items}</form>'
