"""The provider's callbacks: only with its signature, each SMS once, codes not to be guessed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from console_town import EVIL
from twilio.request_validator import RequestValidator

from hub.model.incident import Status
from hub.model.network import Severity
from hub.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.test_utils import TestClient
    from console_town import Json, Serve, Town

SECRET = "provider-auth-token"  # noqa: S105
PUBLIC = "https://hub.example"
LIN = "+8613800001234"
FORWARDED = {"X-Forwarded-For": "54.1.2.3", "Host": "hub.example"}


@asynccontextmanager
async def provided(serve: Serve, **more: object) -> AsyncIterator[TestClient]:
    """Serve with a provider configured."""
    async with serve(twilio_auth_token=SECRET, public_url=PUBLIC, **more) as client:
        yield client


async def call(client: TestClient, path: str, fields: dict[str, str], **more: str) -> Json:
    """POST a form as the provider does, signed unless told otherwise."""
    url = more.get("url", PUBLIC + path)
    signature = more.get("signature", RequestValidator(SECRET).compute_signature(url, fields))
    headers = {**FORWARDED, "X-Twilio-Signature": signature}
    return await client.post(path, data=fields, headers=headers)


async def text(client: TestClient, body: str, sid: str = "SM1", sender: str = LIN) -> str:
    """Send one SMS and return the answer's XML."""
    fields = {"MessageSid": sid, "From": sender, "Body": body, "NumMedia": "0"}
    response = await call(client, "/twilio/sms", fields)
    assert response.status == 200
    assert response.content_type == "text/xml"
    return str(await response.text())


async def test_signed_status_is_taken_in(serve: Serve, town: Town) -> None:
    """A delivery report goes to the deliver loop with our id from the query and its error."""
    async with provided(serve) as client:
        fields = {"MessageSid": "SM7", "MessageStatus": "undelivered", "ErrorCode": "30005"}
        response = await call(client, "/twilio/status?n=abc", fields)
        assert response.status == 200
    assert town.reports == [("SM7", "undelivered", "abc", "30005")]


@pytest.mark.parametrize(
    "broken",
    [
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": "ü"},
        {"url": "https://other.example/twilio/status"},
        {"url": "http://hub.example/twilio/status"},
    ],
)
async def test_unsigned_callbacks_are_refused(
    serve: Serve, town: Town, broken: dict[str, str]
) -> None:
    """Without the right signature over the public address nothing is taken in, but counted."""
    async with provided(serve) as client:
        fields = {"MessageSid": "SM7", "MessageStatus": "delivered"}
        response = await call(client, "/twilio/status", fields, **broken)
        assert response.status == 403
    assert town.reports == []
    assert town.health.counts()["callbacks_refused_total", ""] == 1


async def test_without_a_provider_callbacks_are_closed(client: TestClient, town: Town) -> None:
    """A hub without a provider's token takes no callback, however signed."""
    fields = {"MessageSid": "SM7", "MessageStatus": "delivered"}
    assert (await call(client, "/twilio/status", fields)).status == 403
    assert town.reports == []


async def test_a_reply_acknowledges(serve: Serve, town: Town) -> None:
    """A reply with the code acknowledges and is answered in the person's language."""
    name = town.flood()
    town.start_respond()
    code = town.book.incident(name).code
    async with provided(serve) as client:
        answer = await text(client, f"收到 {code.lower()}")
    assert town.book.incident(name).acknowledged_by == "lin-wei"
    assert "已接警" in answer


async def test_a_reply_without_code_means_the_only_open_one(serve: Serve, town: Town) -> None:
    """With one open incident the word alone is enough; with two the codes are asked for."""
    first = town.flood()
    town.start_respond()
    async with provided(serve) as client:
        await text(client, "1", "SM1")
        assert town.book.incident(first).status is Status.ACKNOWLEDGED
        second = town.find("qx-bridge-01/rain", Severity.SEVERE, hazard="structure")
        assert second != first
        answer = await text(client, "1", "SM2")
    assert town.book.incident(second).code in answer
    assert town.book.incident(first).code in answer
    assert len(town.log.actions(0, 10)) == 1


async def test_the_same_sms_twice_acts_once(serve: Serve, town: Town) -> None:
    """A repeated callback (same MessageSid), also after a restart, changes nothing more."""
    town.flood()
    town.start_respond()
    async with provided(serve) as client:
        await text(client, "水已到二楼", "SM9")
        await text(client, "水已到二楼", "SM9")
    async with provided(serve) as client:
        await text(client, "水已到二楼", "SM9")
    (action,) = town.log.actions(0, 10)
    assert (action.kind, action.via, action.details["text"]) == ("note", "sms", "水已到二楼")


async def test_strangers_are_kept_aside_and_not_answered(serve: Serve, town: Town) -> None:
    """An unknown number acts on nothing; its text is in quarantine, its number masked."""
    code = town.book.incident(town.flood()).code
    async with provided(serve) as client:
        answer = await text(client, f"A {code}", sender="+447700900123")
        assert "<Message>" not in answer
    assert town.log.actions(0, 10) == []
    (row,) = town.log.quarantined(5)
    assert row.door == "sms"
    assert "7700900" not in f"{row}"


async def test_codes_cannot_be_guessed(serve: Serve, town: Town) -> None:
    """Five wrong codes, and the number is not listened to for a while - not even the right one."""
    code = town.book.incident(town.flood()).code
    town.start_respond()
    wrong = [c for c in ("AAA", "CCC", "DDD", "EEE", "FFF", "HHH") if c != code][:5]
    async with provided(serve) as client:
        for i, guess in enumerate(wrong):
            assert "回复码不对" in await text(client, f"A {guess}", f"SM{i}")
        assert "次数过多" in await text(client, f"A {code}", "SMx")
    assert town.log.actions(0, 10) == []


async def test_a_code_of_somebody_elses_page_is_wrong(serve: Serve, town: Town) -> None:
    """A person answers only for what that person was told of."""
    code = town.book.incident(town.find("mill-02/smoke", Severity.SEVERE)).code
    async with provided(serve) as client:
        assert "回复码不对" in await text(client, f"A {code}")
    assert town.log.actions(0, 10) == []


async def test_hand_over_repeat_and_opt_out(serve: Serve, town: Town) -> None:
    """Hand over by name, ask for the text again, and an opt-out turns a check red."""
    code = town.book.incident(town.flood()).code
    town.start_respond()
    async with provided(serve) as client:
        assert "没有此人" in await text(client, f"转 张三 {code}", "SM1")
        assert "陈宇" in await text(client, f"转 陈宇 {code}", "SM2")
        assert code in await text(client, "?", "SM3")
        await text(client, "TD", "SM4")
    assert town.log.actions(0, 10)[0].details["to"] == "chen-yu"
    assert not town.health.checks()["sms:lin-wei"].ok
    notes = [e for e in town.book.timeline(town.book.incident(code).id) if e.kind == "note"]
    assert "退订" in str(notes[0].body["text"])


async def test_answers_are_escaped_xml(serve: Serve, town: Town) -> None:
    """Nothing that is quoted back can break the provider's XML."""
    town.flood()
    async with provided(serve, action_wait_s=0.1) as client:
        answer = await text(client, EVIL)
    assert "<img" not in answer


async def test_too_many_fields_are_refused(serve: Serve) -> None:
    """A form of thousands of fields is not read through."""
    async with provided(serve) as client:
        response = await call(client, "/twilio/sms", {f"f{i}": "x" for i in range(200)})
        assert response.status == 400


def listed(town: Town, *incidents: str) -> str:
    """Tie the pages of ``incidents`` to Lin Wei to one digest and return its code."""
    with transaction(town.connection):
        for name in incidents:
            town.connection.execute(
                "UPDATE notification SET digest = 'd1' WHERE incident = ? AND person = 'lin-wei'",
                (name,),
            )
        town.book.digests.keep("d1", "H4T", "lin-wei", town.clock.now_us())
    return "H4T"


async def test_the_code_of_a_list_takes_all_on_it(serve: Serve, town: Town) -> None:
    """A reply with the code of a digest acknowledges every incident it lists."""
    first, second = town.flood(), town.find("qx-bridge-01/rain", Severity.SEVERE, hazard="fire")
    code = listed(town, first, second)
    town.start_respond()
    async with provided(serve) as client:
        refused = await text(client, f"到场 {code}", "SM1")
        answer = await text(client, f"全部接警 {code}", "SM2")
    assert "清单" in refused
    assert "2起已接警" in answer
    assert {town.book.incident(n).status for n in (first, second)} == {Status.ACKNOWLEDGED}


async def test_all_without_a_code_means_the_newest_list(serve: Serve, town: Town) -> None:
    """ALL without a code takes what the newest digest to this person lists, and nothing else."""
    first, second = town.flood(), town.find("qx-bridge-01/rain", Severity.SEVERE, hazard="fire")
    listed(town, first)
    town.start_respond()
    async with provided(serve) as client:
        await text(client, "A ALL")
    assert town.book.incident(first).status is Status.ACKNOWLEDGED
    assert town.book.incident(second).status is Status.TRIGGERED


async def test_the_code_of_somebody_elses_list_is_wrong(serve: Serve, town: Town) -> None:
    """Only the person who was sent a list can answer by its code."""
    name = town.flood()
    with transaction(town.connection):
        town.connection.execute("UPDATE notification SET digest = 'd1'")
        town.book.digests.keep("d1", "H4T", "somebody-else", town.clock.now_us())
    town.start_respond()
    async with provided(serve) as client:
        assert "回复码不对" in await text(client, "A H4T")
    assert town.book.incident(name).status is Status.TRIGGERED


async def test_zero_asks_for_the_list(serve: Serve, town: Town) -> None:
    """The answer to 0 names each open incident with its code and place."""
    names = [town.flood(), town.find("qx-bridge-01/rain", Severity.SEVERE, hazard="fire")]
    async with provided(serve) as client:
        answer = await text(client, "0")
    assert "共2起未结" in answer
    assert all(town.book.incident(n).code in answer for n in names)
