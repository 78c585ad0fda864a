"""A provider that plays the phones: Twilio's Messages API and webhook receivers, in one process.

``python -m hub.demo.provider --port 0 --ledger FILE``. Every message it takes is in the
ledger, on disk, before the answer leaves: the ledger is the outside witness of what the
hub really sent. It misbehaves on order (``POST /misbehave``) and loopback is its only door.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web
from twilio.request_validator import RequestValidator

from hub.demo.misbehaviour import Order, Orders, spoil_after, spoil_before, twilio_error

HOST: Final = "127.0.0.1"
LONGEST_BODY: Final = 1 << 20
REPORTS: Final = ("queued", "sent", "delivered")
REPORT_PAUSE_S: Final = 0.05


class Ledger:
    """Appends one JSON line per accepted call, on disk when ``add`` returns."""

    def __init__(self, path: Path) -> None:
        before = path.read_bytes() if path.exists() else b""
        cut_short = bool(before) and not before.endswith(b"\n")
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n" if cut_short else "")
        self.path = path

    def add(self, **entry: object) -> None:
        """Append ``entry`` with the real time, and force it to disk."""
        self._file.write(json.dumps({"at_s": time.time(), **entry}, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """Return every entry, oldest first; a line cut short by a kill was never promised."""
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.endswith(b"}")]


class Provider:
    """The whole provider; ``callback`` is the hub's public URL for reports and replies."""

    def __init__(self, ledger: Ledger, *, account: str, token: str, callback: str) -> None:
        self._ledger = ledger
        self._account = account
        self._credentials = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        self._token = token
        self._callback = callback.rstrip("/")
        self._orders = Orders()
        self._messages: list[dict[str, Any]] = [
            e["message"] for e in ledger.read() if e["kind"] == "sms"
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """Return the application with every route."""
        app = web.Application(client_max_size=LONGEST_BODY)
        root = "/2010-04-01/Accounts/{sid}/Messages.json"
        app.router.add_post(root, self.create_message)
        app.router.add_get(root, self.list_messages)
        app.router.add_post("/hook/{name}", self.hook)
        app.router.add_get("/ping", self.ping)
        app.router.add_post("/misbehave", self.misbehave)
        app.router.add_post("/reply", self.reply)
        app.router.add_get("/ledger", self.ledger)
        app.router.add_get("/health", self.health)
        app.on_shutdown.append(self.close)
        return app

    async def close(self, _app: web.Application) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            await self._session.close()

    # the Messages API

    async def create_message(self, request: web.Request) -> web.StreamResponse:
        """Take one SMS: the ledger first, then the answer."""
        refused = self.refused(request)
        if refused is not None:
            return refused
        order = self._orders.rule("sms")
        spoilt = await spoil_before(request, order)
        if spoilt is not None:
            return spoilt
        form = {k: str(v) for k, v in (await request.post()).items()}
        if not form.get("To") or not (form.get("From") or form.get("MessagingServiceSid")):
            return twilio_error(400, 21604 if not form.get("To") else 21603, "To and From")
        message = self.taken(form)
        self.later(self.reports(message, form.get("StatusCallback", ""), order))
        return await spoil_after(request, order) or web.json_response(message, status=201)

    async def list_messages(self, request: web.Request) -> web.StreamResponse:
        """Return the messages to a number, newest first, as the real API pages them."""
        refused = self.refused(request)
        if refused is not None:
            return refused
        spoilt = await spoil_before(request, self._orders.rule("list"))
        if spoilt is not None:
            return spoilt
        to, size = request.query.get("To"), int(request.query.get("PageSize", "50"))
        found = [m for m in reversed(self._messages) if to is None or m["to"] == to][:size]
        page = {"messages": found, "page": 0, "page_size": size, "next_page_uri": None}
        return web.json_response(page)

    def refused(self, request: web.Request) -> web.Response | None:
        """Return what wrong credentials get; None for right ones."""
        if request.headers.get("Authorization", "") != self._credentials:
            return twilio_error(401, 20003, "Authenticate")
        if request.match_info["sid"] != self._account:
            return twilio_error(404, 20404, "The requested resource was not found")
        return None

    def taken(self, form: dict[str, str]) -> dict[str, Any]:
        """Write one message to the ledger and return it as the API shows it."""
        now = format_datetime(datetime.now(UTC))
        message = {
            "sid": "SM" + os.urandom(16).hex(),
            "account_sid": self._account,
            "to": form["To"],
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "body": form.get("Body", ""),
            "status": "queued",
            "error_code": None,
            "date_created": now,
            "date_updated": now,
            "date_sent": now,
        }
        self._ledger.add(
            kind="sms",
            to=message["to"],
            body=message["body"],
            sid=message["sid"],
            validity_s=form.get("ValidityPeriod"),
            status_callback=form.get("StatusCallback"),
            message=message,
        )
        self._messages.append(message)
        return message

    # reports and replies

    async def reports(self, message: dict[str, Any], url: str, order: Order | None) -> None:
        """Send the delivery reports of one message, well or badly."""
        if not url and self._callback:
            url = f"{self._callback}/twilio/status"
        what = order.what if order else ""
        if not url or what in ("silent", "hang", "refuse"):
            return
        await asyncio.sleep(order.reports_s if order else 0.0)
        states = list(REPORTS)
        if what == "undelivered":
            states[-1] = "undelivered"
        if what == "doubled":
            states = [state for state in states for _ in range(2)]
        if what == "shuffled":
            states = states[::-1]
        for state in states:
            await asyncio.sleep(REPORT_PAUSE_S)
            fields = self.report_fields(message, state, order)
            if what == "forged":
                await self.call(url, {**fields, "MessageStatus": "delivered"}, token="forged")  # noqa: S106
            else:
                message["status"] = state
                await self.call(url, fields)

    def report_fields(
        self, message: dict[str, Any], state: str, order: Order | None
    ) -> dict[str, str]:
        """Return the form fields of one delivery report."""
        fields = {
            "AccountSid": self._account,
            "ApiVersion": "2010-04-01",
            "From": str(message["from"] or ""),
            "To": message["to"],
            "MessageSid": message["sid"],
            "SmsSid": message["sid"],
            "MessageStatus": state,
            "SmsStatus": state,
        }
        if state == "undelivered":
            fields["ErrorCode"] = str((order.code if order else 0) or 30003)
        return fields

    async def reply(self, request: web.Request) -> web.Response:
        """Send the hub one SMS from a phone: from, to, body, and maybe url, sid, forged."""
        wanted = await request.json()
        fields = {
            "MessageSid": wanted.get("sid") or "SM" + os.urandom(16).hex(),
            "AccountSid": self._account,
            "From": wanted["from"],
            "To": wanted["to"],
            "Body": wanted["body"],
            "NumMedia": "0",
        }
        url = wanted.get("url") or f"{self._callback}/twilio/sms"
        token = "forged" if wanted.get("forged") else None
        status, text = await self.call(url, fields, token=token)
        return web.json_response({"status": status, "text": text})

    async def call(
        self, url: str, fields: dict[str, str], *, token: str | None = None
    ) -> tuple[int, str]:
        """Post signed ``fields`` to the hub; return its status and text (0 if it is not there).

        The signature is of ``url``; the call goes to the same path.
        """
        mark = RequestValidator(token or self._token).compute_signature(url, fields)
        try:
            async with self.session().post(
                url, data=fields, headers={"X-Twilio-Signature": mark}
            ) as answer:
                body = await answer.content.read(4096)
                return answer.status, body.decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, type(error).__name__

    def session(self) -> aiohttp.ClientSession:
        """Return the client session, made when first needed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self._session

    def later(self, work: Any) -> None:  # noqa: ANN401  a coroutine
        """Run ``work`` beside the answer."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # webhooks

    async def hook(self, request: web.Request) -> web.StreamResponse:
        """Take one webhook: headers and body go to the ledger unverified."""
        order = self._orders.rule("hook")
        spoilt = await spoil_before(request, order)
        if spoilt is not None:
            return spoilt
        body = (await request.read()).decode("utf-8", "replace")
        headers = {
            k.lower(): v for k, v in request.headers.items() if k.lower().startswith("webhook-")
        }
        self._ledger.add(kind="hook", name=request.match_info["name"], headers=headers, body=body)
        return await spoil_after(request, order) or web.json_response({"ok": True})

    async def ping(self, request: web.Request) -> web.Response:
        """Take a dead-man's ping."""
        self._ledger.add(kind="ping", path=request.path_qs)
        return web.Response(text="ok")

    # misbehaviour

    async def misbehave(self, request: web.Request) -> web.Response:
        """Take an order (or a list of them); ``{"what":"well"}`` forgets all of them."""
        try:
            self._orders.give(await request.read())
        except (msgspec.DecodeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"orders": len(self._orders)})

    # looking in

    async def ledger(self, _request: web.Request) -> web.Response:
        """Return the whole ledger as one JSON list."""
        return web.json_response(self._ledger.read())

    async def health(self, _request: web.Request) -> web.Response:
        """Say that it is up."""
        return web.json_response({"ok": True})


async def serve(args: argparse.Namespace, token: str) -> None:
    """Serve until told to stop; print one JSON line when ready."""
    provider = Provider(
        Ledger(args.ledger), account=args.account, token=token, callback=args.callback
    )
    runner = web.AppRunner(provider.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, args.port)
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({"ready": True, "host": HOST, "port": port}), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def main(argv: list[str] | None = None) -> int:
    """Run the provider; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hub.demo.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--account", default="AC" + "0" * 32)
    parser.add_argument("--token", default="demo-token")
    parser.add_argument("--token-file", default="")
    parser.add_argument("--callback", default="", help="the hub's public URL")
    args = parser.parse_args(argv)
    token = Path(args.token_file).read_text("utf-8").strip() if args.token_file else args.token
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(args, token))
    return 0


if __name__ == "__main__":
    sys.exit(main())
