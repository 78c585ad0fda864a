"""How an SMS is counted: GSM-7 septets or UCS-2 units, one part or several.

Limits of 3GPP TS 23.038: 160 septets in a single message and 153 in each part of a
longer one; 70 and 67 UCS-2 units. One character outside the GSM-7 alphabet turns the
whole message into UCS-2. Pure.
"""

from __future__ import annotations

import unicodedata
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")  # an escape and a septet each

PLAIN: Final = {
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("\t\n\r\f\v\u00a0\u2009\u202f\u3000", " "),
    **dict(zip("ŁłĐđŒœŸı", "LlDdOoYi", strict=True)),
    "°": " deg ",
    "℃": " C",
    "…": "...",
    "²": "2",
    "³": "3",
    "µ": "u",
    "μ": "u",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "，": ", ",
    "。": ". ",
    "：": ": ",
    "（": "(",
    "）": ")",
}


def segments(text: str) -> tuple[str, int]:
    """Return the encoding ("gsm7" or "ucs2") a phone network uses for ``text`` and its parts.

    No part ends inside an escaped character or a surrogate pair, so the count is what
    a network really sends.
    """
    if all(c in BASIC or c in EXTENDED for c in text):
        return "gsm7", parts([2 if c in EXTENDED else 1 for c in text], 160, 153)
    return "ucs2", parts([2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67)


def parts(widths: list[int], single: int, several: int) -> int:
    """Return into how many parts characters of ``widths`` go, filled from the front."""
    if sum(widths) <= single:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > several:
            count, used = count + 1, 0
        used += width
    return count


def to_gsm7(text: str) -> str:
    """Return ``text`` on one line in GSM-7: transliterated where possible, else left out."""
    plain = "".join(PLAIN.get(c, c) for c in text)
    return " ".join("".join(letter(c) for c in plain).split())


def letter(char: str) -> str:
    """Return ``char`` in GSM-7, without its accent if need be, or nothing."""
    if char in BASIC or char in EXTENDED:
        return char
    return "".join(c for c in unicodedata.normalize("NFKD", char) if c in BASIC)


def to_ucs2(text: str) -> str:
    """Return ``text`` on one line without pictures and invisible characters."""
    spaced = "".join(" " if c.isspace() else c for c in text)
    return " ".join("".join(c for c in spaced if shown(c)).split())


def shown(char: str) -> bool:
    """Say whether ``char`` is a letter, digit, mark of punctuation or degree sign."""
    category = unicodedata.category(char)
    return char in "°℃" or not (category.startswith("C") or category in ("So", "Sk"))
