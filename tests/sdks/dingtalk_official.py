"""The official PyPI dingtalk-stream against a gateway of ours (DINGTALK_OPENAPI_ENDPOINT).

Prints a line of JSON for everything that it hears. In its own process: it blocks its event loop.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

import dingtalk_stream as sdk

logging.disable(logging.CRITICAL)


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class OnCard(sdk.CallbackHandler):  # type: ignore[misc]
    """Notes what was pressed on the presser's card."""

    async def process(self, frame: Any) -> tuple[int, Any]:
        heard = sdk.CardCallbackMessage.from_dict(frame.data)
        data = heard.content["cardPrivateData"]["params"]["data"]
        say(heard="card", user=heard.user_id, track=heard.card_instance_id, data=data)
        answer = {
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "userPrivateData": {"cardParamMap": {"note": f"pypi: {data}"}},
        }
        return sdk.AckMessage.STATUS_OK, answer


class OnMessage(sdk.ChatbotHandler):  # type: ignore[misc]
    """Answers words with words and a card, and fetches pictures, all with the SDK's own calls."""

    async def process(self, frame: Any) -> tuple[int, str]:
        heard = sdk.ChatbotMessage.from_dict(frame.data)
        if heard.message_type == "picture":
            url = self.get_image_download_url(heard.image_content.download_code)
            say(heard="picture", url=url)
            return sdk.AckMessage.STATUS_OK, "OK"
        self.reply_text(f"你说：{heard.text.content}", heard)
        card = sdk.CardReplier(self.dingtalk_client, heard)
        made = card.create_and_deliver_card(
            os.environ["TEMPLATE"],
            {"title": "SDK 的卡片", "b1_text": "好", "b1_data": "sdk", "b1_show": "press"},
        )
        by_key = {"updateCardDataByKey": True}
        card.put_card_data(made, {"lead": "改过一次"}, cardUpdateOptions=by_key)
        say(heard="message", user=heard.sender_staff_id, text=heard.text.content, card=made)
        return sdk.AckMessage.STATUS_OK, "OK"


class OnEvent(sdk.EventHandler):  # type: ignore[misc]
    """Says which event came."""

    async def process(self, event: Any) -> tuple[int, str]:
        say(heard="event", topic=event.headers.topic, kind=event.headers.event_type)
        return sdk.AckMessage.STATUS_OK, "OK"


client = sdk.DingTalkStreamClient(sdk.Credential(os.environ["CLIENT_ID"], os.environ["SECRET"]))
client.register_callback_handler("/v1.0/card/instances/callback", OnCard())
client.register_callback_handler(sdk.ChatbotMessage.TOPIC, OnMessage())
client.register_all_event_handler(OnEvent())
client.start_forever()
