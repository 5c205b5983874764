"""The single permission door: who may do which verb with which thing. Deny by default.

`VERBS` is the whole table. On top of the roles stand three rules about the thing: a supplier sees
only what carries its own partner; a person bound to warehouses acts only there; a task is answered
only by the people it was given to. Not for hiding rows of a list: queries filter those.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import FORBIDDEN, AppError

ROLES = {
    "admin": "管理员",
    "supervisor": "主管",
    "director": "供应链总监",
    "buyer": "采购员",
    "seller": "销售员",
    "warehouse": "仓库员",
    "legal": "法务",
    "finance": "财务",
    "supplier": "供应商",
    "viewer": "只读",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A known person (or the engine) at one face. Every verb gets one."""

    person_id: int
    name: str
    roles: frozenset[str]
    face: str = "api"  # desk api pda wecom portal cli engine
    device_id: int | None = None
    partner_id: int | None = None
    warehouse_ids: frozenset[int] = frozenset()  # empty: every warehouse

    @property
    def label(self) -> str:
        """How logs name the actor: `person:12` or `engine`."""
        return f"person:{self.person_id}" if self.person_id else "engine"


ENGINE = Actor(0, "接力", frozenset({"system"}), "engine")


@dataclass(frozen=True, slots=True)
class Thing:
    """What a verb is about, with just the facts that permission depends on."""

    kind: str
    id: str = ""
    people: frozenset[int] = frozenset()
    partner_id: int | None = None
    warehouse_id: int | None = None


_STAFF = "admin supervisor director buyer seller warehouse legal finance"
_TABLE = (
    # verb              what a person calls it   roles
    ("item.write", "维护货品", "admin supervisor buyer"),
    ("partner.write", "维护往来单位", "admin supervisor buyer"),
    ("location.write", "维护仓库库位", "admin supervisor"),
    ("person.write", "维护人员", "admin"),
    ("device.write", "管理设备", "admin supervisor"),
    ("calendar.write", "维护日历与值班", "admin supervisor"),
    ("policy.write", "修改升级规则", "admin supervisor"),
    ("token.write", "签发接口令牌", "admin"),
    ("session.write", "登录退出", f"{_STAFF} viewer"),
    ("order.write", "下采购单", "admin supervisor buyer"),
    ("sale.write", "下销售单", "admin supervisor director buyer seller"),
    ("carrier.write", "维护承运商", "admin supervisor"),
    ("substitute.write", "维护替代品", "admin supervisor buyer"),
    ("order.read", "查看单据", f"{_STAFF} viewer supplier"),
    ("stock.read", "查看库存", f"{_STAFF} viewer"),
    ("stock.post", "库存过账", "admin supervisor director buyer warehouse"),
    ("stock.reserve", "预留库存", "admin supervisor buyer warehouse"),
    ("stock.hold", "冻结批次", "admin supervisor director buyer warehouse legal"),
    ("cost.read", "查看成本", "admin director buyer finance"),
    ("receive", "收货", "admin supervisor warehouse"),
    ("receive.over", "超量收货", "admin supervisor director"),
    ("inspect", "质检", "admin supervisor warehouse"),
    ("decide", "处理不合格品", "admin supervisor director buyer"),
    ("putaway", "上架", "admin supervisor warehouse"),
    ("wave.write", "排波次", "admin supervisor warehouse"),
    ("pick", "拣货", "admin supervisor warehouse"),
    ("pack", "打包", "admin supervisor warehouse"),
    ("ship", "发货交接", "admin supervisor warehouse"),
    ("replenish", "补拣货位", "admin supervisor warehouse"),
    ("transfer", "调拨", "admin supervisor warehouse"),
    ("count", "盘点", "admin supervisor warehouse"),
    ("count.approve", "批准盘点差异", "admin supervisor director"),
    ("issue", "领用出库", "admin supervisor warehouse"),
    ("return", "退货", "admin supervisor director buyer warehouse"),
    ("lookup", "扫码查询", f"{_STAFF} viewer"),
    ("label.print", "打印标签", "admin supervisor buyer warehouse"),
    ("shortcut.use", "使用快捷单", _STAFF),
    ("shortcut.write", "维护快捷单", "admin supervisor"),
    ("task.open", "发起任务", _STAFF),
    ("task.read", "查看任务", f"{_STAFF} viewer supplier"),
    ("task.act", "处理任务", f"{_STAFF} supplier"),
    ("task.claim", "认领任务", _STAFF),
    ("task.hand_over", "转交任务", _STAFF),
    ("task.escalate", "升级任务", _STAFF),
    ("task.snooze", "稍后提醒", _STAFF),
    ("task.pause", "暂停任务", _STAFF),
    ("task.reopen", "重开任务", _STAFF),
    ("task.comment", "留言", _STAFF),
    ("task.attach", "添加附件", _STAFF),
    ("board.read", "查看看板", f"{_STAFF} viewer"),
    ("portal.answer", "在供应商门户答复", "supplier"),
    ("file.read", "查看附件", f"{_STAFF} viewer"),
    ("file.write", "上传附件", f"{_STAFF} supplier"),
    ("outbox.read", "查看消息投递", "admin supervisor"),
    ("outbox.resend", "重发消息", "admin supervisor"),
    ("engine.read", "查看引擎状态", "admin supervisor"),
    ("import.run", "导入数据", "admin supervisor"),
    ("prove.run", "核对账目", "admin supervisor director finance"),
    ("audit.read", "查看审计日志", "admin supervisor director"),
)

VERBS: dict[str, frozenset[str]] = {verb: frozenset(roles.split()) for verb, _, roles in _TABLE}
VERB_LABELS: dict[str, str] = {verb: label for verb, label, _ in _TABLE}

OVERSEERS = frozenset({"admin", "supervisor", "director"})
# Only these people may do it, whatever their role. `task.act` is somebody's own answer.
_OWN_TASK = frozenset(verb for verb in VERBS if verb.startswith("task.")) - {
    "task.open",
    "task.read",
}
# A supplier may upload before the file hangs on anything; everything else needs the thing.
_SUPPLIER_WITHOUT_THING = frozenset({"file.write"})

_NOTHING = Thing("")


def require(actor: Actor, verb: str, thing: Thing | None = None) -> None:
    """Let the verb pass or refuse it.

    Raises:
        AppError(forbidden): not allowed; the sentence says who can help.
    """
    if not may(actor, verb, thing):
        who, who_en = _who_helps(verb)
        raise AppError(FORBIDDEN, verb=VERB_LABELS[verb], verb_en=verb, who=who, who_en=who_en)


def may(actor: Actor, verb: str, thing: Thing | None = None) -> bool:
    """True if `require` would pass; for showing or hiding a button."""
    allowed = VERBS.get(verb)
    assert allowed is not None, f"the verb {verb} is not in the permission table"
    if "system" in actor.roles:
        return True
    roles = allowed & actor.roles
    if not roles:
        return False
    if roles == {"supplier"} and not _is_own_of_supplier(actor, verb, thing):
        return False
    about = thing or _NOTHING
    named = actor.person_id in about.people
    if verb in _OWN_TASK and not named and (verb == "task.act" or not roles & OVERSEERS):
        return False
    return named or _is_in_reach(actor, about)


def _is_own_of_supplier(actor: Actor, verb: str, thing: Thing | None) -> bool:
    if actor.partner_id is None:
        return False
    if thing is None:
        return verb in _SUPPLIER_WITHOUT_THING
    return thing.partner_id == actor.partner_id


def _is_in_reach(actor: Actor, thing: Thing) -> bool:
    """A person bound to warehouses acts there; what stands in no warehouse is everybody's."""
    if not actor.warehouse_ids or thing.warehouse_id is None:
        return True
    return thing.warehouse_id in actor.warehouse_ids


def _who_helps(verb: str) -> tuple[str, str]:
    """In Chinese, in English."""
    if verb == "task.act":
        return "任务的负责人", "whoever holds the task"
    roles = [role for role in ROLES if role in VERBS[verb]]
    return "、".join(map(ROLES.__getitem__, roles)), " or ".join(roles)
