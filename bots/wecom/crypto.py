"""WeCom's callback envelope: signature, AES, and one refusal type for everything that is wrong.

wechatpy does the cipher (imported when first used: 0.27 s). Around it this file puts what it lacks:
a comparison in constant time, a size cap before any parsing, and `CallbackRejected` instead of its
eight kinds of exception. Not for what a message means: callback.py.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
import struct
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # types only; parsed below

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bots.said import CallbackRejected

MAX_BODY = 64 * 1024
MAX_PARAMETER = 4096

_SENTENCES: dict[str, tuple[int, str]] = {
    "too_large": (413, "回调没收下：内容超过 64 KiB。企业微信不会发这么大的回调，请检查代理转发。"),
    "malformed": (400, "回调没收下：格式读不懂。请确认回调地址填的是企业微信的「接收消息」地址。"),
    "bad_signature": (403, "回调没收下：签名不对。请核对后台与本机的 Token 是否一致。"),
    "stale": (403, "回调没收下：时间相差超过 5 分钟。请校准服务器时间；旧请求不会再被接受。"),
    "replayed": (200, "回调没再处理：同一个请求已经收过一次。不用处理。"),
    "undecryptable": (403, "回调没收下：解不开。请核对后台与本机的 EncodingAESKey 是否一致。"),
    "wrong_corp": (403, "回调没收下：它属于另一个企业。请核对企业 ID(CorpID)。"),
    "wrong_app": (403, "回调没收下：它属于另一个应用。请核对 AgentId 与回调地址是否配对。"),
}


class WeComRejected(CallbackRejected):
    """A callback that is not taken, by its stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code, *_SENTENCES[code])


@dataclass(frozen=True)
class Crypto:
    """The keys of one application's callbacks."""

    corp_id: str
    token: str
    aes_key: str

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """The msg_signature of one envelope."""
        parts = "".join(sorted((self.token, timestamp, nonce, encrypted)))
        return hashlib.sha1(parts.encode()).hexdigest()  # noqa: S324  # the vendor's choice

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """The text inside an envelope whose signature fits.

        Raises:
            CallbackRejected: bad_signature, undecryptable or wrong_corp.
        """
        expected = self.sign(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise WeComRejected("bad_signature")
        from wechatpy.enterprise.exceptions import InvalidCorpIdException

        try:
            return str(self._cipher.decrypt(encrypted, self.corp_id))
        except InvalidCorpIdException as problem:
            raise WeComRejected("wrong_corp") from problem
        except (ValueError, IndexError, struct.error, binascii.Error) as problem:
            raise WeComRejected("undecryptable") from problem

    def seal(self, text: str, *, timestamp: str, nonce: str) -> str:
        """The XML envelope of a passive reply."""
        encrypted = self._cipher.encrypt(text, self.corp_id).decode()
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{self.sign(timestamp, nonce, encrypted)}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    @cached_property
    def _cipher(self) -> Any:
        from wechatpy.enterprise.crypto import PrpCrypto

        cipher = PrpCrypto(b64decode(self.aes_key + "="))
        cipher.get_random_string = lambda: secrets.token_hex(8)  # wechatpy's own is guessable
        return cipher


def parse(xml: str | bytes) -> Element:
    """The root of a vendor's XML; entities, document types and external references are refused.

    Raises:
        CallbackRejected: malformed.
    """
    try:
        root = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise WeComRejected("malformed") from problem
    return root
