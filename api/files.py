"""Routes of files: photos and documents go up, come down, and are never run by a browser.

A picture is decoded and re-encoded (bots/pictures), so nothing but pixels is kept; anything else
comes down as an attachment. Hanging a file on a task is api/tasks.py.
"""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Response, UploadFile
from fastapi.responses import FileResponse

from api.deps import App, Jieli, Once, as_json
from api.doors import allow, writes
from api.wire import schema, wire
from bots.pictures import clean_photo
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor
from core.tasks import files as store

router = APIRouter(prefix="/api/files", tags=["files"])

DOCUMENTS = {".pdf": "application/pdf", ".txt": "text/plain", ".csv": "text/csv"}
_CSP = "default-src 'none'; sandbox"


async def kept(jieli: Jieli, content: bytes, name: str) -> store.NewFile:
    """`content` made safe and stored under its digest; the row is still to be written.

    Raises:
        AppError(photo_*): a picture that cannot be one.
        AppError(invalid, too_large): empty, of a kind we do not take, or over 10 MB.
    """
    if not content:
        raise AppError(INVALID, field="附件", why="文件是空的")
    media_type = DOCUMENTS.get(PurePath(name).suffix.lower())
    if media_type == "application/pdf" and not content.startswith(b"%PDF-"):
        raise AppError(INVALID, field="附件", why="不是 PDF 文件")
    if media_type is None:
        picture = await clean_photo(content)
        content, media_type = picture.data, picture.media_type
    digest = await asyncio.to_thread(store.keep, jieli.settings.files_dir, content)
    return store.NewFile(digest, media_type, len(content), name)


async def keep_photo(jieli: Jieli, actor: Actor, content: bytes, name: str) -> str:
    """Store a photo for a person at another door (portal, chat page); its file id."""
    picture = await clean_photo(content)
    digest = await asyncio.to_thread(store.keep, jieli.settings.files_dir, picture.data)
    new = store.NewFile(digest, picture.media_type, len(picture.data), name)
    found = await jieli.db.write(lambda tx: store.register_once(tx, actor, new))
    return found.id


@router.post("", status_code=201, response_model=schema(store.File))
async def upload(
    file: Annotated[UploadFile, File(description="JPEG, PNG, WEBP, PDF, TXT or CSV, ≤ 10 MB")],
    by: Annotated[Once, writes("file.write")],
) -> Response:
    """Store a photo or document; answers its id."""
    new = await kept(by.jieli, await file.read(), file.filename or "附件")

    def run(tx: Tx) -> object:
        return store.register(tx, by.actor, new)

    return await by.answer("file", new, run, 201)


@router.get("/{file_id}", response_class=FileResponse)
async def download(
    file_id: str, _actor: Annotated[Actor, allow("file.read")], jieli: App
) -> Response:
    """The bytes of a file. Pictures may be shown, everything else is only saved."""
    found = await jieli.db.read(lambda conn: store.file(conn, file_id))
    path = store.path_of(jieli.settings.files_dir, found.sha256)
    if not await asyncio.to_thread(path.is_file):
        raise AppError(NOT_FOUND, what="附件内容", name=found.name)
    how = "inline" if found.media_type.startswith("image/") else "attachment"
    headers = {
        "content-disposition": f"{how}; filename*=UTF-8''{quote(found.name)}",
        "content-security-policy": _CSP,
        "cache-control": "private, max-age=86400, immutable",
        "etag": f'"{found.sha256}"',
    }
    return FileResponse(path, media_type=found.media_type, headers=headers)


@router.get("/{file_id}/about", response_model=schema(store.File))
async def about(file_id: str, _actor: Annotated[Actor, allow("file.read")], jieli: App) -> Response:
    """What a file is, without its bytes."""
    return as_json(wire(await jieli.db.read(lambda conn: store.file(conn, file_id))))
