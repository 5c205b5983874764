"""What comes back from WeCom: every wrong thing is refused with its own code, never a crash."""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.said import CallbackRejected, Click, Other, Photo, Received, Word, said_from
from bots.wecom import Callbacks, Crypto
from core.clock import MINUTE, SECOND, ManualClock
from tests.bots.conftest import AES_KEY, AGENT, CORP, TOKEN
from tests.conftest import MONDAY_0900

NOW = MONDAY_0900 // SECOND
VECTORS = json.loads(
    (Path(__file__).parents[1] / "payloads/wecom/crypto_vectors.json").read_text(encoding="utf-8")
)


def _encrypt(text: str, corp: str = CORP, key: str = AES_KEY) -> str:
    """The vendor's envelope, written here a third time from its description."""
    secret = b64decode(key + "=")
    body = text.encode()
    plain = b"0123456789abcdef" + struct.pack(">I", len(body)) + body + corp.encode()
    padding = 32 - len(plain) % 32
    worker = Cipher(AES(secret), CBC(secret[:16])).encryptor()
    return b64encode(worker.update(plain + bytes([padding]) * padding) + worker.finalize()).decode()


def _query(
    encrypted: str, timestamp: int = NOW, nonce: str = "n1", token: str = TOKEN
) -> dict[str, str]:
    signed = "".join(sorted([token, str(timestamp), nonce, encrypted]))
    signature = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324  # the vendor's choice
    return {"msg_signature": signature, "timestamp": str(timestamp), "nonce": nonce}


def _post(xml: str, **how: Any) -> tuple[dict[str, str], bytes]:
    encrypted = _encrypt(xml, how.pop("corp", CORP))
    body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>"
    return _query(encrypted, **how), body.encode()


def _click(**changes: str) -> str:
    """The event as the vendor writes it, with some elements changed."""
    fields = {
        "ToUserName": CORP,
        "FromUserName": "WangFang",
        "CreateTime": str(NOW),
        "MsgType": "event",
        "Event": "template_card_event",
        "EventKey": "a1:9fK",
        "TaskId": "0" * 32,
        "CardType": "button_interaction",
        "ResponseCode": "RC1",
        "AgentID": str(AGENT),
    } | changes
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>"


@pytest.fixture
def callbacks(clock: ManualClock) -> Callbacks:
    return Callbacks(Crypto(CORP, TOKEN, AES_KEY), AGENT, clock)


def _refused(callbacks: Callbacks, query: dict[str, str], body: bytes) -> str:
    with pytest.raises(CallbackRejected) as caught:
        callbacks.receive(query, body)
    assert caught.value.sentence.startswith("回调没")
    return caught.value.code


# -- against others ------------------------------------------------------------------------------
@pytest.mark.parametrize("vector", VECTORS["vectors"])
def test_the_vendors_own_library_and_ours_agree(vector: dict[str, str]) -> None:
    crypto = Crypto(VECTORS["corp_id"], VECTORS["token"], VECTORS["aes_key"])
    timestamp, nonce, sealed = vector["timestamp"], vector["nonce"], vector["encrypt"]
    assert crypto.sign(timestamp, nonce, sealed) == vector["msg_signature"]
    opened = crypto.open(
        sealed, signature=vector["msg_signature"], timestamp=timestamp, nonce=nonce
    )
    assert opened == vector["message"]


def test_a_sealed_reply_opens_with_nothing_but_the_description() -> None:
    xml = Crypto(CORP, TOKEN, AES_KEY).seal("你好", timestamp="1", nonce="n")
    sealed = xml.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    key = b64decode(AES_KEY + "=")
    worker = Cipher(AES(key), CBC(key[:16])).decryptor()
    plain = worker.update(b64decode(sealed)) + worker.finalize()
    assert plain[16:20] == struct.pack(">I", 6)
    assert plain[20 : -plain[-1]].decode() == "你好" + CORP
    assert _query(sealed, timestamp=1, nonce="n")["msg_signature"] in xml


# -- what is understood --------------------------------------------------------------------------
def test_the_consoles_check_is_answered_with_the_plain_text(callbacks: Callbacks) -> None:
    echo = _encrypt("7351098246")
    assert callbacks.verify_echo(_query(echo) | {"echostr": echo}) == "7351098246"


def test_a_click_is_read(callbacks: Callbacks) -> None:
    received = callbacks.receive(*_post(_click()))
    assert received.said == Click("WangFang", "0" * 32, "a1:9fK", {}, "RC1")
    assert said_from(json.loads(json.dumps(received.body()))) == received.said


def _items(chosen: list[tuple[str, list[str]]]) -> str:
    items = ""
    for question, ids in chosen:
        options = "".join(f"<OptionId>{each}</OptionId>" for each in ids)
        items += f"<SelectedItem><QuestionKey>{question}</QuestionKey>"
        items += f"<OptionIds>{options}</OptionIds></SelectedItem>"
    return items


@pytest.mark.parametrize(
    ("chosen", "inputs"),
    [
        ([], {}),
        ([("q", ["a"])], {"q": "a"}),
        ([("q", ["a", "b"])], {"q": ["a", "b"]}),
        ([("q", ["a"]), ("r", ["c"])], {"q": "a", "r": "c"}),
        ([("q", ["-"])], {}),
    ],
)
def test_one_choice_and_many_choices_come_out_the_same_way(
    callbacks: Callbacks, chosen: list[tuple[str, list[str]]], inputs: dict[str, Any]
) -> None:
    said = callbacks.receive(*_post(_click(SelectedItems=_items(chosen)))).said
    assert isinstance(said, Click)
    assert said.inputs == inputs


def test_typed_words_and_other_events_are_read(callbacks: Callbacks) -> None:
    words = _click(MsgType="text", Content="查库存", MsgId="771")
    assert callbacks.receive(*_post(words)).said == Word("WangFang", "查库存")
    enter = _click(Event="enter_agent")
    assert callbacks.receive(*_post(enter)).said == Other("WangFang", "enter_agent")
    photo = _click(MsgType="image", Event="")
    assert callbacks.receive(*_post(photo)).said == Other("WangFang", "image")
    photo = _click(MsgType="image", Event="", MediaId="m-1")
    assert callbacks.receive(*_post(photo)).said == Photo("WangFang", "m-1")


def test_a_repetition_has_the_same_key_and_another_button_in_the_same_second_has_not(
    callbacks: Callbacks,
) -> None:
    first = callbacks.receive(*_post(_click(), nonce="n1"))
    again = callbacks.receive(*_post(_click(ResponseCode="RC2"), nonce="n2", timestamp=NOW + 5))
    other = callbacks.receive(*_post(_click(EventKey="a1:other"), nonce="n3"))
    assert first.dedupe_key == again.dedupe_key
    assert first.dedupe_key != other.dedupe_key


# -- what is refused -----------------------------------------------------------------------------
def test_a_forged_signature_is_refused(callbacks: Callbacks) -> None:
    query, body = _post(_click(), token="guessed")
    assert _refused(callbacks, query, body) == "bad_signature"


def test_ten_minutes_old_or_ahead_is_refused(callbacks: Callbacks, clock: ManualClock) -> None:
    query, body = _post(_click())
    clock.advance(10 * MINUTE)
    assert _refused(callbacks, query, body) == "stale"
    clock.advance(-20 * MINUTE)
    assert _refused(callbacks, query, body) == "stale"


def test_a_replay_is_refused_once_the_first_is_stored(callbacks: Callbacks) -> None:
    query, body = _post(_click())
    received = callbacks.receive(query, body)
    callbacks.receive(query, body)  # storing failed: the vendor's repetition must still come in
    callbacks.remember(received)
    assert _refused(callbacks, query, body) == "replayed"


def test_the_memory_of_nonces_is_bounded(callbacks: Callbacks, clock: ManualClock) -> None:
    for number in range(50):
        query, body = _post(_click(), nonce=f"n{number}", timestamp=clock.now() // SECOND)
        callbacks.remember(callbacks.receive(query, body))
        clock.advance(MINUTE)
    assert len(callbacks._nonces) <= 11


def test_another_corporations_message_is_refused(callbacks: Callbacks) -> None:
    assert _refused(callbacks, *_post(_click(), corp="wwother")) == "wrong_corp"
    assert _refused(callbacks, *_post(_click(ToUserName="wwother"))) == "wrong_corp"


def test_another_applications_message_is_refused(callbacks: Callbacks) -> None:
    assert _refused(callbacks, *_post(_click(AgentID="7"))) == "wrong_app"


def test_a_body_over_64_kib_is_refused_before_it_is_parsed(callbacks: Callbacks) -> None:
    assert _refused(callbacks, _post(_click())[0], b"<xml>" + b"a" * 100_000) == "too_large"


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><xml><Encrypt>&i;</Encrypt></xml>"
)
XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>'


@pytest.mark.parametrize("xml", [BOMB, XXE])
def test_an_xml_bomb_is_refused_outside_and_inside(callbacks: Callbacks, xml: str) -> None:
    assert _refused(callbacks, _post(_click())[0], xml.encode()) == "malformed"
    assert _refused(callbacks, *_post(xml)) == "malformed"


def test_deep_xml_is_refused(callbacks: Callbacks) -> None:
    deep = b"<a>" * 9_000 + b"</a>" * 9_000
    assert _refused(callbacks, _post(_click())[0], deep) == "malformed"


@pytest.mark.parametrize("missing", ["msg_signature", "timestamp", "nonce"])
def test_an_incomplete_query_is_malformed(callbacks: Callbacks, missing: str) -> None:
    query, body = _post(_click())
    del query[missing]
    assert _refused(callbacks, query, body) == "malformed"


@pytest.mark.parametrize("encrypted", ["AAAA", "!!!!", "", "A" * 44, b64encode(b"x" * 64).decode()])
def test_signed_rubbish_is_undecryptable(callbacks: Callbacks, encrypted: str) -> None:
    body = f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()
    code = _refused(callbacks, _query(encrypted), body)
    assert code in {"undecryptable", "wrong_corp", "malformed"}


_ANY = st.one_of(st.text(max_size=60), st.sampled_from([str(NOW), "n1", "9" * 400, "-1", "NaN"]))


@given(
    query=st.dictionaries(
        st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"]), _ANY, max_size=4
    ),
    body=st.binary(max_size=300),
)
@settings(max_examples=200, deadline=None)
def test_no_unsigned_input_raises_anything_else(query: dict[str, str], body: bytes) -> None:
    callbacks = Callbacks(Crypto(CORP, TOKEN, AES_KEY), AGENT, ManualClock(MONDAY_0900))
    with pytest.raises(CallbackRejected):
        callbacks.receive(query, body)
    with pytest.raises(CallbackRejected):
        callbacks.verify_echo(query)


@given(encrypted=st.text(max_size=120), plain=st.one_of(st.none(), st.text(max_size=200)))
@settings(max_examples=200, deadline=None)
def test_no_signed_input_raises_anything_else(encrypted: str, plain: str | None) -> None:
    """Even somebody who holds the token, or a broken vendor, cannot crash the door."""
    callbacks = Callbacks(Crypto(CORP, TOKEN, AES_KEY), AGENT, ManualClock(MONDAY_0900))
    sealed = encrypted if plain is None else _encrypt(plain)
    body = f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode("utf-8", "surrogatepass")
    with pytest.raises(CallbackRejected):
        callbacks.receive(_query(sealed), body)


@given(raw=st.binary(min_size=0, max_size=128))
@settings(max_examples=200, deadline=None)
def test_no_signed_bytes_raise_anything_else(raw: bytes) -> None:
    callbacks = Callbacks(Crypto(CORP, TOKEN, AES_KEY), AGENT, ManualClock(MONDAY_0900))
    sealed = b64encode(raw).decode()
    body = f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()
    with pytest.raises(CallbackRejected):
        callbacks.receive(_query(sealed), body)


def test_the_inbox_gives_back_what_it_was_given() -> None:
    """Also what an older version stored."""
    for said in (Click("a", "c", "t", {"k": ["1"]}, "RC"), Word("a", "查"), Other("a", "image")):
        body = Received(said, "d", "n", 0).body()
        assert said_from(json.loads(json.dumps(body))) == said
    old = {"kind": "click", "user_id": "a", "task_id": "c", "token": "t", "inputs": {}}
    assert said_from(old | {"response_code": "RC", "agent_id": 1}) == Click("a", "c", "t", {}, "RC")
    assert said_from({"kind": "enter_agent", "user_id": "a", "agent_id": 1}) == Other(
        "a", "enter_agent"
    )
