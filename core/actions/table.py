"""The table: (task kind, button) → what it does, and what everybody else then reads.

Not here: `second_person`, whose answer presses the first person's button again (`press.py`).
"""

from __future__ import annotations

from core.actions import goods_in, goods_out, itself
from core.actions.doing import Action
from core.orders.qc_cards import CLAIM_ANSWERS, DECISIONS, LEGAL_ANSWERS

TABLE: dict[tuple[str, str], Action] = {
    ("receive", "receive_rest"): Action(goods_in.receive_rest, "全部收货"),
    ("receive", "close_short"): Action(goods_in.close_short, "剩下的不来了，结案"),
    ("confirm_order", "confirm"): Action(goods_in.confirm, "确认按期交货"),
    ("confirm_order", "propose"): Action(goods_in.propose, "要改交期"),
    ("inspect", "pass"): Action(goods_in.accept, "合格"),
    ("inspect", "fail"): Action(goods_in.reject, "不合格"),
    ("putaway", "put_away"): Action(goods_in.put_away, "已上架"),
    **{("qc_decide", key): Action(goods_in.decide, label) for key, label in DECISIONS.items()},
    **{("qc_legal", key): Action(goods_in.answer, label) for key, label in LEGAL_ANSWERS.items()},
    **{("qc_claim", key): Action(goods_in.answer, label) for key, label in CLAIM_ANSWERS.items()},
    ("transfer", "send"): Action(goods_in.send, "全部发出"),
    ("transfer", "receive"): Action(goods_in.take, "全部收到"),
    ("transfer", "send_no_more"): Action(goods_in.send_no_more, "剩下的不发了，结案"),
    ("transfer", "will_not_come"): Action(goods_in.will_not_come, "剩下的不来了，结案"),
    ("count", "finish"): Action(goods_in.finish, "数完了，已提交"),
    ("count_approve", "approve"): Action(goods_in.approve, "批准入账"),
    ("count_approve", "send_back"): Action(goods_in.send_back, "退回重盘"),
    ("count_approve", "cancel"): Action(goods_in.cancel_count, "取消盘点"),
    ("conflict", "mine"): Action(goods_in.settle_conflict, "以现场为准"),
    ("conflict", "server"): Action(goods_in.settle_conflict, "以系统为准"),
    ("pick", "pick_rest"): Action(goods_out.pick_rest, "照单全部拣完"),
    ("pack", "pack_rest"): Action(goods_out.pack_rest, "已打包"),
    ("ship", "ship"): Action(goods_out.hand_over, "已交给承运商"),
    ("shortage", "cut"): Action(goods_out.cut, "少发"),
    ("shortage", "substitute"): Action(goods_out.substitute, "换替代品"),
    ("shortage", "wait"): Action(goods_out.wait, "等到货再发"),
    ("replenish", "replenish"): Action(goods_out.replenish, "已补货"),
    ("replenish", "none_left"): Action(goods_out.none_left, "没补成"),
    ("put_back", "put_back"): Action(goods_out.put_back, "已全部放回原库位"),
    ("return_check", "good"): Action(goods_out.judge_return, "完好，入库"),
    ("return_check", "bad"): Action(goods_out.judge_return, "有问题，冻结"),
    ("rush_stock", "confirm"): Action(goods_out.rush_stock, "库存没问题"),
    ("rush_stock", "refuse"): Action(goods_out.rush_stock, "供不上"),
    ("rush_terms", "agree"): Action(goods_out.rush_terms, "可以，按新账期"),
    ("rush_terms", "object"): Action(goods_out.rush_terms, "不同意"),
    ("dead_letter", "resend"): Action(itself.resend, "重发"),
    ("dead_letter", "reassign"): Action(itself.reassign, "改发给别人"),
    ("dead_letter", "drop"): Action(itself.drop, "不再发"),
    ("chat_binding", "approve"): Action(itself.bind, "是本人，批准"),
    ("chat_binding", "refuse"): Action(itself.bind, "不是，拒绝"),
    ("unwatched", "seen"): Action(itself.seen, "我来跟进"),
    ("request", "take"): Action(itself.seen, "我来安排"),
    ("request", "decline"): Action(itself.decline, "不安排"),
}
