"""Chinese texts are set as Chinese: full-width punctuation, wherever people read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("hub", "edge/tocsin_edge")
KINDS = (".py", ".js", ".html")
HALF_WIDTH = re.compile(r"[一-鿿][,:;!?]|(?<![|(])[,:;!](?=[一-鿿])|[一-鿿]\([^)]*\)")
PATTERN = re.compile(r"re\.compile|r\"")  # what is read, not what is said


def half_width(line: str) -> bool:
    """Say whether ``line`` says something in Chinese with half-width punctuation."""
    return not PATTERN.search(line) and HALF_WIDTH.search(line) is not None


def test_chinese_texts_have_full_width_punctuation() -> None:
    """No comma, colon, semicolon or bracket of another script touches a Chinese word."""
    files = [p for f in FOLDERS for p in (ROOT / f).rglob("*") if p.suffix in KINDS]
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if half_width(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_check_bites() -> None:
    """It finds what it is there for."""
    assert half_width('"连接中断,重连中"')
    assert half_width('f"{name}异常:{words}"')
    assert half_width('"未显示(见接口)"')
    assert not half_width('"连接中断，重连中",')
