"""How a call to a vendor ends when it does not end well; the same three words for all of them.

What a vendor's own codes mean is in its verdict.py.
"""

from __future__ import annotations

from core.outbox.channel import Scope, SendResult


class Refused(Exception):  # noqa: N818  # the name says what happened
    """A call ended without the wanted answer.

    `result` is what that means for a message. `code` is the vendor's own ("40014",
    "InvalidAuthentication") or what the trouble is about ("token"); empty when nothing is known.
    """

    def __init__(self, result: SendResult, code: str = "") -> None:
        self.result = result
        self.code = code
        super().__init__(f"{result.kind} {result.code}: {result.reason}")


def later(code: str, reason: str, seconds: int, *, scope: Scope = "person") -> SendResult:
    """Not now; `seconds` is when asking again makes sense."""
    return SendResult("later", retry_after_s=seconds, code=code, reason=reason, scope=scope)


def never(code: str, reason: str, *, gone: bool = False) -> SendResult:
    """This content will not reach this person this way."""
    return SendResult("never", code=code, reason=reason, gone=gone)


def ambiguous(code: str, reason: str) -> SendResult:
    """Nobody knows whether the vendor took it."""
    return SendResult("ambiguous", code=code, reason=reason)
