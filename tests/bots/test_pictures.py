"""Photos from people: what is refused before it costs anything, and what is gone afterwards."""

from __future__ import annotations

import io
import resource
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bots.pictures import LONG_SIDE, MAX_BYTES, clean_photo, photo, qr_png
from core.clock import perf
from core.errors import AppError


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_bomb(width: int, height: int) -> bytes:
    """A valid all-black 1-bit PNG: a few kilobytes that unfold to `width` × `height` pixels."""
    row = b"\0" * (1 + (width + 7) // 8)
    squeeze = zlib.compressobj(9)
    body = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", body)
        + _chunk(b"IEND", b"")
    )


def _jpeg(size: tuple[int, int] = (64, 48), exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    picture = Image.new("RGB", size, "red")
    picture.save(out, "JPEG", comment=b"secret", **({"exif": exif} if exif else {}))
    return out.getvalue()


def _refusal(raw: bytes) -> AppError:
    with pytest.raises(AppError) as caught:
        photo(raw)
    return caught.value


def test_a_169_megapixel_bomb_is_refused_quickly_and_without_memory() -> None:
    bomb = _png_bomb(13_000, 13_000)
    assert len(bomb) < 40_000
    photo(_jpeg())  # Pillow's plugins are loaded before the measurement
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best = 9.0
    for _ in range(3):
        start = perf()
        refusal = _refusal(bomb)
        best = min(best, perf() - start)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert refusal.code == "photo_too_large"
    assert best < 0.050
    assert grown_kib < 10_000


def test_every_size_above_forty_megapixels_is_refused_also_where_pillow_only_warns() -> None:
    refusal = _refusal(_png_bomb(8_000, 5_001))
    assert refusal.code == "photo_too_large"
    assert "8000×5001" in refusal.say()


@pytest.mark.parametrize(
    "head",
    [
        b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xfe\x3f\x00" * 2,
        b"VP8L" + struct.pack("<I", 10) + b"\x2f" + b"\xff\xff\xff\x0f" + b"\0" * 5,
        b"VP8 " + struct.pack("<I", 10) + b"\0\0\0\x9d\x01\x2a" + b"\xff\x3f" * 2,
    ],
)
def test_a_webp_is_measured_before_pillow_makes_room_for_it(head: bytes) -> None:
    raw = b"RIFF" + struct.pack("<I", 100) + b"WEBP" + head + b"\0" * 64
    assert _refusal(raw).code == "photo_too_large"


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    raw = _jpeg()
    assert _refusal(raw[:-2] + b"\xff\xda\0\x08" * 3_000 + b"\xff\xd9").code == "photo_broken"


def test_the_place_of_a_photo_and_its_comment_are_gone_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    exif[0x010F] = "PhoneMaker"
    exif.get_ifd(0x8825)[1] = "N"
    kept = photo(_jpeg((64, 48), exif))
    assert (kept.width, kept.height) == (48, 64)
    with Image.open(io.BytesIO(kept.data)) as opened:
        assert opened.format == "JPEG"
        assert not dict(opened.getexif())
        assert "comment" not in opened.info
    for trace in (b"PhoneMaker", b"secret", b"Exif"):
        assert trace not in kept.data


def test_a_polyglot_loses_what_was_hung_on_its_end() -> None:
    kept = photo(_jpeg() + b"<script>alert(1)</script>PK\x03\x04")
    assert b"script" not in kept.data
    assert kept.data.endswith(b"\xff\xd9")


def test_a_big_photo_shrinks_to_the_long_side() -> None:
    kept = photo(_jpeg((5_000, 1_000)))
    assert kept.width == LONG_SIDE
    assert abs(kept.height - LONG_SIDE // 5) <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
def test_a_png_of_any_mode_becomes_a_jpeg_on_white(mode: str) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 10), (0, 0, 0, 0)).convert(mode).save(out, "PNG")
    kept = photo(out.getvalue())
    assert kept.media_type == "image/jpeg"
    if mode in {"RGBA", "LA"}:
        with Image.open(io.BytesIO(kept.data)) as opened:
            assert opened.convert("L").tobytes()[0] > 240


def test_webp_is_taken() -> None:
    out = io.BytesIO()
    Image.new("RGB", (33, 21), "green").save(out, "WEBP")
    kept = photo(out.getvalue())
    assert (kept.width, kept.height) == (33, 21)


@pytest.mark.parametrize("kind", ["EPS", "GIF", "BMP", "TIFF"])
def test_other_kinds_are_refused_by_kind(kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, kind)
    refusal = _refusal(out.getvalue())
    assert refusal.code == "photo_kind"
    assert "JPG" in refusal.say()


def test_a_file_over_the_limit_is_refused_by_weight() -> None:
    assert _refusal(b"\xff\xd8" + b"\0" * MAX_BYTES).code == "photo_too_heavy"


@pytest.mark.parametrize("cut", [30, 200, 500])
def test_a_file_cut_short_is_refused_with_a_sentence(cut: int) -> None:
    assert _refusal(_jpeg((400, 300))[:cut]).code in {"photo_broken", "photo_kind"}


@given(st.binary(max_size=400), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"]))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_it_raise_anything_else(tail: bytes, head: bytes) -> None:
    try:
        photo(head + tail)
    except AppError as refusal:
        assert refusal.code.startswith("photo_")  # noqa: PT017  # accepted bytes are fine too


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow grumbles about broken EXIF
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12))
@settings(max_examples=100, deadline=None)
def test_no_flipped_bytes_make_it_raise_anything_else(flips: list[tuple[int, int]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = bytearray(_jpeg((64, 48), exif))
    for place, value in flips:
        raw[place % len(raw)] = value
    try:
        photo(bytes(raw))
    except AppError as refusal:
        assert refusal.code.startswith("photo_")  # noqa: PT017  # accepted bytes are fine too


async def test_decoding_leaves_the_loop_free() -> None:
    kept = await clean_photo(_jpeg())
    assert kept.width == 64


def test_the_enrolment_code_is_a_square_png() -> None:
    raw = qr_png("https://jieli.example/pda/#enrol=AB12-CD34")
    with Image.open(io.BytesIO(raw)) as opened:
        assert opened.format == "PNG"
        assert opened.width == opened.height
        assert opened.width >= 200
