"""Photos that people send, made safe and small.

A photo is refused before it is decoded when it is too heavy, of another kind, or declares too many
pixels; what passes is decoded once and re-encoded as a plain JPEG, so EXIF (the place it was taken
at, too), comments and trailing bytes are gone. Decoding runs in a thread (`clean_photo`), two at a
time: call it before the command that stores the file, never inside a transaction.
Not a file store (core/tasks/files.py) and not a door.
"""

from __future__ import annotations

import asyncio
import io
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import AppError, define

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SCANS = 64
LONG_SIDE = 2048
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")
DECODERS = 2

PHOTO_TOO_HEAVY = define(
    "photo_too_heavy",
    413,
    "照片没收下：文件有 {size} MB，上限 {limit} MB。用「普通画质」重拍一张再传。",
    "The photo was not kept: {size} MB, the limit is {limit} MB. Take it again at normal quality.",
)
PHOTO_KIND = define(
    "photo_kind",
    415,
    "照片没收下：只认 JPG、PNG、WEBP 图片。用手机相机拍，或先另存为 JPG 再传。",
    "The photo was not kept: only JPEG, PNG and WEBP are read. Save it as JPEG and send it again.",
)
PHOTO_TOO_LARGE = define(
    "photo_too_large",
    413,
    "照片没收下：画面 {width}×{height} 超过 4000 万像素。调低分辨率重拍一张再传。",
    "The photo was not kept: {width}×{height} is over 40 megapixels. Take it at a lower setting.",
)
PHOTO_BROKEN = define(
    "photo_broken",
    422,
    "照片没收下：文件打不开，可能没传完整。重拍一张再传。",
    "The photo was not kept: it cannot be read, perhaps it arrived cut short. Take it again.",
)

# What Pillow raises on files made to confuse it. Anything else is a bug and may crash the request.
_HOSTILE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
)

_decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="photo")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as it is kept: JPEG bytes without metadata, at most 2048 pixels on its long side."""

    data: bytes
    width: int
    height: int
    media_type: str = "image/jpeg"


async def clean_photo(raw: bytes) -> Photo:
    """`photo` in a thread; at most two decode at once, so a burst of uploads cannot fill memory.

    Raises:
        AppError(photo_*): see `photo`.
    """
    return await asyncio.get_running_loop().run_in_executor(_decoders, photo, raw)


def photo(raw: bytes) -> Photo:
    """Check, turn upright, strip and shrink one picture sent by a person.

    Raises:
        AppError(photo_too_heavy | photo_kind | photo_too_large | photo_broken): nothing was kept.
    """
    if len(raw) > MAX_BYTES:
        raise AppError(PHOTO_TOO_HEAVY, size=f"{len(raw) / 1e6:.1f}", limit=MAX_BYTES // 1_000_000)
    _refuse_pixels(*_declared(raw))  # before opening: Pillow makes room for a whole WEBP there
    if raw.count(b"\xff\xda") > MAX_SCANS and raw[:2] == b"\xff\xd8":
        raise AppError(PHOTO_BROKEN)  # thousands of scans decode for hours: nothing takes such
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
            _refuse_pixels(*opened.size)
            return _reencoded(opened)
    except UnidentifiedImageError as problem:
        raise AppError(PHOTO_KIND) from problem
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise AppError(PHOTO_TOO_LARGE, width="?", height="?") from problem
    except _HOSTILE as problem:
        raise AppError(PHOTO_BROKEN) from problem


def _reencoded(opened: Image.Image) -> Photo:
    opened.draft("RGB", (LONG_SIDE, LONG_SIDE))  # a big JPEG is decoded at a fraction of its size
    opened.thumbnail((LONG_SIDE, LONG_SIDE))
    upright = ImageOps.exif_transpose(opened)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        clean = Image.new("RGB", upright.size, "white")
        clean.paste(layer, mask=layer.getchannel("A"))
    else:
        clean = Image.new("RGB", upright.size)  # a fresh picture: no EXIF, comment, XMP or profile
        clean.paste(upright.convert("RGB"))
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Photo(out.getvalue(), clean.width, clean.height)


def _refuse_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise AppError(PHOTO_TOO_LARGE, width=width, height=height)


def _declared(raw: bytes) -> tuple[int, int]:
    """Width and height that a PNG or WEBP declares in its first 30 bytes; (0, 0) for the rest."""
    if len(raw) < 30:
        return 0, 0
    if raw[:8] == b"\x89PNG\r\n\x1a\n":
        width, height = struct.unpack_from(">II", raw, 16)
        return width, height
    if raw[:4] != b"RIFF" or raw[8:12] != b"WEBP":
        return 0, 0
    kind = raw[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(raw[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", raw, 26)
    return width & 0x3FFF, height & 0x3FFF
