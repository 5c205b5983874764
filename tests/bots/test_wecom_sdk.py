"""The vendor's own @wecom/crypto against the adapter and against the simulator, both directions."""

from __future__ import annotations

import pytest

from bots.said import CallbackRejected
from bots.simulator.wecom.envelope import Envelope
from bots.wecom import Crypto
from bots.wecom.crypto import parse
from tests.bots.conftest import AES_KEY, CORP, TOKEN
from tests.bots.sdks import sdk

NONCE, TIMESTAMP = "8f3b6c21", "1795380610"
SENTENCES = ("", "同意", "已由 王芳 处理：退回供应商（16:21）🙂", "长" * 700, "<xml>&amp;</xml>")
KEYS = {"TOKEN": TOKEN, "AES_KEY": AES_KEY}


async def test_the_adapter_reads_what_the_sdk_wrote_and_the_other_way_round() -> None:
    ours = Crypto(CORP, TOKEN, AES_KEY)
    async with sdk("wecom.mjs", **KEYS) as theirs:
        for sentence in SENTENCES:
            made = (await theirs.asked(verb="encrypt", message=sentence, id=CORP))["answer"]
            said = {"verb": "sign", "timestamp": TIMESTAMP, "nonce": NONCE}
            signature = (await theirs.asked(message=made, **said))["answer"]
            opened = ours.open(made, signature=signature, timestamp=TIMESTAMP, nonce=NONCE)
            assert opened == sentence

            reply = parse(ours.seal(sentence, timestamp=TIMESTAMP, nonce=NONCE))
            found = (await theirs.asked(verb="decrypt", message=reply.findtext("Encrypt")))[
                "answer"
            ]
            assert (found["message"], found["id"]) == (sentence, CORP)
            again = (await theirs.asked(message=reply.findtext("Encrypt"), **said))["answer"]
            assert again == reply.findtext("MsgSignature")

        foreign = (await theirs.asked(verb="encrypt", message="x", id="wwother"))["answer"]
        signature = ours.sign(TIMESTAMP, NONCE, foreign)
        with pytest.raises(CallbackRejected, match="wrong_corp"):
            ours.open(foreign, signature=signature, timestamp=TIMESTAMP, nonce=NONCE)


async def test_the_simulator_speaks_as_the_sdk_does() -> None:
    simulated = Envelope(CORP, TOKEN, AES_KEY)
    async with sdk("wecom.mjs", **KEYS) as theirs:
        for sentence in SENTENCES:
            made = (await theirs.asked(verb="encrypt", message=sentence, id=CORP))["answer"]
            assert simulated.decrypt(made) == sentence
            found = await theirs.asked(verb="decrypt", message=simulated.encrypt(sentence))
            assert (found["answer"]["message"], found["answer"]["id"]) == (sentence, CORP)
