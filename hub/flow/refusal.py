"""The two answers an action can have: done, or refused; both in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import HubError


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in words, and the incident it was done to (empty: none)."""

    words_en: str
    words_zh: str
    incident: str = ""


class RefusalError(HubError):
    """An action cannot be done; its words say why and what would work."""

    def __init__(self, words_en: str, words_zh: str) -> None:
        super().__init__(words_en)
        self.words_en = words_en
        self.words_zh = words_zh
