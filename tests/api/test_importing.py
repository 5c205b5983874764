"""Importing spreadsheets: every encoding, hostile files, row-level errors, and never twice."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.importing import sheet as sheets
from api.importing.export import error_report, safe_cell, template, to_csv
from api.importing.kinds import KINDS
from api.importing.rows import RowError, read_rows
from api.importing.run import Job, Report, kind_of, run_import
from api.importing.sheet import Sheet, check_zip, read_sheet
from core import audit, catalog, people
from core.catalog import NewItem, NewLocation, NewPartner
from core.db import Database, Tx
from core.errors import AppError
from core.orders.purchase import order_by_code
from core.people import Actor, NewPerson
from core.quantity import ONE, Factor
from core.stock import on_hand, prove

ADMIN = Actor(1, "管理员", frozenset({"admin"}), "desk")


def table(*rows: Sequence[object], name: str = "数据.csv", encoding: str = "utf-8-sig") -> Sheet:
    text = "\n".join(",".join(str(cell) for cell in row) for row in rows)
    return read_sheet(name, text.encode(encoding))


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def load(
    db: Database, kind: str, sheet: Sheet, *, dry: bool = False, partial: bool = False
) -> Report:
    return await run_import(Job(db, ADMIN, kind_of(kind), dry, partial), sheet)


def company(tx: Tx) -> int:
    """One warehouse with two bins, a supplier, three items, and the admin as a person."""
    catalog.seed_locations(tx)
    warehouse = catalog.add_warehouse(tx, ADMIN, "ZJ", "张江仓")
    for code in ("A-03-1", "A-03-2"):
        catalog.add_location(tx, ADMIN, NewLocation(code, "bin", warehouse_id=warehouse))
    catalog.add_partner(tx, ADMIN, NewPartner("V-001", "甘源食品"))
    base = NewItem("A-001", "低糖基料", tracking="lot", shelf_life_days=180)
    catalog.add_pack(tx, ADMIN, catalog.add_item(tx, ADMIN, base), "箱", Factor(12))
    catalog.add_item(tx, ADMIN, NewItem("B-001", "纸箱"))
    catalog.add_item(tx, ADMIN, NewItem("S-001", "扫码枪", tracking="serial"))
    return people.add_person(tx, ADMIN, NewPerson("boss", "老板", ("admin",)))


# -- reading -----------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_any_encoding_a_chinese_office_writes(encoding: str) -> None:
    read = table(["货品编号", "货品名称"], ["A-001", "低糖基料"], encoding=encoding)
    assert read.header == ("货品编号", "货品名称")
    assert [row.cells for row in read.rows] == [("A-001", "低糖基料")]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_commas_tabs_semicolons_quotes_and_empty_lines(delimiter: str) -> None:
    lines = ["编号,名称", "", 'A-1,"长,名 ""甲"""', ",", "A-2,乙"]
    text = "\r\n".join(lines)
    if delimiter != ",":
        text = text.replace("长,名", "长名").replace(",", delimiter)
    rows = read_sheet("x.csv", text.encode()).rows
    assert [row.number for row in rows] == [3, 5], "numbers are those of the spreadsheet"
    assert rows[0].cells[1].startswith("长")
    assert rows[0].cells[1].endswith('"甲"')


def test_a_workbook_reads_as_people_see_it() -> None:
    content = workbook(
        ["编号", "数量", "日期", "是否", "条码", "小数"],
        ["007", 24, date(2026, 3, 2), True, 6901234567892, 0.1 + 0.2],
        [None, None, None, None, None, None],
        ["A", 1234567.5, None, False, None, 1e-6],
    )
    read = read_sheet("货品.xlsx", content)
    assert read.rows[0].cells == ("007", "24", "2026-03-02", "是", "6901234567892", "0.3")
    assert read.rows[1].number == 4
    assert read.rows[1].cells == ("A", "1234567.5", "", "否", "", "0.000001")


def test_files_that_are_no_spreadsheets_are_refused_in_words() -> None:
    for content, words in (
        (b"", "没有内容"),
        (b"\n \n", "没有内容"),
        (b"a,b\n\x00\x01,2\n", "二进制"),
        (b"\xff\x00\x81 not text \xff", "编码"),
        (b'a,b\n"x,2\n', "引号"),
        (b"PK\x03\x04broken", "不完整"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", ".xls"),
    ):
        with pytest.raises(AppError) as refusal:
            read_sheet("坏文件", content)
        assert refusal.value.code == "file_unreadable"
        assert words in refusal.value.say(), content
    with pytest.raises(AppError, match="不是有效"):
        read_sheet("x.xlsx", zipped({"hello.txt": b"hi"}))


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_zip_bombs_are_refused_by_their_directory() -> None:
    bombs = (
        zipped({"xl/worksheets/sheet1.xml": b"0" * 101_000_000}),
        zipped({"xl/worksheets/sheet1.xml": b" " * 30_000_000}),
        zipped({f"m{n}": b"" for n in range(501)}),
    )
    for bomb in bombs:
        with pytest.raises(AppError, match="too_large"):
            check_zip(bomb)
        with pytest.raises(AppError, match="too_large"):
            read_sheet("bomb.xlsx", bomb)


def with_far_cell() -> bytes:
    """A real workbook of two cells, A1 and XFD1048576: 17 thousand million in between."""
    honest = workbook(["编号"], ["A"])
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(honest)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("sheet1.xml"):
                far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
                content = content.replace(b"</sheetData>", far)
            new.writestr(member.filename, content)
    return out.getvalue()


def test_a_sheet_that_wants_all_the_memory_dies_in_its_own_process() -> None:
    with pytest.raises(AppError) as refusal:
        read_sheet("far.xlsx", with_far_cell())
    assert refusal.value.code in ("file_unreadable", "too_large")


def test_limits_of_bytes_rows_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AppError, match="too_large"):
        read_sheet("x.csv", b"a" * (sheets.MAX_BYTES + 1))
    with pytest.raises(AppError, match="too_large"):
        read_sheet("x.csv", (",".join("a" * 101)).encode())
    with pytest.raises(AppError, match="too_large"):
        read_sheet("x.csv", b"a\n" + b"1\n" * (sheets.MAX_ROWS + 1))
    monkeypatch.setattr(sheets, "MAX_ROWS", 3)
    with pytest.raises(AppError, match="too_large"):
        read_sheet("x.xlsx", workbook(*[["a"] for _ in range(200)]))


# -- columns and cells ---------------------------------------------------------------------------
def test_headers_match_in_chinese_and_english_with_stars_and_remarks() -> None:
    for header in (
        ["货品编号*", "货品名称(必填)", "保质期 天数"],
        ["Code", "NAME", "Shelf_Life"],
        ["code", "name", "shelf_life_days"],
        ["商品编码", "品名", "保质期"],
    ):
        reading = read_rows(KINDS["items"], table(header, ["A", "甲", "180天"]))
        assert reading.errors == []
        assert reading.rows[0].values == {"code": "A", "name": "甲", "shelf_life_days": 180}


def test_a_header_that_lacks_a_column_or_has_it_twice_is_refused() -> None:
    with pytest.raises(AppError, match="「货品名称」"):
        read_rows(KINDS["items"], table(["货品编号"], ["A"]))
    with pytest.raises(AppError, match="出现了两次"):
        read_rows(KINDS["items"], table(["编号", "货品编号", "名称"], ["A", "B", "C"]))
    reading = read_rows(KINDS["items"], table(["编号", "名称", "备注"], ["A", "甲", "x"]))
    assert reading.ignored == ["备注"]


def test_every_bad_cell_is_named_with_row_column_and_value() -> None:
    read = table(
        ["货品编号", "库位", "数量", "到期日"],
        ["A", "L", "12.1234567", "2026/2/30"],
        ["", "L", "十二", "明天"],
        ["B", "L", "15", "2026年3月2日"],
    )
    reading = read_rows(KINDS["opening"], read)
    found = [(each.row, each.column, each.value) for each in reading.errors]
    assert found == [
        (2, "数量", "12.1234567"),
        (2, "到期日", "2026/2/30"),
        (3, "货品编号", ""),
        (3, "数量", "十二"),
        (3, "到期日", "明天"),
    ]
    assert "6 位" in reading.errors[0].message


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-02", "2026-03-02"),
        ("2026/3/2", "2026-03-02"),
        ("2026.03.02", "2026-03-02"),
        ("2026年3月2日", "2026-03-02"),
        ("20260302", "2026-03-02"),
        ("2026-03-02 00:00:00", "2026-03-02"),
    ],
)
def test_days_in_every_usual_form(text: str, day: str) -> None:
    read = table(["编号", "库位", "数量", "到期日"], ["A", "L", "1", text])
    assert read_rows(KINDS["opening"], read).rows[0].get("expires_on") == day


# -- items, partners, locations ------------------------------------------------------------------
ITEMS = (
    ["货品编号", "货品名称", "单位", "条码", "批次管理", "保质期", "质检", "包装名称", "包装数量"],
    ["A-001", "低糖基料", "千克", "6901234567892", "批次", "180", "是", "袋", "12.5"],
    ["B-001", "纸箱", "", "", "", "", "否", "", ""],
)


async def test_a_dry_run_says_what_would_happen_and_writes_nothing(db: Database) -> None:
    before = db.read_now(audit.head)
    report = await load(db, "items", table(*ITEMS), dry=True)
    assert (report.imported, report.failed, report.errors) == (2, 0, [])
    assert "什么都没写入" in report.sentence
    assert db.read_now(lambda c: catalog.search_items(c, "")) == []
    assert db.read_now(audit.head) == before


async def test_items_arrive_with_barcode_and_pack(db: Database) -> None:
    report = await load(db, "items", table(*ITEMS))
    assert (report.imported, report.known, report.failed) == (2, 0, 0)
    item = db.read_now(lambda c: catalog.item_by_code(c, "A-001"))
    assert (item.unit, item.tracking, item.shelf_life_days) == ("千克", "lot", 180)
    assert item.needs_inspection
    found = db.read_now(lambda c: catalog.find_barcode(c, "6901234567892"))
    assert found is not None
    assert found.item_id == item.id
    [pack] = db.read_now(lambda c: catalog.packs_of(c, item.id))
    assert pack.factor == Factor(25, 2)
    line = db.read_now(lambda c: audit.search(c, audit.Filter(verb="import.run")))[0]
    assert line.after is not None
    assert line.after["imported"] == 2


async def test_the_same_file_twice_changes_nothing_and_a_corrected_one_only_the_change(
    db: Database,
) -> None:
    await load(db, "items", table(*ITEMS))
    again = await load(db, "items", table(*ITEMS))
    assert (again.imported, again.known, again.failed) == (0, 2, 0)
    corrected = [list(row) for row in ITEMS]
    corrected[2][1] = "大纸箱"
    third = await load(db, "items", table(*corrected))
    assert (third.imported, third.known) == (1, 1)
    assert db.read_now(lambda c: catalog.item_by_code(c, "B-001")).name == "大纸箱"


async def test_one_bad_row_stops_the_file_and_partial_lets_the_others_in(db: Database) -> None:
    rows = [
        ["货品编号", "货品名称", "条码"],
        ["A-001", "甲", "6901234567893"],
        ["A-002", "乙", ""],
        ["A-002", "重复", ""],
        ["A-003", "", ""],
        ["A-004", "丁", ""],
    ]
    report = await load(db, "items", table(*rows))
    assert (report.imported, report.failed) == (0, 3)
    assert [(each.row, each.column) for each in report.errors] == [
        (2, "条码"),
        (4, "货品编号"),
        (5, "货品名称"),
    ]
    assert "校验位" in report.errors[0].message
    assert report.errors[0].value == "6901234567893"
    assert "第 3 行" in report.errors[1].message
    assert "没导入" in report.sentence
    assert db.read_now(lambda c: catalog.search_items(c, "")) == []
    report = await load(db, "items", table(*rows), partial=True)
    assert (report.imported, report.failed) == (2, 3)
    codes = [item.code for item in db.read_now(lambda c: catalog.search_items(c, ""))]
    assert codes == ["A-002", "A-004"]


async def test_a_row_that_is_refused_leaves_nothing_of_itself(db: Database) -> None:
    """The item would be made before its barcode is refused: it must not stay."""
    rows = [
        ["编号", "名称", "条码"],
        ["A-1", "甲", "6901234567892"],
        ["A-2", "乙", "06901234567892"],
    ]
    report = await load(db, "items", table(*rows), partial=True)
    assert (report.imported, report.failed) == (1, 1)
    assert "A-1" in report.errors[0].message
    assert db.read_now(lambda c: catalog.item_by_code_or_none(c, "A-2")) is None
    assert db.read_now(lambda c: list(audit.verify(c))) == []


async def test_partners_and_locations(db: Database) -> None:
    db.write_now(company)
    partners = table(
        ["单位编号", "名称", "类型"], ["V-001", "甘源食品", "两者"], ["C-1", "客", "客户"]
    )
    report = await load(db, "partners", partners)
    assert (report.imported, report.failed) == (2, 0)
    assert db.read_now(lambda c: catalog.partner_by_code(c, "V-001")).kind == "both"
    places = table(
        ["库位编号", "仓库", "容量"], ["A-03-1", "ZJ", ""], ["A-09-1", "ZJ", "500"], ["X", "SH", ""]
    )
    report = await load(db, "locations", places, partial=True)
    assert (report.imported, report.known, report.failed) == (1, 1, 1)
    assert report.errors[0].column == "仓库"
    assert db.read_now(lambda c: catalog.location_by_code(c, "A-09-1")).capacity_micro == 500 * ONE


async def test_1000_rows_take_several_commands_and_all_arrive(db: Database) -> None:
    rows = [["编号", "名称"], *([f"A-{n:04d}", f"货品{n}"] for n in range(1000))]
    report = await load(db, "items", table(*rows))
    assert (report.rows, report.imported) == (1000, 1000)


async def test_a_pack_of_nothing_is_refused_not_a_crash(db: Database) -> None:
    rows = [
        ["编号", "名称", "包装名称", "包装数量"],
        ["A", "甲", "箱", "0"],
        ["B", "乙", "箱", "-1"],
    ]
    report = await load(db, "items", table(*rows))
    assert (report.imported, report.failed) == (0, 2)


# -- opening stock -------------------------------------------------------------------------------
OPENING = (
    ["货品编号", "库位", "数量", "单位", "批号", "到期日", "序列号"],
    ["A-001", "A-03-1", "24", "箱", "L-7", "2026-09-01", ""],
    ["B-001", "A-03-2", "100.5", "件", "", "", ""],
    ["S-001", "A-03-2", "2", "", "", "", "SN1、SN2"],
)


async def test_opening_stock_is_posted_out_of_the_count_difference(db: Database) -> None:
    db.write_now(company)
    report = await load(db, "opening", table(*OPENING))
    assert (report.imported, report.errors) == (3, [])
    balances = db.read_now(on_hand)
    place = db.read_now(lambda c: catalog.location_by_code(c, "A-03-1")).id
    [boxes] = [row for row in balances if row.location_id == place]
    assert boxes.on_hand == 288 * ONE
    assert db.read_now(prove).problems == ()


async def test_opening_stock_is_never_doubled_not_even_by_a_corrected_file(db: Database) -> None:
    db.write_now(company)
    wrong = [list(row) for row in OPENING]
    wrong[2][1] = "A-99-9"
    first = await load(db, "opening", table(*wrong), partial=True)
    assert (first.imported, first.failed) == (2, 1)
    assert (first.errors[0].column, first.errors[0].value) == ("库位", "A-99-9")
    second = await load(db, "opening", table(*OPENING))
    assert (second.imported, second.known) == (1, 2)
    total = sum(row.on_hand for row in db.read_now(on_hand) if row.on_hand > 0)
    assert total == (288 + 2) * ONE + 100_500_000
    changed = [list(row) for row in OPENING]
    changed[1][2] = "25"
    third = await load(db, "opening", table(*changed))
    assert (third.imported, third.failed) == (0, 1)
    assert "盘点" in third.errors[0].message


async def test_opening_stock_that_the_books_cannot_hold_is_refused(db: Database) -> None:
    db.write_now(company)
    rows = [
        ["货品编号", "库位", "数量", "单位", "批号", "到期日", "序列号"],
        ["A-001", "A-03-1", "1", "", "", "", ""],
        ["A-001", "A-03-1", "1", "", "L-8", "", ""],
        ["B-001", "A-03-1", "0", "", "", "", ""],
        ["B-001", "A-03-2", "1", "托", "", "", ""],
        ["B-001", "SUPPLIER", "1", "", "", "", ""],
        ["B-001", "ZJ-DOCK", "1", "", "L-1", "", ""],
        ["S-001", "A-03-1", "2", "", "", "", "SN1"],
        ["ZZZ", "A-03-1", "2", "", "", "", ""],
    ]
    report = await load(db, "opening", table(*rows))
    assert (report.imported, report.failed) == (0, 8)
    assert [each.row for each in report.errors] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert [each.column for each in report.errors[:2]] == ["批号", "到期日"]
    assert "没有「托」" in report.errors[3].message
    assert db.read_now(on_hand) == []


# -- purchase orders -----------------------------------------------------------------------------
ORDERS = (
    ["采购单号", "供应商", "仓库", "到货日", "货品编号", "数量", "单位", "单价"],
    ["PO-1", "V-001", "ZJ", "2026-03-09", "A-001", "2", "箱", "3.5"],
    ["PO-1", "V-001", "ZJ", "2026-03-09", "B-001", "50", "", ""],
    ["PO-2", "V-001", "ZJ", "2026-03-10", "B-001", "7", "", ""],
)


def buyer(db: Database) -> Actor:
    return Actor(db.write_now(company), "老板", frozenset({"admin"}), "desk")


async def test_rows_of_one_number_are_one_order(db: Database) -> None:
    job = Job(db, buyer(db), kind_of("orders"), dry_run=False, partial=False)
    report = await run_import(job, table(*ORDERS))
    assert (report.imported, report.errors) == (3, [])
    order = db.read_now(lambda c: order_by_code(c, "PO-1"))
    assert [line.quantity for line in order.lines] == [24 * ONE, 50 * ONE]
    assert order.buyer_id == job.actor.person_id
    again = await run_import(job, table(*ORDERS))
    assert (again.imported, again.known) == (0, 3)


async def test_a_bad_line_keeps_its_whole_order_out_and_only_that(db: Database) -> None:
    rows = [list(row) for row in ORDERS]
    rows[2][5] = "很多"
    job = Job(db, buyer(db), kind_of("orders"), dry_run=False, partial=True)
    report = await run_import(job, table(*rows))
    assert (report.imported, report.failed) == (1, 2)
    with pytest.raises(AppError, match="not_found"):
        db.read_now(lambda c: order_by_code(c, "PO-1"))
    rows[2][5], rows[2][3] = "50", "2026-04-01"
    report = await run_import(job, table(*rows))
    assert (report.known, report.failed) == (1, 2)
    assert "不同的值" in report.errors[0].message


# -- surprises, rights, answers ------------------------------------------------------------------
async def test_a_kind_or_a_person_that_may_not_is_refused(db: Database) -> None:
    with pytest.raises(AppError, match="not_found"):
        kind_of("../etc")
    worker = Actor(9, "仓库员", frozenset({"warehouse"}))
    with pytest.raises(AppError, match="forbidden"):
        await run_import(Job(db, worker, kind_of("items"), True, False), table(*ITEMS))


async def test_two_rows_that_clash_only_across_columns_are_caught_when_written(
    db: Database,
) -> None:
    """Each row alone is fine in its own chunk; together they are not. The file stops there."""
    rows: list[list[object]] = [["编号", "名称", "条码", "包装名称", "包装数量", "包装条码"]]
    rows += [[f"A-{n:03d}", "甲", "", "", "", ""] for n in range(300)]
    rows[1][2] = "6901234567892"
    rows[300][3:] = ["箱", "12", "6901234567892"]
    report = await load(db, "items", table(*rows))
    assert [each.row for each in report.errors] == [301]
    assert report.imported == 200, "the first chunk is in, the second is not"
    rows[300][5] = ""
    report = await load(db, "items", table(*rows))
    assert (report.imported, report.known, report.failed) == (100, 200, 0)


def test_templates_are_read_back_by_the_importer() -> None:
    for kind in KINDS.values():
        for language in ("zh", "en"):
            content = template(kind, language)
            assert content.startswith(b"\xef\xbb\xbf")
            reading = read_rows(kind, read_sheet("t.csv", content))
            assert reading.errors == []
            assert reading.ignored == []
            assert len(reading.rows[0].values) >= 3


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\uff1d1+1",
        "  =1",
        "\uff0b1",
        "\uff20x",
    ],
)
def test_nothing_a_spreadsheet_would_execute_leaves_unprotected(text: str) -> None:
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-12.5", "+7", "A-001", "6901234567892", "", "低糖基料", "3-4"])
def test_honest_cells_leave_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text(max_size=40))
def test_an_exported_cell_never_begins_like_a_formula(text: str) -> None:
    cell = safe_cell(text)
    number = cell.lstrip("+-").replace(".", "", 1).isdigit()
    assert number or not cell.lstrip(" \u3000").startswith(tuple("=+-@\t\r"))


def test_the_error_report_can_be_opened_in_excel() -> None:
    report = Report("items", "x.csv", "0" * 64, 1, True)
    report.errors = [RowError(2, "货品名称", "必填。这里是空的", "=HYPERLINK(1)")]
    text = error_report(report).decode("utf-8-sig")
    assert text.splitlines() == [
        "行,列,问题,原来的内容",
        "2,货品名称,必填。这里是空的,'=HYPERLINK(1)",
    ]
    assert to_csv(["a"], []).endswith(b"a\r\n")


def test_a_protected_cell_comes_back_as_it_was() -> None:
    read = read_sheet("x.csv", to_csv(["编号", "名称"], [["-A", "=甲"]]))
    assert read_rows(KINDS["items"], read).rows[0].values == {"code": "-A", "name": "=甲"}


def test_the_child_is_the_only_one_that_opens_workbooks() -> None:
    folder = Path(sheets.__file__).parent
    users = [each.name for each in folder.glob("*.py") if "python_calamine" in each.read_text()]
    assert users == ["xlsx_child.py"]
