"""Two label printers to print on in tests: they obey ZPL II and TSPL as the manuals say, no more.

Every command that the product does not use is refused, so nothing a name holds can become one.
What they give is what lies on the paper: its size, the barcodes as the printer understood them,
and a picture in which the barcodes are drawn again from that understanding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import NamedTuple

import pypdfium2
import segno
import zxingcpp
from PIL import Image

GS = "\x1d"
Box = tuple[int, int, int, int]


@dataclass
class Paper:
    """One label as it leaves the printer."""

    picture: Image.Image
    copies: int = 0
    codes: list[tuple[str, str]] = field(default_factory=list)  # (kind, what is in it)
    boxes: list[Box] = field(default_factory=list)  # of everything printed

    def put(self, x: int, y: int, piece: Image.Image, *, covers: bool = False) -> None:
        """Ink on paper; none may hang over its edge. `covers`: white wipes out what was there."""
        ink = piece.convert("L").point(lambda grey: 255 - grey).getbbox()
        assert ink is not None
        if covers:
            self.picture.paste(255, (x, y, x + piece.width, y + piece.height))
        x, y, piece = x + ink[0], y + ink[1], piece.crop(ink)
        box = (x, y, x + piece.width, y + piece.height)
        assert x >= 0
        assert y >= 0
        assert box[2] <= self.picture.width, box
        assert box[3] <= self.picture.height, box
        self.boxes.append(box)
        self.picture.paste(0, (x, y), piece.convert("L").point(lambda grey: 255 - grey))


class Seen(NamedTuple):
    """One barcode as a scanner engine sees it."""

    text: str
    prefix: str


def decoded(picture: Image.Image) -> Seen:
    """The one barcode on a label."""
    grey = picture.convert("L")
    paper = Image.new("L", (grey.width + 80, grey.height + 80), 255)
    paper.paste(grey, (40, 40))  # the liner around it
    found = zxingcpp.read_barcodes(paper, text_mode=zxingcpp.TextMode.Plain)
    assert len(found) == 1, [each.text for each in found]
    return Seen(found[0].bytes.decode("utf-8"), found[0].symbology_identifier)


def rasterised(content: bytes, dpi: int = 300) -> list[Image.Image]:
    """The pages of a PDF as another program draws them."""
    with pypdfium2.PdfDocument(content) as document:
        return [page.render(scale=dpi / 72).to_pil().convert("L") for page in document]


# -- barcodes ------------------------------------------------------------------------------------
def bars128(values: list[str], *, module: int, height: int) -> tuple[Image.Image, str, bool]:
    """Code 128 from its characters (`A:` `B:` `C:` `FNC1` or data); picture, text, whether GS1.

    The picture is drawn by zxing from the text; its width must be that of these characters.
    """
    assert values[0] in ("B:", "C:")
    gs1 = values[1] == "FNC1"
    texts = [""]
    kind = ""
    for each in values[2:] if gs1 else values[1:]:
        if each in ("B:", "C:"):
            kind = each
        elif each == "FNC1":
            texts.append("")
        else:
            texts[-1] += each
    assert kind in ("", "B:", "C:")
    modules = 11 * (len(values) + 1) + 13
    made = zxingcpp.create_barcode(
        _bracketed(texts) if gs1 else texts[0], zxingcpp.BarcodeFormat.Code128, gs1=gs1
    )
    row = _pixels(made).crop((0, 0, _pixels(made).width, 1))
    assert row.width <= modules, "zxing needs more room than the printer"
    picture = row.resize((row.width * module, height), Image.Resampling.NEAREST)
    whole = Image.new("L", (modules * module, height), 255)
    whole.paste(picture, (0, 0))
    return whole, GS.join(texts), gs1


def matrix(text: str, *, gs1: bool, side: int, module: int) -> Image.Image:
    """A DataMatrix of `side` modules; zxing's is not larger."""
    parts = text.split(GS)
    made = zxingcpp.create_barcode(
        _bracketed(parts) if gs1 else text,
        zxingcpp.BarcodeFormat.DataMatrix,
        gs1=gs1,
        force_square=True,
    )
    drawn = _pixels(made)
    assert drawn.width <= side, "the symbol does not fit the forced size"
    return drawn.resize((drawn.width * module, drawn.height * module), Image.Resampling.NEAREST)


def qr(text: str, module: int) -> Image.Image:
    out = BytesIO()
    segno.make(text, error="m", micro=False, boost_error=False).save(
        out, kind="png", scale=module, border=0
    )
    return Image.open(out).convert("L")


def _pixels(made: zxingcpp.Barcode) -> Image.Image:
    grey = memoryview(zxingcpp.write_barcode_to_image(made, add_quiet_zones=False))  # type: ignore[arg-type]
    assert grey.shape is not None
    return Image.frombytes("L", (grey.shape[1], grey.shape[0]), grey.tobytes())


def _bracketed(parts: list[str]) -> str:
    """Element strings with their AIs in brackets, which is how zxing wants them."""
    from biip.gs1_messages import GS1Message

    message = GS1Message.parse(GS.join(parts))
    return "".join(f"[{each.ai.ai}]{each.value}" for each in message.element_strings)


# -- ZPL II --------------------------------------------------------------------------------------
_ZPL = re.compile(r"\^(XA|XZ|PW|LL|LH|FO|GF|BY|BC|BX|BQ|FD|FS|PQ)([^^]*)")
_INVOKED = {">8": "FNC1", ">5": "C:", ">6": "B:"}


def zpl_printer(program: bytes) -> list[Paper]:
    """The labels that a ZPL program prints."""
    text = program.decode("ascii")
    assert "~" not in text, "a control command of the printer"
    rest = _ZPL.sub("", text)
    assert rest.strip() == "", f"what is {rest[:40]!r}?"
    papers: list[Paper] = []
    for label in text.split("^XA")[1:]:
        body, _, after = label.partition("^XZ")
        assert after.strip() == ""
        papers.append(_zpl_label(_ZPL.findall(body)))
    return papers


def _zpl_label(commands: list[tuple[str, str]]) -> Paper:
    facts = {name: value.strip() for name, value in commands if name in ("PW", "LL", "PQ", "LH")}
    assert facts["LH"] == "0,0"
    size = int(facts["PW"]), int(facts["LL"])
    paper = Paper(Image.new("L", size, 255), int(facts["PQ"].split(",")[0]))
    at, module, ask = (0, 0), 0, ("", "")
    for name, raw in commands:
        value = raw.rstrip("\n")
        match name:
            case "FO":
                at = (int(value.split(",")[0]), int(value.split(",")[1]))
            case "BY":
                module = int(value)
                assert 1 <= module <= 10
            case "GF":
                paper.put(*at, _zpl_graphic(value))
            case "BC" | "BX" | "BQ":
                ask = (name, value)
            case "FD":
                _zpl_barcode(paper, at, module, (*ask, value))
    return paper


def _zpl_barcode(paper: Paper, at: tuple[int, int], module: int, ask: tuple[str, str, str]) -> None:
    name, parameters, data = ask
    given = parameters.split(",")
    assert given[0] == "N"
    match name:
        case "BC":
            assert given[2:] == ["N", "N", "N", "N"]
            picture, text, gs1 = bars128(_zpl_values(data), module=module, height=int(given[1]))
            paper.codes.append(("gs1-128" if gs1 else "code128", text))
        case "BX":
            size, quality, columns, rows, _, escape = given[1:7]
            assert quality == "200"
            assert columns == rows
            gs1, text = _unescaped(data, escape)
            picture = matrix(text, gs1=gs1, side=int(columns), module=int(size))
            paper.codes.append(("gs1-datamatrix" if gs1 else "datamatrix", text))
        case _:
            assert given[1] == "2"
            assert data.startswith("MA,")
            assert 1 <= int(given[2]) <= 10
            picture = qr(data[3:], int(given[2]))
            paper.codes.append(("qr", data[3:]))
    paper.put(*at, picture)


def _zpl_values(data: str) -> list[str]:
    """^FD of ^BC in mode N, as the table "Code 128 Invocation Characters" reads."""
    values = [{">:": "B:", ">;": "C:"}[data[:2]]]
    kind, rest = values[0], data[2:]
    while rest:
        if rest[0] == ">":
            values.append(_INVOKED[rest[:2]])
            kind = values[-1] if values[-1] != "FNC1" else kind
            rest = rest[2:]
            continue
        size = 2 if kind == "C:" else 1
        assert kind == "B:" or rest[:2].isdigit(), "only pairs of digits in set C"
        values.append(rest[:size])
        rest = rest[size:]
    return values


def _unescaped(data: str, escape: str) -> tuple[bool, str]:
    """^BX and DMATRIX: escape + 1 is FNC1, a doubled escape is itself; anything else is refused."""
    gs1 = data.startswith(f"{escape}1")
    text, rest = "", data[2:] if gs1 else data
    while rest:
        if rest[0] == escape:
            text += {"1": GS, escape: escape}[rest[1]]
            rest = rest[2:]
        else:
            text, rest = text + rest[0], rest[1:]
    return gs1, text


def _zpl_graphic(value: str) -> Image.Image:
    kind, sent, size, across, data = value.split(",", 4)
    assert kind == "A"
    assert sent == size
    assert 1 <= int(size) <= 99_999
    rows = list(_unpacked(data, int(across) * 2))
    assert len(rows) * int(across) == int(size)
    dots = bytes.fromhex("".join(rows))
    picture = Image.frombytes("1", (int(across) * 8, len(rows)), dots)
    return picture.convert("L").point(lambda grey: 255 - grey)


def _unpacked(data: str, wide: int) -> Iterator[str]:
    """ "Alternative Data Compression Scheme"."""
    row, before, times = "", "", 0
    for letter in data:
        if letter == ":":
            assert row == ""
            yield before
            continue
        if letter == ",":
            row += "0" * (wide - len(row))
        elif "G" <= letter <= "Y":
            times += ord(letter) - ord("F")
            continue
        elif "g" <= letter <= "z":
            times += 20 * (ord(letter) - ord("f"))
            continue
        else:
            assert letter in "0123456789ABCDEF"
            row += letter * max(1, times)
            times = 0
        assert len(row) <= wide
        if len(row) == wide:
            yield row
            row, before = "", row
    assert row == ""


# -- TSPL ----------------------------------------------------------------------------------------
_CONTROL = {"!099": "C:", "!100": "B:", "!102": "FNC1"}


def tspl_printer(program: bytes, dpi: int) -> list[Paper]:
    """The labels that a TSPL program prints."""
    papers: list[Paper] = []
    size, paper = (0, 0), Paper(Image.new("L", (1, 1), 255))
    rest = program
    while rest:
        name, _, tail = rest.partition(b" ")
        if name == b"BITMAP":
            x, y, across, high, mode, data = tail.split(b",", 5)
            assert mode == b"0"
            count = int(across) * int(high)
            piece = Image.frombytes("1", (int(across) * 8, int(high)), data[:count]).convert("L")
            paper.put(int(x), int(y), piece, covers=True)
            rest = data[count:]
            assert rest.startswith(b"\r\n")
            rest = rest[2:]
            continue
        line, _, rest = rest.partition(b"\r\n")
        command = line.decode("ascii")
        match command.partition(" ")[0]:
            case "SIZE":
                mm = re.fullmatch(r"SIZE (\d+) mm,(\d+) mm", command)
                assert mm
                size = int(int(mm[1]) * dpi / 25.4), int(int(mm[2]) * dpi / 25.4)
            case "CLS":
                paper = Paper(Image.new("L", size, 255))
            case "BARCODE" | "DMATRIX" | "QRCODE":
                _tspl_barcode(paper, command)
            case "PRINT":
                paper.copies = int(command.removeprefix("PRINT 1,"))
                papers.append(paper)
            case "GAP" | "DIRECTION" | "REFERENCE":
                assert command in ("GAP 2 mm,0 mm", "DIRECTION 1", "REFERENCE 0,0")
            case _:
                raise AssertionError(f"what is {command[:40]!r}?")
    return papers


def _tspl_barcode(paper: Paper, command: str) -> None:
    name, _, tail = command.partition(" ")
    head, data, end = re.fullmatch(r'(.*?),"([^"\\]*)"()', _typed(tail)).groups()  # type: ignore[union-attr]
    assert end == ""
    given = head.split(",")
    x, y = int(given[0]), int(given[1])
    match name:
        case "BARCODE":
            kind, high, shown, turned, narrow, wide = given[2:8]
            assert (kind, shown, turned, narrow) == ("128M", "0", "0", wide)
            values = _tspl_values(data)
            picture, text, gs1 = bars128(values, module=int(narrow), height=int(high))
            paper.codes.append(("gs1-128" if gs1 else "code128", text))
        case "DMATRIX":
            wide, high, escape, size, turned, square, rows, columns = given[2:10]
            assert (escape[0], size[0], turned, square, rows) == ("c", "x", "r0", "a0", columns)
            gs1, text = _unescaped(data, chr(int(escape[1:])))
            module, side = int(size[1:]), int(rows)
            assert int(wide) == int(high) == side * module
            picture = matrix(text, gs1=gs1, side=side, module=module)
            paper.codes.append(("gs1-datamatrix" if gs1 else "datamatrix", text))
        case _:
            assert given[2:] == ["M", given[3], "A", "0", "M2", "S7"]
            assert 1 <= int(given[3]) <= 10
            picture = qr(data, int(given[3]))
            paper.codes.append(("qr", data))
    paper.put(x, y, picture)


def _typed(tail: str) -> str:
    """BARCODE writes its code type in quotes too; without them every command reads alike."""
    return tail.replace('"128M"', "128M", 1)


def _tspl_values(data: str) -> list[str]:
    """128M: "!" and three digits is a control code, pairs of digits in set C."""
    values = [{"!104": "B:", "!105": "C:"}[data[:4]]]
    kind, rest = values[0], data[4:]
    while rest:
        if rest[0] == "!":
            values.append(_CONTROL[rest[:4]])
            kind = values[-1] if values[-1] != "FNC1" else kind
            rest = rest[4:]
            continue
        size = 2 if kind == "C:" else 1
        assert kind == "B:" or rest[:2].isdigit(), "only pairs of digits in set C"
        values.append(rest[:size])
        rest = rest[size:]
    return values
