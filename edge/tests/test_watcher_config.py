"""The watcher's file: the shipped one is good, and what cannot work is refused by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin_edge.errors import ConfigError
from tocsin_edge.watcher.config import read_config, read_secret
from tocsin_edge.watcher.vigil import Pace

SAMPLE = Path(__file__).parents[2] / "config" / "watcher.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """Return the shipped file with one change."""
    text = SAMPLE.read_text("utf-8")
    assert old in text
    file = tmp_path / "watcher.toml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    return file


def test_the_shipped_file_has_the_shipped_pace() -> None:
    """The sample reads, at the pace that is proven to tell within a minute."""
    found = read_config(SAMPLE)
    assert found.pace == Pace()
    assert [who.language for who in found.recipient] == ["zh", "en"]


def test_it_looks_for_the_broker_often(tmp_path: Path) -> None:
    """However patient the file is, a broker that is back is found within a few seconds."""
    file = changed(tmp_path, "port = 1883", "port = 1883\nreconnect_max_s = 60\nkeepalive_s = 60")
    broker = read_config(file).node_config().broker
    assert broker.reconnect_max_s <= 2.0
    assert broker.keepalive_s <= 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("limit_s = 45", "limit_s = 30", "one canary may be lost"),
        ("limit_s = 45", "limits_s = 45", "did you mean 'limit_s'"),
        ('"+15550100108"', '"5550100108"', "E.164"),
        ('sender = "+15550100198"', "", "sender or service"),
        ("Qingxi Emergency", "Qingxi [€]", "name_en"),
        ('"Asia/Shanghai"', '"Asia/Nowhere"', "zone"),
        ('\nnode = "om-watch-01"', '\nnode = "a/b"', "node is no name"),
        ("timeout_s = 10", "timeout_s = 300", "timeout_s"),
        ('sender = "+15550100198"', 'sender = "+1"\nbase_url = "file:///x"', "base_url"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A watcher that could never call anybody does not start, and says why."""
    with pytest.raises(ConfigError, match=said):
        read_config(changed(tmp_path, old, new))


def test_secrets_come_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is read from its file or variable; an empty or missing one is refused."""
    file = tmp_path / "token"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(file, "", "provider.token")
    file.write_text("\n", "utf-8")
    with pytest.raises(ConfigError, match="empty"):
        read_secret(file, "", "provider.token")
    file.write_text("abc\n", "utf-8")
    assert read_secret(file, "", "provider.token") == "abc"
    with pytest.raises(ConfigError, match="_file or _env"):
        read_secret(None, "", "provider.token")
    monkeypatch.setenv("WATCHER_TOKEN_OF_TEST", "xyz")
    assert read_secret(None, "WATCHER_TOKEN_OF_TEST", "provider.token") == "xyz"
