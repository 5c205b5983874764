"""What DingTalk's answers mean for a message: a table of codes to later / never / ambiguous.

The new API answers HTTP 4xx or 5xx with `{code, message}`, the old one HTTP 200 with `errcode`;
both are judged here, by code only. Source: the error tables of the card, robot and DING pages.
"""

from __future__ import annotations

from bots.refusal import ambiguous, later, never
from core.outbox.channel import SendResult

OLD_TOKEN_CODES = frozenset({"88", "40001", "40014", "42001"})
# The template is missing, not published or not ours: the same card will never pass, words may.
CARD_CODES = frozenset(
    {"param.templateNotExist", "param.templateUnpublished", "param.cardTemplateIdEmpty"}
)
CARD_EXISTS, CARD_MISSING = "param.cardAlreadyExist", "param.cardNotExist"
GONE_CODES = frozenset(
    {"param.userIdNotExist", "miss.staffId", "userNotExist", "staffId.notExisted"}
)

_LATER: dict[str, tuple[int, str]] = {
    "toomuch.msg": (60, "发得太密，钉钉限流。系统会自动放慢重发。"),
    "ding.serverquota.insufficient": (600, "DING 的额度用完了。请在钉钉管理后台增购。"),
    "invalid.chatbotId": (600, "钉钉不认机器人编码。请核对 JIELI_DINGTALK_ROBOT_CODE。"),
    "130101": (600, "群机器人一分钟超过 20 条，钉钉停用它 10 分钟。系统会自动重发。"),
    "310000": (600, "群机器人的加签密钥或安全设置不对。请核对机器人的「安全设置」。"),
    "300001": (600, "钉钉不认群机器人的 access_token。请核对群机器人的地址。"),
    "300005": (600, "钉钉不认群机器人的 access_token。请核对群机器人的地址。"),
    "90018": (1, "调用太密，钉钉限流。系统会自动重发。"),
    "-1": (3, "钉钉繁忙。系统会自动重发。"),
}
_LATER["resource.not.found"] = _LATER["invalid.chatbotId"]  # 404: "robot 不存在"
_REFUSED_IP = "IpNotInWhiteList"


def refuses_token(status: int, code: str) -> bool:
    """Whether a fresh token may help: a dead one is told as 401, and as 400 or 403 too."""
    if status == 401:
        return True
    return status in {400, 403} and code.lower().startswith("invalidauthentication")


def verdict(status: int, code: str, message: str, retry_after: str = "") -> SendResult:
    """What an answer other than 200, or an errcode other than 0, means for its message."""
    name = f"dingtalk_{code or status}"[:60]
    if "QpsLimit" in code:  # a 403 of the gateway, which let nothing through
        return later(name, "调用太密，钉钉限流。系统会自动重发。", 1, scope="account")
    if refuses_token(status, code):
        return later(name, "钉钉拒绝了凭证。系统会换新凭证重发。", 60, scope="account")
    if code in _LATER:
        seconds, reason = _LATER[code]
        return later(name, reason, seconds, scope="account")
    if code in GONE_CODES:
        return never(name, "钉钉里没有这个人。请重新绑定此人的钉钉账号。", gone=True)
    if code in CARD_CODES:
        return never(name, "卡片模板不存在或没有发布。请核对 JIELI_DINGTALK_CARD_TEMPLATE_ID。")
    if code == "param.contentUnsafe":
        return never(name, "钉钉的内容安全审查没有放行这张卡片。请改写任务的文字。")
    if status in {403, 404, 429, 503}:
        return _elsewhere(status, code, message, retry_after)
    if status >= 500:
        return ambiguous(name, "钉钉出错，不知道这条是否已送达。系统会核对后重发。")
    return never(name, f"钉钉没收下这条消息（{code or status}）：{message[:120]}")


def _elsewhere(status: int, code: str, message: str, retry_after: str) -> SendResult:
    """Not about this message: limits, permissions, addresses."""
    name = f"dingtalk_{code or status}"[:60]
    if status == 429:
        seconds = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 60
        return later(name, "钉钉限流。系统会自动放慢重发。", seconds, scope="account")
    if status == 503:
        return later(name, "钉钉暂时不可用。系统会自动重发。", 30, scope="account")
    if _REFUSED_IP in code:
        reason = "本机的出口 IP 不在应用的「服务器出口IP」里。请到开发者后台加上："
        return later(name, f"{reason}{message[:120]}", 600, scope="account")
    if status == 403:
        reason = "应用没有权限。请在开发者后台 → 权限管理 开通："
        return later(name, f"{reason}{message[:160]}", 600, scope="account")
    reason = f"钉钉地址不对或被代理拦下（HTTP {status}）。请核对 JIELI_DINGTALK_API_BASE。"
    return later(name, reason, 600, scope="account")


def undelivered(message: str) -> SendResult:
    """What a deliverResult without success means; its texts are not published.

    A trouble of theirs passes; anything else will be the same next time.
    """
    if "system" in message.lower() or "busy" in message.lower():
        return later("dingtalk_undelivered", f"钉钉没有投递成功：{message[:120]}", 5)
    return never("dingtalk_undelivered", f"钉钉没有投递成功：{message[:120]}")
