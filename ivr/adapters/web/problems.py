"""What can go wrong with a request: one table from code to status and sentences, and one from exception to code."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ivr.adapters.web.schemas import Problem
from ivr.core.errors import StoreError


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table. The sentences may hold `{detail}`."""

    status: int
    zh: str
    en: str


PROBLEMS: dict[str, Kind] = {
    "bad_request": Kind(400, "请求内容有误：{detail}", "The request is not understood: {detail}"),
    "sign_in_needed": Kind(401, "请先登录。", "Sign in first."),
    "wrong_password": Kind(401, "用户名或密码不正确。", "User name or password is wrong."),
    "bad_token": Kind(401, "访问令牌无效。", "The bearer token is not valid."),
    "demonstration_refused": Kind(
        403,
        "演示账号只能在服务器本机上使用，请使用正式账号登录。",
        "Demonstration accounts work on the server's own machine only: sign in with a real account.",
    ),
    "https_needed": Kind(
        403,
        "从其他电脑登录须使用 HTTPS，请通过 https:// 地址访问。",
        "Signing in from another machine needs HTTPS: use the https:// address, and let the proxy in front send"
        " X-Forwarded-Proto.",
    ),
    "role_refused": Kind(403, "您的账号没有此权限。", "Your account's role does not allow this."),
    "not_an_agent": Kind(
        403, "您的账号没有绑定坐席工号。", "Your account has no agent's work number, or it is not in config.toml."
    ),
    "no_talk": Kind(409, "您现在没有通话。", "You are in no talk now."),
    "transfer_refused": Kind(409, "通话现在的状态不能这样转接。", "This cannot be done with the call as it is now."),
    "colleague_not_ready": Kind(
        409, "{detail} 现在不空闲，请不来。", "{detail} is not ready: only who is ready can be asked for."
    ),
    "foreign_origin": Kind(403, "请求来自其他网站，已拒绝。", "The request comes from another site and was refused."),
    "not_found": Kind(404, "没有找到。", "There is no such thing."),
    "call_not_found": Kind(404, "没有找到这通电话。", "There is no such call."),
    "callback_not_found": Kind(404, "没有这项待办回拨。", "There is no such open callback."),
    "no_way_outside": Kind(
        409,
        "没有配置外呼线路，不能回拨。",
        "There is no trunk for calls to the outside: set [outside] trunk in config.toml.",
    ),
    "recording_not_found": Kind(404, "没有找到这段录音。", "There is no such recording."),
    "recording_file_missing": Kind(
        404,
        "录音文件不在录音文件夹中，请告知管理员。",
        "The recording's file is not in the recordings folder: tell the administrator.",
    ),
    "mark_not_found": Kind(404, "这个号码没有标记。", "This number has no mark."),
    "proposal_not_found": Kind(404, "没有这项申请，可能已经处理。", "There is no such proposal: it may be settled."),
    "number_withheld": Kind(409, "来电没有显示号码，无法标记。", "The number was withheld: it cannot be marked."),
    "method_not_allowed": Kind(405, "此地址不支持该操作。", "This address does not support that method."),
    "not_waiting": Kind(409, "这通电话不在排队，无法提前。", "This call is not in the line, and cannot be moved up."),
    "too_large": Kind(413, "请求内容过大。", "The request is too large."),
    "too_many_attempts": Kind(
        429, "密码错误次数过多，请在 {detail} 秒后再试。", "Too many wrong passwords: try again in {detail} s."
    ),
    "internal_error": Kind(
        500,
        "服务器内部出错，请把编号 {detail} 告知管理员。",
        "The server failed: give the number {detail} to the administrator.",
    ),
    "store_failed": Kind(503, "数据库暂时不可用，请稍后再试。", "The database is not available: try again later."),
}

_BY_EXCEPTION: tuple[tuple[type[BaseException], str], ...] = (
    (web.HTTPNotFound, "not_found"),
    (web.HTTPMethodNotAllowed, "method_not_allowed"),
    (web.HTTPRequestEntityTooLarge, "too_large"),
    (web.HTTPClientError, "bad_request"),
    (StoreError, "store_failed"),
)


class Refused(Exception):
    """The request is answered with this problem. `detail` fills the sentences' gap; `headers` go with the answer."""

    def __init__(self, code: str, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def refusal_of(error: BaseException) -> Refused | None:
    """The problem that an exception is told as; None for one that nobody expected."""
    if isinstance(error, Refused):
        return error
    for kind, code in _BY_EXCEPTION:
        if isinstance(error, kind):
            if not isinstance(error, web.HTTPException):
                return Refused(code)
            return Refused(code, error.reason, {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None)
    return None


def answer(refused: Refused) -> web.Response:
    """The answer that carries the problem."""
    kind = PROBLEMS[refused.code]
    problem = Problem(
        code=refused.code, zh=kind.zh.format(detail=refused.detail), en=kind.en.format(detail=refused.detail)
    )
    return web.json_response(text=problem.model_dump_json(), status=kind.status, headers=refused.headers)
