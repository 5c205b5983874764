"""Every refusal of the ledger, each a sentence a storekeeper can act on. No decisions here."""

from __future__ import annotations

from core.errors import define

NOT_ENOUGH = define(
    "not_enough",
    409,
    "没入账：{location} 的 {item} 可用数量只有 {available} {unit}，这一笔要 {asked} {unit}。"
    "改成 {available}，或换一个库位再扫。",
    "Not posted: {location} has only {available} {unit} of {item} available, {asked} were asked. "
    "Post {available}, or take another location.",
)
NEGATIVE_NEEDS_REASON = define(
    "negative_needs_reason",
    422,
    "没入账：{location} 的 {item} 会变成负数，这个货品允许负库存，但要写明原因。补上原因再提交。",
    "Not posted: {item} at {location} would go below zero. This item may, but only with a reason. "
    "Add the reason and send again.",
)
LOT_NEEDED = define(
    "lot_needed",
    422,
    "没入账：{item} 按批次管理，这一行没有批号。扫一下批号标签再提交。",
    "Not posted: {item} is kept by lot and this line names none. Scan the lot label.",
)
LOT_OF_OTHER_ITEM = define(
    "lot_of_other_item",
    422,
    "没入账：批号 {lot} 不是 {item} 的批次。核对标签，重新扫批号。",
    "Not posted: lot {lot} does not belong to {item}. Check the label and scan the lot again.",
)
LOT_EXPIRED = define(
    "lot_expired",
    409,
    "没入账：{item} 批号 {lot} 已于 {expires_on} 过期，不能发出。换一个批次，或做报废、退货。",
    "Not posted: lot {lot} of {item} expired on {expires_on} and may not be issued. "
    "Take another lot, or scrap or return it.",
)
LOT_HELD = define(
    "lot_held",
    409,
    "没入账：{item} 批号 {lot} 正在{state}，不能作为合格品移动或发出。等质检放行，或换一个批次。",
    "Not posted: lot {lot} of {item} is {state} and may not move or leave as good stock. "
    "Wait for its release, or take another lot.",
)
LOT_NOT_HELD = define(
    "lot_not_held",
    409,
    "没放行：批次 {lot} 没有停用，不用放行。质检不合格的货由采购在「质检不合格」任务里定。",
    "Not released: lot {lot} is not held. What failed its inspection is decided by the buyer, in "
    "the task about it.",
)
SERIALS_NEEDED = define(
    "serials_needed",
    422,
    "没入账：{item} 按序列号管理，数量 {quantity} 要扫 {quantity} 个序列号，现在有 {count} 个。"
    "补扫后再提交。",
    "Not posted: {item} is kept by serial number; {quantity} pieces need {quantity} serials, "
    "{count} were given. Scan the rest.",
)
SERIAL_TWICE = define(
    "serial_twice",
    422,
    "没入账：序列号 {serial} 扫了两次。去掉重复的那个再提交。",
    "Not posted: serial {serial} was scanned twice. Remove one of them.",
)
SERIAL_ELSEWHERE = define(
    "serial_elsewhere",
    409,
    "没入账：序列号 {serial}（{item}）账上在 {actual}，不在 {expected}。"
    "核对标签，或从 {actual} 移出。",
    "Not posted: serial {serial} of {item} is at {actual}, not at {expected}. "
    "Check the label, or move it from {actual}.",
)
SERIAL_UNKNOWN = define(
    "serial_unknown",
    404,
    "没入账：账上没有 {item} 的序列号 {serial}。核对标签，还没收货的先收货。",
    "Not posted: serial {serial} of {item} is not in the books. Check the label, or receive it.",
)
SERIAL_TAKEN = define(
    "serial_taken",
    409,
    "没入账：序列号 {serial}（{item}）已被预留 {reservation} 占用。"
    "换一个序列号，或先释放那笔预留。",
    "Not posted: serial {serial} of {item} is held by reservation {reservation}. "
    "Take another one, or release that reservation.",
)
SERIALS_NOT_KEPT = define(
    "serials_not_kept",
    422,
    "没入账：{item} 不按序列号管理，这一行却带了序列号。去掉序列号再提交。",
    "Not posted: {item} is not kept by serial number, yet this line names some. Remove them.",
)
SAME_PLACE = define(
    "same_place",
    422,
    "没入账：{item} 的来源和去向是同一个位置 {location}。换一个去向库位再提交。",
    "Not posted: {item} would move from {location} to the very same place. Choose another target.",
)
PLACE_CLOSED = define(
    "place_closed",
    409,
    "没入账：库位 {location} 已停用，不能再放货。换一个库位，或请主管重新启用。",
    "Not posted: location {location} is closed. Take another, or ask a supervisor to reopen it.",
)
BAD_STATUS = define(
    "bad_status",
    422,
    "没入账：{item} 的质量状态是 {status}，不能这样移动。合格（ok）的货才能发出；先做质检或放行。",
    "Not posted: {item} has quality status {status} and may not move like this. "
    "Only ok stock may leave; inspect or release it first.",
)
NO_LINES = define(
    "no_lines",
    422,
    "没入账：这一笔有 {count} 行，应为 1 到 {limit} 行。改好再提交。",
    "Not posted: this posting has {count} lines; it must have 1 to {limit}. Correct and resend.",
)
TIME_AHEAD = define(
    "time_ahead",
    422,
    "没入账：发生时间 {happened_at} 在将来。校准设备时间后重试。",
    "Not posted: it claims to have happened at {happened_at}, in the future. "
    "Set the device clock and retry.",
)
ALREADY_REVERSED = define(
    "already_reversed",
    409,
    "没入账：{original} 已被 {by} 冲销过，一笔只能冲销一次。要恢复，请冲销 {by}。",
    "Not posted: {original} was already reversed by {by}; a posting is reversed once. "
    "To restore it, reverse {by}.",
)
NOT_A_MIRROR = define(
    "not_a_mirror",
    422,
    "没入账：冲销的行与原单 {original} 不是一一相反。用「冲销」按钮重新发起。",
    "Not posted: the lines are not the exact mirror of {original}. Use reverse instead.",
)
RESERVATION_CLOSED = define(
    "reservation_closed",
    409,
    "没处理：预留 {reservation} 已{state}，没有可用数量了。重新预留后再做。",
    "Not done: reservation {reservation} is {state}; nothing is left of it. Reserve again.",
)
RESERVATION_SHORT = define(
    "reservation_short",
    409,
    "没入账：预留 {reservation} 只剩 {remaining}，这一笔要 {asked}。改成 {remaining} 再提交。",
    "Not posted: reservation {reservation} has only {remaining} left, {asked} were asked. "
    "Post {remaining}.",
)
BELONGS_TO_PAPER = define(
    "belongs_to_paper",
    409,
    "没改动：这一笔属于{paper}，直接改库存会和{paper}对不上。请从{paper}上改：{way}。",
    "Nothing changed: this belongs to {paper_en}; by hand the two would disagree. {way_en}.",
)
STAGE_BY_HAND = define(
    "stage_by_hand",
    409,
    "没入账：{location} 是出货区，货只能拣货进去、发货出来。要退拣的先取消销售单，再用移库放回。",
    "Not posted: {location} is where picked goods stand; they come by picking and leave by "
    "shipping. To put goods back, cancel the sale, then move them.",
)
TRANSIT_BY_HAND = define(
    "transit_by_hand",
    409,
    "没入账：{location} 是在途，货只能由调拨单发出、收下。先收下那张调拨，再从收货台移走。",
    "Not posted: {location} is goods on their way; they come and go by their transfer. Receive the "
    "transfer, then move them from the dock.",
)
