"""A picture that somebody sent in chat: fetched from the vendor, made safe, kept under its digest.

Not for what it belongs to (core/tasks/sent.py).
"""

from __future__ import annotations

import asyncio

from api.deps import Jieli
from bots.pictures import clean_photo
from bots.said import Photo
from core.errors import AppError, define
from core.tasks import files

NOT_RECEIVED = define(
    "photo_not_received",
    422,
    "照片没收到：{why}请再发一次。",
    "The photo did not arrive: {why} Please send it again.",
)
NAME = "聊天照片.jpg"


async def keep_sent(jieli: Jieli, channel: str, sent: Photo) -> files.NewFile:
    """The picture, decoded and stored; its row is still to be written.

    Raises:
        AppError(photo_not_received): the vendor does not give it. AppError(photo_*): no picture.
        ConnectionError: the vendor cannot be asked just now; it is worth another try later.
    """
    face = jieli.vendors.faces.get(channel)
    if face is None:
        raise AppError(NOT_RECEIVED, why="这个渠道没有接通。")
    try:
        content = await face.fetch(sent.media)
    except LookupError as problem:
        raise AppError(NOT_RECEIVED, why=str(problem.args[0])) from problem
    picture = await clean_photo(content)
    digest = await asyncio.to_thread(files.keep, jieli.settings.files_dir, picture.data)
    return files.NewFile(digest, picture.media_type, len(picture.data), NAME)
