"""What WeCom's answers mean for a message: a table of codes to later / never / ambiguous.

Judged by `errcode` only; the text of `errmsg` changes, and is read for one thing: the address we
are seen from (60020). Source: channels.md §1.5.
"""

from __future__ import annotations

import re

from bots.refusal import ambiguous, later, never
from core.outbox.channel import SendResult

TOKEN_CODES = frozenset({"40001", "40014", "42001"})
# The card or its text was not understood: the same content will never pass, plain words may.
CARD_CODES = frozenset({"40007", "40008", "40058", "41016", "42045"})
GONE_CODES = frozenset({40003, 40031, 60111})

_LATER: dict[int, tuple[int, str]] = {
    -1: (3, "企业微信繁忙。系统会自动重发。"),
    45009: (60, "发得太密，企业微信限流。系统会自动放慢重发。"),
    45033: (5, "同时调用太多，企业微信限流。系统会自动重发。"),
    40001: (600, "企业微信不认应用密钥或凭证。请核对 JIELI_WECOM_SECRET。"),
    40014: (60, "企业微信拒绝了凭证。系统会换新凭证重发。"),
    42001: (60, "企业微信说凭证过期。系统会换新凭证重发。"),
    40013: (600, "企业微信不认企业 ID。请核对 JIELI_WECOM_CORP_ID。"),
    40056: (600, "企业微信不认应用编号。请核对 JIELI_WECOM_AGENT_ID。"),
    301002: (600, "应用编号与密钥不配对。请核对 JIELI_WECOM_AGENT_ID。"),
    48002: (600, "应用没有发消息的权限。请在企业微信管理后台开通。"),
    60011: (600, "应用没有权限。请在企业微信管理后台检查可见范围。"),
}


def verdict(errcode: int, errmsg: str) -> SendResult:
    """What an errcode other than 0 means for the message that met it."""
    code = f"wecom_{errcode}"
    if errcode == 60020:
        address = egress(errmsg)
        return later(
            code,
            f"企业微信拒绝了本机的出口 IP {address}：它不在「企业可信IP」里。"
            f"请到管理后台 → 应用管理 → 本应用 → 企业可信IP，加上 {address}。",
            600,
            scope="account",
        )
    if errcode in _LATER:
        seconds, reason = _LATER[errcode]
        return later(code, reason, seconds, scope="account")
    if errcode in GONE_CODES:
        return never(code, "企业微信里没有这个成员。请重新绑定此人的企业微信账号。", gone=True)
    if errcode == 81013:
        return never(code, "此人不在应用的可见范围内。请在企业微信管理后台把他加进来。")
    return never(code, f"企业微信没收下这条消息（{errcode}）：{errmsg[:120]}")


def egress(errmsg: str) -> str:
    """The address WeCom sees us from, as its message tells; 「未知」 when it does not."""
    found = re.search(r"from ip:\s*([0-9a-fA-F:.]{3,45})", errmsg)
    return found.group(1).rstrip(".:") if found else "（未知）"


def http_verdict(status: int, retry_after: str) -> SendResult:
    """What an HTTP status other than 200 means: the vendor itself always answers 200."""
    code = f"http_{status}"
    if status == 429:
        seconds = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 60
        return later(code, "企业微信限流。系统会自动放慢重发。", seconds, scope="account")
    if status == 503:
        return later(code, "企业微信暂时不可用。系统会自动重发。", 30, scope="account")
    if status >= 500:
        return ambiguous(code, "企业微信出错，不知道这条是否已送达。系统会核对后重发。")
    reason = f"企业微信地址不对或被代理拦下（HTTP {status}）。请核对 JIELI_WECOM_API_BASE。"
    return later(code, reason, 600, scope="account")
