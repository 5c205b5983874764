"""WeCom's callback envelope as the vendor's side makes it, on `cryptography` and hashlib alone.

Deliberately not bots/wecom/crypto.py: two sides that share one implementation also share its
mistakes, and a stand-in must not forgive the adapter.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from defusedxml.ElementTree import fromstring

BLOCK = 32


@dataclass(frozen=True, slots=True)
class Envelope:
    """The vendor's half of one application's callback keys."""

    corp_id: str
    token: str
    aes_key: str

    def _cipher(self) -> Cipher[CBC]:
        key = b64decode(self.aes_key + "=")
        return Cipher(AES(key), CBC(key[:16]))

    def encrypt(self, text: str) -> str:
        """16 random bytes, length, text, corporation; padded to blocks of 32."""
        body = text.encode()
        plain = secrets.token_bytes(16) + struct.pack(">I", len(body)) + body
        plain += self.corp_id.encode()
        padding = BLOCK - len(plain) % BLOCK
        worker = self._cipher().encryptor()
        return b64encode(
            worker.update(plain + bytes([padding]) * padding) + worker.finalize()
        ).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text inside; an assertion fails when it is not for this corporation."""
        worker = self._cipher().decryptor()
        plain = worker.update(b64decode(encrypted)) + worker.finalize()
        padding = plain[-1]
        assert 1 <= padding <= BLOCK, "the padding is wrong"
        assert plain[-padding:] == bytes([padding]) * padding, "the padding is wrong"
        (length,) = struct.unpack(">I", plain[16:20])
        receiver = plain[20 + length : -padding].decode()
        assert receiver == self.corp_id, f"encrypted for {receiver}"
        return plain[20 : 20 + length].decode()

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        parts = sorted([self.token, timestamp, nonce, encrypted])
        return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324  # vendor's choice

    def post(self, text: str, timestamp: str, agent_id: int) -> tuple[dict[str, str], str]:
        """Query and body of one callback POST, under a fresh nonce."""
        encrypted = self.encrypt(text)
        nonce = secrets.token_hex(8)
        query = {
            "msg_signature": self.sign(timestamp, nonce, encrypted),
            "timestamp": timestamp,
            "nonce": nonce,
        }
        body = (
            f"<xml><ToUserName><![CDATA[{self.corp_id}]]></ToUserName>"
            f"<Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<AgentID><![CDATA[{agent_id}]]></AgentID></xml>"
        )
        return query, body

    def open_reply(self, xml: str) -> str:
        """The text of a passive reply; its signature must fit."""
        root = fromstring(xml, forbid_dtd=True)
        encrypted, signature, timestamp, nonce = (
            root.findtext(name) or "" for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
        )
        assert signature == self.sign(timestamp, nonce, encrypted), "the reply's signature is wrong"
        return self.decrypt(encrypted)
