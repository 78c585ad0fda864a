import http.server
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from influx_server import InfluxServer

from hub.config.settings import InfluxSettings
from hub.errors import StoreRefusedError, StoreUnavailableError
from hub.ports import free_port
from hub.store.influx import InfluxStore, retry_after_s


@pytest.mark.influx
def test_check_passes_on_a_server_that_is_ready(place: InfluxSettings) -> None:
    """A v2 server with the bucket and a valid token needs no words."""
    standing = InfluxStore(place).check()
    assert standing.warning == ""
    assert standing.started.startswith("20")


@pytest.mark.influx
def test_check_names_a_missing_bucket_and_how_to_make_it(place: InfluxSettings) -> None:
    """The words hold the command that makes it."""
    with pytest.raises(StoreRefusedError, match="influx bucket create") as caught:
        InfluxStore(replace(place, bucket="nowhere")).check()
    assert caught.value.status == 404


@pytest.mark.influx
def test_check_warns_of_a_bucket_that_forgets(server: InfluxServer, place: InfluxSettings) -> None:
    """The store for good must not have a retention."""
    server.make_bucket("forgetful", forget_s=7 * 86400)
    assert "forgets after 7 days" in InfluxStore(replace(place, bucket="forgetful")).check().warning


@pytest.mark.influx
def test_a_wrong_token_is_named_and_a_new_one_is_taken(
    place: InfluxSettings, tmp_path: Path
) -> None:
    """The file is read again after the refusal: no restart."""
    token_file = tmp_path / "token"
    token_file.write_text("wrong")
    store = InfluxStore(replace(place, token_file=token_file))
    for call in (store.check, lambda: store.write(b"m v=1 1")):
        with pytest.raises(StoreRefusedError, match="token is not valid") as caught:
            call()
        assert caught.value.status == 401
    assert place.token_file is not None
    token_file.write_text(place.token_file.read_text())
    store.write(b"m v=1 1")


@pytest.mark.influx
def test_a_bad_line_is_refused_with_the_servers_words(place: InfluxSettings) -> None:
    """400 and 422 carry the reason for the quarantine."""
    store = InfluxStore(place)
    with pytest.raises(StoreRefusedError, match="unable to parse") as caught:
        store.write(b"m v=nonsense 1")
    assert caught.value.status == 400
    store.write(b"m v=1i 1")
    with pytest.raises(StoreRefusedError, match=r"field type conflict.*dropped=1") as caught:
        store.write(b"m v=1.5 2")
    assert caught.value.status == 422


@pytest.mark.influx
def test_a_query_gets_its_values_bound(place: InfluxSettings) -> None:
    """Quotes in a value stay data."""
    store = InfluxStore(place)
    store.write(b'm,node=a"b v=1 1000')
    flux = (
        "from(bucket: bucket) |> range(start: time(v: start)) |> filter(fn: (r) => r.node == node)"
    )
    assert b",1," in store.query(flux, {"node": 'a"b', "start": -1000})
    injected = '" or true or r.node == "'
    assert store.query(flux, {"node": injected, "start": -1000}).strip() == b""
    with pytest.raises(StoreRefusedError):
        store.query("nonsense(", {})


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    """A refused connection is no reason to give anything up."""
    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        InfluxStore(settings_of(free_port(), tmp_path)).write(b"m v=1 1")


def test_no_token_is_unavailable_in_words(tmp_path: Path) -> None:
    """The file is named."""
    place = replace(settings_of(free_port(), tmp_path), token_file=tmp_path / "none")
    with pytest.raises(StoreUnavailableError, match="none"):
        InfluxStore(place).check()


@pytest.mark.parametrize(
    ("status", "headers", "body", "retry_after_s"),
    [
        (429, {"Retry-After": "7"}, b'{"code":"too many requests","message":"slow"}', 7.0),
        (503, {"Retry-After": "-2147483648"}, b"down", None),
        (503, {"Retry-After": "soon"}, b"", None),
        (500, {}, b'{"code":"internal error","message":"no space left on device"}', None),
        (400, {}, b"<html>a proxy says Bad Request</html>", None),
        (200, {}, b"\xff\xfe not json", None),
    ],
)
def test_only_influxdbs_own_refusals_are_about_a_line(
    tmp_path: Path, status: int, headers: dict[str, str], body: bytes, retry_after_s: float | None
) -> None:
    """What a proxy or a struggling server says keeps the data; odd Retry-After are ignored."""
    with answering(status, headers, body) as port:
        store = InfluxStore(settings_of(port, tmp_path))
        with pytest.raises(StoreUnavailableError) as caught:
            store.check() if status == 200 else store.write(b"m v=1 1")
    assert caught.value.retry_after_s == retry_after_s


def test_another_product_is_told_apart(tmp_path: Path) -> None:
    """/health of a version 3, or of something else, is not InfluxDB 2."""
    body = b'{"name":"influxdb","version":"3.1.0","status":"pass"}'
    refused = pytest.raises(StoreUnavailableError, match=r"not InfluxDB 2.*3\.1\.0")
    with answering(200, {}, body) as port, refused:
        InfluxStore(settings_of(port, tmp_path)).check()


def test_a_server_that_never_answers_is_left_after_the_time_out(tmp_path: Path) -> None:
    """A hanging server costs the loop its time-out, not for ever."""
    with answering(0, {}, b"") as port:
        place = replace(settings_of(port, tmp_path), timeout_s=0.3)
        with pytest.raises(StoreUnavailableError, match="cannot be used"):
            InfluxStore(place).write(b"m v=1 1")


def test_retry_after_may_be_a_date() -> None:
    """A date in the past, or none, asks for nothing."""
    assert (retry_after_s({"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}) or 0) > 1e9
    assert retry_after_s({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) is None
    assert retry_after_s({"Retry-After": "inf"}) is None
    assert retry_after_s(None) is None


def settings_of(port: int, folder: Path) -> InfluxSettings:
    """Settings for a server on ``port``."""
    token_file = folder / "a-token"
    token_file.write_text("t")
    return InfluxSettings(
        url=f"http://127.0.0.1:{port}", org="o", bucket="b", token_file=token_file, timeout_s=3
    )


class answering:  # noqa: N801
    """A server of its own thread that gives one answer to everything; status 0 hangs."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        done = self.done = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if not status:
                    done.wait(5)
                    return
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> int:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_port

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.server.shutdown()
        self.server.server_close()
