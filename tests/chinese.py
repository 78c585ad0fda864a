"""Is a text Chinese? Finds English sentences left in it, names and values set aside."""

from __future__ import annotations

import re

CHINESE = re.compile(r"[一-鿿]")
QUOTED = re.compile(r"“[^”]*”|'[^']*'|\"[^\"]*\"|`[^`]*`")
NAMES = re.compile(r"[\w.-]*[/_:=|\[\]{}<>][^\s，。；：（）、]*|--[\w-]+|\b[A-Z]\b")
COMMAND = re.compile(r"\b(?:tocsin(?:-edge)?|influx|pip|make|chmod|kill)\b(?: [!-~]+)*")
SENTENCE = re.compile(r"\b[A-Za-z']{2,}(?:,? [A-Za-z']{1,}){1,}\b")


def english_in(text: str) -> list[str]:
    """Return the runs of two or more English words that are neither quoted nor names."""
    bare = NAMES.sub("·", COMMAND.sub("·", QUOTED.sub("·", text)))
    return SENTENCE.findall(bare)


def is_chinese(text: str) -> bool:
    """Say whether ``text`` speaks Chinese and nothing but names and values is English."""
    return bool(CHINESE.search(text)) and not english_in(text)
