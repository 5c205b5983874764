"""What can be imported and which columns each kind has: data, in Chinese and English. No code.

`what` decides how a cell is read: text, number (a quantity), whole, yes, day, or a choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the name in verbs, the headers people use, how to read it, an example."""

    key: str
    names: tuple[str, ...]  # the first is printed in the template
    example: str
    what: str = "text"
    required: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    `unique` names groups of columns that no two rows may share; `together` the column whose equal
    values make several rows one thing; `chunk` how many rows one command may hold.
    """

    code: str
    label: str
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    together: str = ""
    chunk: int = 200


TRACKING = {"": "none", "无": "none", "不跟踪": "none", "none": "none"}
TRACKING |= {"批次": "lot", "批号": "lot", "lot": "lot", "序列号": "serial", "serial": "serial"}
PARTNER_KINDS = {"供应商": "supplier", "supplier": "supplier", "客户": "customer"}
PARTNER_KINDS |= {"customer": "customer", "两者": "both", "供应商和客户": "both", "both": "both"}
PLACES = {"": "bin", "库位": "bin", "bin": "bin", "收货区": "dock", "dock": "dock"}
PLACES |= {"在途": "transit", "transit": "transit", "报废": "scrap", "scrap": "scrap"}

_ITEM_NAMES = ("货品编号", "货品编码", "编号", "商品编码")
_ITEM = Column("item", (*_ITEM_NAMES, "item", "sku"), "A-001", required=True)
_QUANTITY = Column("quantity", ("数量", "quantity", "qty"), "24", "number", required=True)
_PACK = Column("pack", ("单位", "包装", "unit", "pack"), "箱")

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "items",
            "货品",
            (
                Column(
                    "code",
                    (*_ITEM_NAMES, "code"),
                    "A-001",
                    required=True,
                ),
                Column("name", ("货品名称", "名称", "品名", "name"), "低糖基料", required=True),
                Column("unit", ("计量单位", "单位", "unit"), "件"),
                Column("name_en", ("英文名称", "english name"), "Low sugar base"),
                Column("barcode", ("条码", "国际条码", "barcode", "gtin"), "6901234567892"),
                Column("tracking", ("批次管理", "tracking"), "批次", "choice", choices=TRACKING),
                Column("shelf_life_days", ("保质期天数", "保质期", "shelf life"), "180", "whole"),
                Column("near_expiry_days", ("临期天数", "near expiry"), "30", "whole"),
                Column("needs_inspection", ("是否质检", "质检", "inspection"), "是", "yes"),
                Column("zone", ("存放区", "库区", "zone"), "冷藏"),
                Column("over_receipt_percent", ("超收比例", "over receipt percent"), "5", "whole"),
                Column("pack_name", ("包装名称", "pack name"), "箱"),
                Column("pack_size", ("每包装数量", "包装数量", "pack size"), "12", "number"),
                Column("pack_barcode", ("包装条码", "pack barcode"), "16901234567899"),
            ),
            (("code",), ("barcode",), ("pack_barcode",)),
        ),
        Kind(
            "partners",
            "往来单位",
            (
                Column("code", ("单位编号", "编号", "code"), "V-001", required=True),
                Column("name", ("单位名称", "名称", "name"), "甘源食品", required=True),
                Column("kind", ("类型", "kind"), "供应商", "choice", choices=PARTNER_KINDS),
                Column("phone", ("电话", "手机", "phone"), "021-55550000"),
            ),
            (("code",),),
        ),
        Kind(
            "locations",
            "库位",
            (
                Column("code", ("库位编号", "编号", "库位", "code"), "A-03-2", required=True),
                Column("warehouse", ("仓库", "仓库编号", "warehouse"), "ZJ", required=True),
                Column("kind", ("类型", "kind"), "库位", "choice", choices=PLACES),
                Column("name", ("名称", "name"), "三号架二层"),
                Column("zone", ("库区", "存放区", "zone"), "冷藏"),
                Column("capacity", ("容量", "capacity"), "500", "number"),
            ),
            (("code",),),
        ),
        Kind(
            "opening",
            "期初库存",
            (
                _ITEM,
                Column(
                    "location", ("库位", "库位编号", "location", "bin"), "A-03-2", required=True
                ),
                _QUANTITY,
                _PACK,
                Column("lot", ("批号", "批次", "lot", "batch"), "L-7"),
                Column("made_on", ("生产日期", "made on"), "2026-02-01", "day"),
                Column("expires_on", ("到期日", "有效期至", "expires on", "expiry"), "", "day"),
                Column("supplier", ("供应商", "供应商编号", "supplier"), "V-001"),
                Column("serials", ("序列号", "serials"), ""),
            ),
            (("item", "location", "lot"),),
        ),
        Kind(
            "orders",
            "采购单",
            (
                Column("code", ("采购单号", "单号", "order", "code"), "PO-0001", required=True),
                Column("supplier", ("供应商", "供应商编号", "supplier"), "V-001", required=True),
                Column("warehouse", ("仓库", "仓库编号", "warehouse"), "ZJ", required=True),
                Column("due_on", ("到货日", "交货日期", "due on"), "2026-03-09", "day", True),
                _ITEM,
                _QUANTITY,
                _PACK,
                Column("price", ("单价", "price"), "12.5", "number"),
                Column("buyer", ("采购员", "buyer"), ""),
            ),
            together="code",
            chunk=40,  # an order also opens its task and tells people
        ),
    )
}
