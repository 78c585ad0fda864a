"""A proxy of its own process before a real InfluxDB: misbehaves on order, keeps a ledger.

``POST /order`` takes a JSON list of answers for the coming writes:
``{"status": 429, "headers": {...}, "body": "..."}`` answers without asking the server;
``{"lost": true}`` lets the server take the write and cuts the answer off;
``{"only_over": N, "status": 413}`` answers so for bodies over N bytes, for good.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEY = re.compile(rb'boot="([^"]*)",seq=(\d+)i,pos=(\d+)i')


class Server(ThreadingHTTPServer):
    """What the handlers share."""

    daemon_threads = True

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.args = args
        self.upstream = urlsplit(args.upstream)
        self.answers: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.ledger = Path(args.ledger).open("a", encoding="utf-8")  # noqa: SIM115  open as long as the process

    def next_answer(self, size: int) -> dict[str, Any]:
        """Return the ordered answer for a write of ``size`` bytes; {} to pass it on."""
        with self.lock:
            for answer in self.answers:
                if size > answer.get("only_over", size):
                    return answer
            ready = [a for a in self.answers if "only_over" not in a]
            if ready:
                self.answers.remove(ready[0])
            return ready[0] if ready else {}

    def note(self, **what: object) -> None:
        """Write one line to the ledger."""
        with self.lock:
            self.ledger.write(json.dumps(what) + "\n")
            self.ledger.flush()
            os.fsync(self.ledger.fileno())

    def missing(self, body: bytes) -> int:
        """Return how many of the body's lines are no longer in the hub's log."""
        if not self.args.database:
            return 0
        keys = [(boot.decode(), int(seq), int(pos)) for boot, seq, pos in KEY.findall(body)]
        database = sqlite3.connect(f"file:{self.args.database}?mode=ro", uri=True)
        try:
            there = set(
                database.execute(
                    "SELECT m.boot, m.seq, o.pos FROM observation o JOIN message m"
                    " ON m.id = o.message"
                )
            )
        finally:
            database.close()
        return sum(key not in there for key in keys)


class Handler(BaseHTTPRequestHandler):
    """Passes everything on, but writes as ordered."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Pass on."""
        self.answer(*self.ask(b""))

    def do_POST(self) -> None:
        """Take an order, or a write or query."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/order":
            with self.server.lock:
                self.server.answers = json.loads(body)
            self.answer(204, {}, b"")
        elif self.path.startswith("/api/v2/write"):
            self.write(body)
        else:
            self.answer(*self.ask(body))

    def write(self, body: bytes) -> None:
        """Answer one write as ordered, and note it."""
        before = self.server.missing(body)
        ordered = self.server.next_answer(len(body))
        asked = "status" not in ordered
        status, headers, answer = (
            self.ask(body)
            if asked
            else (ordered["status"], ordered.get("headers", {}), ordered.get("body", "").encode())
        )
        self.server.note(
            status=status,
            passed_on=asked,
            lost=bool(ordered.get("lost")),
            lines=body.count(b"\n") + 1,
            missing=max(before, self.server.missing(body)),
        )
        if ordered.get("lost"):
            self.close_connection = True
            self.connection.close()
        else:
            self.answer(status, headers, answer)

    def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return (status, headers, body) of the real server."""
        upstream = self.server.upstream
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            given = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            return answer.status, given, answer.read()
        except OSError:
            return 502, {}, b"bad gateway"
        finally:
            connection.close()

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send one answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--database")
    server = Server(parser.parse_args())
    ready = Path(f"{server.args.address}.part")
    ready.write_text(f"http://127.0.0.1:{server.server_port}")
    ready.replace(server.args.address)
    server.serve_forever()


if __name__ == "__main__":
    main()
