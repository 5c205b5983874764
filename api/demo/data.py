"""Who and what the demo company is: 上海禾味食品贸易有限公司, invented for this purpose. Only data."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "jieli-demo-2026"  # noqa: S105  # printed at start; the demo company only
PIN = "2580"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    login: str
    name: str
    name_en: str
    roles: tuple[str, ...]
    manager: str = ""
    badge: str = ""
    chat: bool = True
    everywhere: bool = False  # in all three chat apps at once
    partner: str = ""


PEOPLE = (
    DemoPerson("zhoulan", "周岚", "Zhou Lan", ("director",)),
    DemoPerson("liqiang", "李强", "Li Qiang", ("supervisor",), "zhoulan"),
    DemoPerson("wangmin", "王敏", "Wang Min", ("buyer",), "liqiang", everywhere=True),
    DemoPerson("chenxi", "陈曦", "Chen Xi", ("legal",), "zhoulan"),
    DemoPerson("admin", "何静", "He Jing", ("admin",)),
    DemoPerson("qianjin", "钱进", "Qian Jin", ("finance",), "zhoulan"),
    DemoPerson("zhaogang", "赵刚", "Zhao Gang", ("warehouse",), "liqiang", "B1001", chat=False),
    DemoPerson("sunli", "孙丽", "Sun Li", ("warehouse",), "liqiang", "B1002", chat=False),
    DemoPerson("hengshun", "吴涛", "Wu Tao", ("supplier",), partner="S-HENGSHUN", chat=False),
    DemoPerson("haina", "林悦", "Lin Yue", ("supplier",), partner="S-HAINA", chat=False),
)


@dataclass(frozen=True, slots=True)
class DemoPartner:
    code: str
    name: str
    kind: str
    phone: str


PARTNERS = (
    DemoPartner("S-HENGSHUN", "苏州恒顺食品配料有限公司", "supplier", "0512-0000 0101"),
    DemoPartner("S-HAINA", "宁波海纳乳品有限公司", "supplier", "0574-0000 0202"),
    DemoPartner("S-YUEZHU", "浙江越竹环保包装厂", "supplier", "0571-0000 0303"),
    DemoPartner("C-QINGHE", "青禾茶饮(上海)连锁", "customer", "021-0000 0404"),
    DemoPartner("C-MUXI", "木溪烘焙工坊", "customer", "021-0000 0505"),
)

WAREHOUSES = (("ZJ", "张江仓"), ("SJ", "松江冷链仓"))


@dataclass(frozen=True, slots=True)
class DemoItem:
    """`gtin_body` is 12 digits without the check digit; the box's is made from the same body."""

    code: str
    name: str
    name_en: str
    unit: str
    per_box: int
    tracking: str
    shelf_life_days: int
    zone: str
    gtin_body: str
    supplier: str
    price: str
    opening: int = 0
    inspect: bool = True


# fmt: off
ITEMS = (
    DemoItem("JL-001", "低糖基料 1kg", "Low-sugar base 1 kg", "袋", 12, "lot", 365, "A", "690100200001", "S-HENGSHUN", "38.5", 240),
    DemoItem("JL-002", "黑糖浆 2.5kg", "Brown sugar syrup 2.5 kg", "桶", 4, "lot", 540, "A", "690100200002", "S-HENGSHUN", "56", 96),
    DemoItem("JL-003", "抹茶粉 500g", "Matcha powder 500 g", "袋", 20, "lot", 365, "A", "690100200003", "S-HENGSHUN", "92", 60),
    DemoItem("JL-004", "珍珠粉圆 3kg", "Tapioca pearls 3 kg", "袋", 6, "lot", 270, "A", "690100200004", "S-HENGSHUN", "27.8", 180),
    DemoItem("JL-005", "芋圆 1kg(冷冻)", "Taro balls 1 kg (frozen)", "袋", 10, "lot", 365, "C", "690100200005", "S-HENGSHUN", "19.9", 120),
    DemoItem("JL-006", "阿萨姆红茶包 100 入", "Assam tea bags ×100", "盒", 24, "lot", 720, "A", "690100200006", "S-HENGSHUN", "45", 72),
    DemoItem("JL-101", "燕麦奶 1L", "Oat milk 1 L", "盒", 12, "lot", 270, "B", "690100200101", "S-HAINA", "11.6", 480),
    DemoItem("JL-102", "淡奶油 1L(冷藏)", "Whipping cream 1 L (chilled)", "盒", 12, "lot", 180, "C", "690100200102", "S-HAINA", "34.2", 144),
    DemoItem("JL-103", "厚椰乳 1L", "Thick coconut milk 1 L", "盒", 12, "lot", 365, "B", "690100200103", "S-HAINA", "16.4", 240),
    DemoItem("JL-104", "奶油奶酪 1kg(冷藏)", "Cream cheese 1 kg (chilled)", "块", 12, "lot", 240, "C", "690100200104", "S-HAINA", "41", 84),
    DemoItem("JL-105", "鲜牛乳 950ml(冷藏)", "Fresh milk 950 ml (chilled)", "瓶", 12, "lot", 15, "C", "690100200105", "S-HAINA", "13.9", 60),
    DemoItem("JL-201", "90 口径一次性杯盖", "Cup lid 90 mm", "只", 1000, "none", 0, "D", "690100200201", "S-YUEZHU", "0.085", 20000, inspect=False),
    DemoItem("JL-202", "700ml 注塑杯", "700 ml cup", "只", 500, "none", 0, "D", "690100200202", "S-YUEZHU", "0.31", 15000, inspect=False),
    DemoItem("JL-203", "纸吸管 12mm", "Paper straw 12 mm", "根", 2000, "none", 0, "D", "690100200203", "S-YUEZHU", "0.062", 40000, inspect=False),
    DemoItem("JL-301", "商用摇杯机", "Shaker machine", "台", 1, "serial", 0, "D", "690100200301", "S-YUEZHU", "1280", 0),
)
# fmt: on

CHECKLIST = (
    ("package", "外包装完好"),
    ("label", "标签与批号一致"),
    ("date", "效期剩余 ≥ 2/3"),
)

BINS = tuple(
    (f"{warehouse}-{zone}-{row:02d}-{level}", warehouse, zone)
    for warehouse, zones in (("ZJ", "ABD"), ("SJ", "C"))
    for zone in zones
    for row in range(1, 5)
    for level in range(1, 4)
)
