"""Replies, delivery reports and signatures, as phones and providers really send them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from hub.dispatch.inbound import (
    Verb,
    parse_reply,
    report,
    signature_holds,
)
from hub.model.notification import NotificationState

TABLE = [
    ("A", Verb.ACCEPT, ""),
    ("a", Verb.ACCEPT, ""),
    ("1", Verb.ACCEPT, ""),
    ("１", Verb.ACCEPT, ""),
    ("收到", Verb.ACCEPT, ""),
    ("接警", Verb.ACCEPT, ""),
    ("A 7K2", Verb.ACCEPT, "7K2"),
    ("a7k2", Verb.ACCEPT, "7K2"),
    ("Ａ　７Ｋ２", Verb.ACCEPT, "7K2"),
    ("  a   7 k 2 ", Verb.ACCEPT, "7K2"),
    ("A7K2接警", Verb.ACCEPT, "7K2"),
    ("回A7K2接警", Verb.ACCEPT, "7K2"),
    ("7K2 A", Verb.ACCEPT, "7K2"),
    ("收到7k2", Verb.ACCEPT, "7K2"),
    ("收到，7K2。", Verb.ACCEPT, "7K2"),
    ("Reply A 7K2", Verb.ACCEPT, "7K2"),
    ("A 7K2 = I take it", Verb.ACCEPT, "7K2"),
    ("ACK", Verb.ACCEPT, ""),
    ("AKC", Verb.ACCEPT, ""),
    ("ack please", Verb.ACCEPT, ""),
    ("Ok, thanks!", Verb.ACCEPT, ""),
    ("ACK 7K2", Verb.ACCEPT, "7K2"),
    ("R", Verb.ARRIVED, ""),
    ("到场 7K2", Verb.ARRIVED, "7K2"),
    ("H 7K2", Verb.HELP, "7K2"),
    ("help", Verb.HELP, ""),
    ("请求增援", Verb.HELP, ""),
    ("F 7K2", Verb.FALSE_ALARM, "7K2"),
    ("误报7K2", Verb.FALSE_ALARM, "7K2"),
    ("?", Verb.REPEAT, ""),
    ("？", Verb.REPEAT, ""),
    ("? 7K2", Verb.REPEAT, "7K2"),
    ("A ALL 7K2", Verb.ACCEPT, "7K2"),
    ("全部接警 7K2", Verb.ACCEPT, "7K2"),
    ("A 7K2 = I take all, 0 = list", Verb.ACCEPT, "7K2"),
    ("a all", Verb.ACCEPT, ""),
    ("0", Verb.LIST, ""),
    ("０", Verb.LIST, ""),
    ("列表", Verb.LIST, ""),
    ("回0", Verb.LIST, ""),
    ("STOP", Verb.OPT_OUT, ""),
    ("td", Verb.OPT_OUT, ""),
    ("T", Verb.OPT_OUT, ""),
    ("n", Verb.OPT_OUT, ""),
    ("T 7K2", Verb.NOTE, "7K2"),
    ("7K2", Verb.NOTE, "7K2"),
    ("", Verb.NOTE, ""),
    ("water is over the road", Verb.NOTE, ""),
    ("水已过桥面", Verb.NOTE, ""),
    ("A lot of water", Verb.NOTE, ""),
    ("A R", Verb.NOTE, ""),
    ("A 7K22", Verb.NOTE, ""),
    ("A 0O1", Verb.NOTE, ""),
    ("Drain is blocked", Verb.NOTE, ""),
]


@pytest.mark.parametrize(("text", "verb", "code"), TABLE)
def test_replies_are_understood(text: str, verb: Verb, code: str) -> None:
    """Case, width, spaces, punctuation and the order of word and code do not matter."""
    reply = parse_reply(text)
    assert (reply.verb, reply.code) == (verb, code)


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("D 李四", "李四", ""),
        ("转李四", "李四", ""),
        ("转给 李四 7K2", "李四", "7K2"),
        ("d Amy Chan", "AMY CHAN", ""),
        ("D Max 7k2", "MAX", "7K2"),
    ],
)
def test_hand_over_names_a_person(text: str, name: str, code: str) -> None:
    """A hand-over carries the name and, behind it, the code."""
    reply = parse_reply(text)
    assert (reply.verb, reply.name, reply.code) == (Verb.HAND_OVER, name, code)


def test_false_alarm_needs_a_code() -> None:
    """A sender's number alone never calls an emergency off."""
    assert parse_reply("F").needs_code
    assert not parse_reply("F 7K2").needs_code
    assert not parse_reply("A").needs_code


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=2000))
def test_any_text_is_an_answer_or_a_note(text: str) -> None:
    """Nothing a phone sends raises or vanishes, and what is shown is one clean line."""
    reply = parse_reply(text)
    assert reply.text.isprintable()
    assert reply.verb in Verb


def test_a_report_says_why_it_failed() -> None:
    """An undelivered report carries the provider's code in words."""
    found = report("SM1", "undelivered", "30003")
    assert found is not None
    assert found.state is NotificationState.FAILED
    assert found.reason == "the handset is unreachable (30003)"


@pytest.mark.parametrize(
    ("provider_id", "word"), [("", ""), ("SM1", ""), ("SM1", "x"), ("", "sent")]
)
def test_reports_that_say_nothing_are_none(provider_id: str, word: str) -> None:
    """A report without id or with an unknown state changes nothing."""
    assert report(provider_id, word) is None


def test_only_the_exact_signed_request_holds() -> None:
    """Another field, URL, token or signature does not pass."""
    public, path = "https://hub.example", "/twilio/status?n=abc"
    fields = {"MessageSid": "SM1", "MessageStatus": "sent"}
    mark = RequestValidator("token").compute_signature(public + path, fields)
    assert signature_holds("token", public, path, fields, mark)
    assert signature_holds("token", public + "/", path, fields, mark)
    assert not signature_holds("token", public, path, {**fields, "MessageStatus": "x"}, mark)
    assert not signature_holds("token", public, "/twilio/status?n=abd", fields, mark)
    assert not signature_holds("token", "http://hub.example", path, fields, mark)
    assert not signature_holds("other", public, path, fields, mark)
    assert not signature_holds("token", public, path, fields, "")
    assert not signature_holds("", public, path, fields, mark)
    assert not signature_holds("token", public, path, fields, "ü")


@pytest.mark.parametrize("text", ["A ALL", "全部接警", "a all 7K2", "接警 全部"])
def test_all_is_heard(text: str) -> None:
    """Who writes ALL means what the newest list holds, or the list of the code."""
    assert parse_reply(text).every


@pytest.mark.parametrize("text", ["A", "A 7K2", "call me", "F ALL", "all"])
def test_all_is_not_heard_where_it_is_not_an_answer(text: str) -> None:
    """Anything else that has the word in it is not an answer for all."""
    assert not parse_reply(text).every
