"""Every channel against a real provider process: one attempt, its failure named."""

# ruff: noqa: ANN401  fields of any kind pass through
from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from desk import note

from hub.dispatch.base import (
    ChannelStoppedError,
    DeliveryThrottledError,
    Surroundings,
    masked,
    scrubbed,
)
from hub.dispatch.channels import CHANNELS, build, check
from hub.dispatch.channels.guard import is_public
from hub.dispatch.retry import CODES, Advice, judge
from hub.errors import (
    ConfigError,
    DeliveryAmbiguousError,
    DeliveryDeferredError,
    DeliveryError,
)
from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from providers import ProviderProcess

    from hub.dispatch.base import Channel

pytestmark = pytest.mark.usefixtures("secrets")

SMS = {
    "sender": "+15550100100",
    "account_env": "TOCSIN_SMS_ACCOUNT",
    "token_env": "TOCSIN_SMS_TOKEN",
    "timeout_s": 1.0,
}
HOOK = {"secret_env": "TOCSIN_WEBHOOK_SECRET", "allow_private": True, "timeout_s": 1.0}
ADVICE = {
    Advice.AGAIN: DeliveryThrottledError,
    Advice.ELSEWHERE: DeliveryDeferredError,
    Advice.UNKNOWN: DeliveryAmbiguousError,
    Advice.NEVER: DeliveryError,
    Advice.STOP: ChannelStoppedError,
}


@asynccontextmanager
async def channel(
    kind: str, around: Surroundings | None = None, **options: Any
) -> AsyncIterator[Channel]:
    """Build a channel as the hub does and close it."""
    made = build(kind, kind, options, around or Surroundings())
    try:
        yield made
    finally:
        await made.aclose()


async def test_sms_arrives_with_validity_and_callback(
    provider: ProviderProcess, number: str
) -> None:
    """One attempt is one message with our text, a validity, and where to report to."""
    around = Surroundings(public_url="https://hub.example/")
    async with channel("sms", around, base_url=provider.url, **SMS) as sms:
        sid = await sms.send(note("n1", address=number))
        assert sms.receipts
    (entry,) = [e for e in provider.ledger() if e["to"] == number]
    assert entry["sid"] == sid
    assert entry["body"] == note("n1").text
    assert entry["validity_s"] == "900"
    assert entry["status_callback"] == "https://hub.example/twilio/status?n=n1"


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_code_of_the_retry_table(
    provider: ProviderProcess, number: str, code: int
) -> None:
    """Each known code becomes the error that its row says, without the person's number."""
    provider.order("code", code=code)
    async with channel("sms", base_url=provider.url, **SMS) as sms:
        with pytest.raises(DeliveryError) as raised:
            await sms.send(note("n", address=number))
    assert type(raised.value) is ADVICE[CODES[code].advice]
    assert raised.value.code == str(code)
    assert number not in str(raised.value)
    assert not [e for e in provider.ledger() if e["to"] == number]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, DeliveryDeferredError),  # unknown code: again, and elsewhere
        (401, ChannelStoppedError),
        (404, ChannelStoppedError),
        (429, DeliveryThrottledError),
        (500, DeliveryAmbiguousError),
        (503, DeliveryAmbiguousError),
    ],
)
async def test_every_status_of_the_retry_table(
    provider: ProviderProcess, number: str, status: int, kind: type[DeliveryError]
) -> None:
    """A status without a known code becomes the error that its row says."""
    provider.order("status", status=status)
    async with channel("sms", base_url=provider.url, **SMS) as sms:
        with pytest.raises(DeliveryError) as raised:
            await sms.send(note("n", address=number))
    assert type(raised.value) is kind


@pytest.mark.parametrize("what", ["hang", "refuse", "cut", "drip", "huge", "late", "lost"])
async def test_no_clear_answer_is_ambiguous_and_soon(
    provider: ProviderProcess, number: str, what: str
) -> None:
    """Whatever the provider does after it was called, within two seconds it is ambiguous."""
    provider.order(what)
    began = time.monotonic()
    async with channel("sms", base_url=provider.url, **SMS) as sms:
        with pytest.raises(DeliveryAmbiguousError) as raised:
            await sms.send(note("n", address=number))
    assert time.monotonic() - began < 2.0
    assert number not in str(raised.value)


async def test_no_connection_is_not_ambiguous(number: str) -> None:
    """Nobody there means not sent: deferred, no look-up needed."""
    async with channel("sms", base_url=f"http://127.0.0.1:{free_port()}", **SMS) as sms:
        with pytest.raises(DeliveryDeferredError) as raised:
            await sms.send(note("n", address=number))
        assert not isinstance(raised.value, DeliveryAmbiguousError)
        with pytest.raises(DeliveryDeferredError):
            await sms.find(note("n", address=number))


async def test_what_was_taken_is_found(provider: ProviderProcess, number: str) -> None:
    """After a lost answer the message is found by number and text, and only that one."""
    provider.order("lost")
    async with channel("sms", base_url=provider.url, **SMS) as sms:
        with pytest.raises(DeliveryAmbiguousError):
            await sms.send(note("n", address=number))
        (entry,) = [e for e in provider.ledger() if e["to"] == number]
        assert await sms.find(note("n", address=number)) == (entry["sid"],)
        assert await sms.find(note("other", address=number)) == ()


async def test_a_repeat_says_so_in_both_languages(provider: ProviderProcess, number: str) -> None:
    """What may have arrived before is marked in the reader's language."""
    async with channel("sms", base_url=provider.url, **SMS) as sms:
        await sms.send(note("n", address=number, repeat=True))
        await sms.send(note("n", address=number, repeat=True, language="zh", text="红色洪水"))
    bodies = [e["body"] for e in provider.ledger() if e["to"] == number]
    assert bodies == [note("n").text + " (repeat)", "红色洪水（重发）"]


async def test_webhook_is_signed_after_the_standard(provider: ProviderProcess) -> None:
    """The receiver can check id, time and body with the shared secret; nobody is named."""
    async with channel("webhook", **HOOK) as hook:
        await hook.send(note("hook-1", address=f"{provider.url}/hook/signed"))
    (entry,) = [e for e in provider.ledger("hook") if e["name"] == "signed"]
    head, body = entry["headers"], entry["body"]
    content = f"{head['webhook-id']}.{head['webhook-timestamp']}.{body}".encode()
    mark = hmac.new(base64.b64decode("QUJD" * 8), content, hashlib.sha256).digest()
    assert head["webhook-signature"] == "v1," + base64.b64encode(mark).decode()
    assert head["webhook-id"] == "hook-1"
    assert abs(int(head["webhook-timestamp"]) - time.time()) < 5
    data = json.loads(body)["data"]
    assert data["text"] == note("hook-1").text
    assert "address" not in data
    assert "person" not in data


@pytest.mark.parametrize(
    ("what", "details", "kind"),
    [
        ("status", {"status": 500}, DeliveryDeferredError),
        ("status", {"status": 503}, DeliveryDeferredError),
        ("status", {"status": 429}, DeliveryThrottledError),
        ("status", {"status": 404}, DeliveryError),
        ("redirect", {}, DeliveryError),
        ("hang", {}, DeliveryDeferredError),
        ("cut", {}, DeliveryDeferredError),
        ("refuse", {}, DeliveryDeferredError),
    ],
)
async def test_bad_receivers_are_left_in_time(
    provider: ProviderProcess, what: str, details: dict[str, int], kind: type[DeliveryError]
) -> None:
    """No receiver holds us longer than the deadline, and redirects are not followed."""
    provider.order(what, door="hook", **details)
    began = time.monotonic()
    async with channel("webhook", **HOOK) as hook:
        with pytest.raises(DeliveryError) as raised:
            await hook.send(note("n", address=f"{provider.url}/hook/bad"))
    assert type(raised.value) is kind
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("what", ["drip", "huge"])
async def test_an_endless_body_is_not_read(provider: ProviderProcess, what: str) -> None:
    """A yes is a yes, however long its body; the next call works."""
    provider.order(what, door="hook")
    began = time.monotonic()
    async with channel("webhook", **HOOK) as hook:
        for name in ("n1", "n2"):
            assert await hook.send(note(name, address=f"{provider.url}/hook/long")) == name
    assert time.monotonic() - began < 1.5


async def test_gone_means_never_again(provider: ProviderProcess) -> None:
    """After a 410 the address is not called again."""
    provider.order("status", door="hook", status=410)
    target = f"{provider.url}/hook/gone"
    async with channel("webhook", **HOOK) as hook:
        for _ in range(2):
            with pytest.raises(DeliveryError, match=r"410|disabled"):
                await hook.send(note("n", address=target))
    assert not [e for e in provider.ledger("hook") if e["name"] == "gone"]


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[2002:7f00:1::]/x",
        "https://[fe80::1%25lo]/x",
        "https://0.0.0.0/x",
        "https://user:pass@example.com/x",
        "http://example.com/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "",
        "https://",
        "https://[::1",
    ],
)
async def test_webhooks_stay_out_of_our_network(address: str) -> None:
    """No spelling of a private address, and no other scheme, is called."""
    async with channel("webhook", **{**HOOK, "allow_private": False}) as hook:
        with pytest.raises(DeliveryError) as raised:
            await hook.send(note("n", address=address))
    assert not isinstance(raised.value, DeliveryDeferredError)


def test_public_addresses_pass() -> None:
    """Addresses of the public internet are not refused."""
    assert is_public("8.8.8.8")
    assert is_public("2606:4700::1111")


async def test_terminal_shows_a_phone_in_both_languages() -> None:
    """The text stands on a screen whose edges line up, with the number masked."""
    stream = io.StringIO()
    async with channel("terminal", Surroundings(stream=stream)) as terminal:
        await terminal.send(note("n"))
        chinese = "红色洪水 青溪桥：水位4.82米，超4.5米危险线，14:05起。撤离低处人员。回A 7K2接警"
        await terminal.send(note("n", language="zh", text=chinese))
    shown = stream.getvalue()
    assert "RED flood, Qingxi bridge n." in shown
    assert "1 SMS gsm7" in shown
    assert "条短信 ucs2" in shown
    assert "+15…0123" in shown
    assert "+15550100123" not in shown
    assert all(line[0] in ".|'" and line[-1] in ".|'" for line in shown.splitlines())


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("pigeon", {}, "not one of"),
        ("sms", {**SMS, "sendr": "x"}, "sendr"),
        ("sms", {k: v for k, v in SMS.items() if k != "sender"}, "sender or service"),
        ("sms", {**SMS, "timeout_s": 0}, "timeout_s"),
        ("sms", {**SMS, "validity_s": 99999}, "validity_s"),
        ("sms", {**SMS, "at_once": "many"}, "at_once"),
        ("sms", {**SMS, "base_url": "ftp://x"}, "base_url"),
        ("terminal", {"width": 5}, "width"),
    ],
)
def test_a_wrong_setting_is_named(kind: str, options: dict[str, object], words: str) -> None:
    """An unknown option or a wrong value is refused with its name."""
    with pytest.raises(ConfigError, match=words):
        check("c", kind, options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("sms", {**SMS, "token_env": "TOCSIN_NOT_SET"}),
        ("sms", {**SMS, "token_env": ""}),
        ("webhook", {"secret_file": "/nowhere/secret"}),
        ("webhook", {"secret_env": "TOCSIN_SMS_TOKEN"}),
        ("webhook", {}),
    ],
)
def test_a_missing_secret_is_named_and_not_shown(kind: str, options: dict[str, object]) -> None:
    """A secret that is not there, or none, stops the start and does not appear in words."""
    with pytest.raises(ConfigError) as raised:
        build("c", kind, options, Surroundings())
    assert "demo-token" not in str(raised.value)


def test_every_channel_has_settings_with_defaults_or_a_reason() -> None:
    """Each registered kind is checked by its own settings class."""
    assert set(CHANNELS) == {"sms", "webhook", "terminal"}
    assert all(settings.__doc__ for settings, _ in CHANNELS.values())


def test_unknown_codes_are_tried_again_elsewhere() -> None:
    """A code that nobody knows yet never ends the matter."""
    assert judge(400, 99999).advice is Advice.ELSEWHERE
    assert judge(500, 99999).advice is Advice.UNKNOWN


def test_numbers_and_links_never_pass_the_mask() -> None:
    """Whatever a provider says, numbers and links in it are masked."""
    said = "The 'To' number +15550100123 (1 555 010-0123) see https://hub.example/a/secret\nx"
    clean = scrubbed(said, "+15550100123")
    assert "0100123" not in clean.replace("-", "").replace(" ", "")
    assert "secret" not in clean
    assert "\n" not in clean
    assert masked("+8613800001234") == "+86…1234"
    assert masked("https://u:p@hub.example/x") == "https://hub.example/…"
