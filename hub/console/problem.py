"""What went wrong, in words that name the fix: RFC 9457 problem+json in two languages."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from hub.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

logger = logging.getLogger(__name__)


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error: ``code`` for programs, ``detail`` and ``detail_zh`` for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    detail_zh: str


class ProblemError(Exception):
    """A request that cannot be served as asked."""

    def __init__(
        self, status: int, code: str, en: str, zh: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(en)
        self.status, self.code, self.en, self.zh = status, code, en, zh
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Return this problem as problem+json."""
        body = ProblemBody(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            detail=self.en,
            detail_zh=self.zh,
        )
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(body),
            content_type="application/problem+json",
            headers=self.headers,
        )


def not_found(what_en: str, what_zh: str) -> ProblemError:
    """Return the problem that ``what`` does not exist here."""
    return ProblemError(404, "not-found", f"There is no {what_en} here.", f"没有{what_zh}。")


STOCK = {
    404: ("Nothing is served at this address; see /api/v1/openapi.json.", "此地址无内容。"),
    405: ("This address does not take that method.", "此地址不支持该方法。"),
    413: ("The body is larger than 64 KiB; send less.", "请求内容超过 64 KiB，请缩短。"),
}
UNKNOWN = ("The request could not be served.", "请求无法处理。")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into problem+json; a surprise is logged and told as such."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except web.HTTPException as error:
        return stock(error)
    except StoreError as error:
        logger.warning("console: %s", error)
        return unavailable().response()
    except Exception:
        logger.exception("console: unexpected error at %.200r", request.raw_path)
        return surprise().response()


def stock(error: web.HTTPException) -> web.StreamResponse:
    """Return aiohttp's own refusals (404, 405, 413 ...) in our form; redirects as they are."""
    if error.status < HTTPStatus.BAD_REQUEST:
        raise error
    en, zh = STOCK.get(error.status, UNKNOWN)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
    return ProblemError(error.status, code, en, zh, headers).response()


def unavailable() -> ProblemError:
    """Return the problem that the store does not answer for now."""
    en = "The hub's store does not answer; see /readyz, then try again in a few seconds."
    zh = "存储暂时不可用，请查看 /readyz，数秒后重试。"
    return ProblemError(503, "store-unavailable", en, zh, {"Retry-After": "5"})


def surprise() -> ProblemError:
    """Return the problem that is the hub's own fault."""
    en = "The hub failed on this request; its log says why. The alarm path is not affected."
    zh = "中枢处理该请求时出错，原因见日志；报警不受影响。"
    return ProblemError(500, "internal-error", en, zh)
