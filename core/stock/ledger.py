"""The one posting path: `post_many` loads a book, decides in memory, writes what was accepted.

`post` is a batch of one. `post`, `reverse` and `post_many` do NOT ask for a permission: the verb
above them (receive, count, issue …) already did. What a person posts by hand goes through
`post_by_hand`, `reverse_by_hand` and `post_many_by_hand`, which require `stock.post` and leave
alone what belongs to one of our papers (papers.py).
The only writer of postings, moves, balances' on-hand and serial places. Reservations: `reserve.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection

from core.clock import DAY, HOUR, Instant, iso, to_datetime
from core.db import Tx
from core.errors import KEY_REUSED, NOT_FOUND, AppError
from core.ids import check_operation_id
from core.people import Actor, require
from core.stock import papers, refusals
from core.stock.book import Loaded, Posted, load, posted_by_op, posted_of, reversers
from core.stock.rules import Change, Posting, Terms, counter_lines, decide
from core.stock.writing import Batch, Work, stage, write


def post(tx: Tx, actor: Actor, posting: Posting) -> Posted:
    """Post one posting; the verb above has checked the permission.

    Raises:
        AppError: a refusal of `core.stock.refusals`, `not_found`, `bad_quantity` or `key_reused`.
    """
    return post_work(tx, Work(actor, posting))


def post_by_hand(tx: Tx, actor: Actor, posting: Posting) -> Posted:
    """`post` for a person's own posting: requires `stock.post`.

    Raises:
        AppError: forbidden, belongs_to_paper, stage_by_hand, transit_by_hand, or as `post`.
    """
    require(actor, "stock.post")
    return post_work(tx, Work(actor, posting, by_hand=True))


def post_many(tx: Tx, items: Sequence[tuple[Actor, Posting]]) -> list[Posted | AppError]:
    """The set-based form, for `core.db.Together`: one answer or refusal per posting, in order."""
    return post_works(tx, [Work(actor, posting) for actor, posting in items])


def post_many_by_hand(tx: Tx, items: Sequence[tuple[Actor, Posting]]) -> list[Posted | AppError]:
    """`post_many` where each actor must hold `stock.post` himself."""
    works: list[Work | AppError] = []
    allowed: Actor | None = None
    for actor, posting in items:
        try:
            if actor is not allowed:
                require(actor, "stock.post")
                allowed = actor
            works.append(Work(actor, posting, by_hand=True))
        except AppError as refusal:
            works.append(refusal)
    answers = iter(post_works(tx, [work for work in works if isinstance(work, Work)]))
    return [next(answers) if isinstance(work, Work) else work for work in works]


def reverse(tx: Tx, actor: Actor, original_op_id: str, op_id: str, reason: str) -> Posted:
    """Undo a posting by its mirror image, which names it; the original stays as it is.

    Raises:
        AppError: no such posting, already reversed, or the stock is no longer there.
    """
    return post(tx, actor, _mirror(tx, original_op_id, op_id, reason))


def _mirror(tx: Tx, original_op_id: str, op_id: str, reason: str) -> Posting:
    original = posted_by_op(tx.conn, [original_op_id]).get(original_op_id)
    if original is None:
        raise AppError(NOT_FOUND, what="过账", name=original_op_id)
    lines = counter_lines(move.line() for move in original.moves)
    return Posting(
        op_id, "reverse", lines, doc=original.doc, reason=reason, reverses=original_op_id
    )


def reverse_by_hand(tx: Tx, actor: Actor, original_op_id: str, op_id: str, reason: str) -> Posted:
    """`reverse` for a person's own correction: requires `stock.post`.

    Raises:
        AppError: forbidden, belongs_to_paper, stage_by_hand, transit_by_hand, or as `reverse`.
    """
    require(actor, "stock.post")
    posting = _mirror(tx, original_op_id, op_id, reason)
    return post_work(tx, Work(actor, posting, by_hand=True))


def posted(conn: Connection, op_id: str) -> Posted | None:
    """What was posted under this operation id, or None."""
    return posted_by_op(conn, [op_id]).get(op_id)


def answer_again(tx: Tx, op_id: str, print_: str) -> Posted | None:
    """The first answer if `op_id` was posted before, for verbs that build their lines themselves.

    Raises:
        AppError(key_reused): it was, for other content.
    """
    before = posted(tx.conn, op_id)
    if before is None:
        return None
    if before.fingerprint != print_:
        raise AppError(KEY_REUSED, key=op_id)
    return replace(before, replayed=True)


def post_work(tx: Tx, work: Work) -> Posted:
    """Post one work of a neighbouring verb of this package (fulfil, hold)."""
    answer = post_works(tx, [work])[0]
    if isinstance(answer, AppError):
        raise answer
    return answer


def post_works(tx: Tx, works: Sequence[Work]) -> list[Posted | AppError]:
    """Decide all works in order on one book, then write the accepted ones together."""
    reversed_ops = {work.posting.reverses for work in works if work.posting.reverses}
    asked = {work.posting.op_id for work in works} | reversed_ops
    loaded = load(tx, [work.posting for work in works], asked)
    known = posted_of(tx.conn, loaded.headers)
    undone = reversers(tx.conn, reversed_ops) if reversed_ops else {}
    batch = Batch(loaded.posting_numbers, loaded.move_numbers)
    answers: list[Posted | AppError] = []
    for work in works:
        if work.posting.op_id in known:
            answers.append(_answer_again(work, known))
            continue
        try:
            change = _decide(tx, work, loaded, known, undone)
        except AppError as refusal:
            answers.append(refusal)
            continue
        loaded.book.apply(change)
        answer = stage(tx, work, change, batch)
        known[answer.op_id] = answer
        if work.posting.reverses:
            undone[work.posting.reverses] = answer.op_id
        answers.append(answer)
    write(tx, batch, loaded)
    return answers


def _answer_again(work: Work, known: dict[str, Posted]) -> Posted | AppError:
    before = known[work.posting.op_id]
    if before.fingerprint != work.fingerprint:
        return AppError(KEY_REUSED, key=work.posting.op_id)
    return replace(before, replayed=True)


def _decide(
    tx: Tx, work: Work, loaded: Loaded, known: dict[str, Posted], undone: dict[str, str]
) -> Change:
    posting = work.posting
    check_operation_id(posting.op_id)
    happened_at = tx.now if posting.happened_at is None else posting.happened_at
    if happened_at > tx.now + DAY:
        raise AppError(refusals.TIME_AHEAD, happened_at=iso(happened_at))
    if work.by_hand:
        _check_by_hand(posting, loaded, known)
    if posting.reverses:
        _check_reversal(posting, known, undone)
    today = local_date(happened_at)
    if work.reservation_id is None:
        terms = _terms_of(today)
    else:
        terms = Terms(today, work.reservation_id, work.draws)
    return decide(posting, loaded.book, terms)


_terms_of = lru_cache(maxsize=64)(Terms)


def _check_by_hand(posting: Posting, loaded: Loaded, known: dict[str, Posted]) -> None:
    """All from memory: this is the hot path, and a repeat was answered before it came here."""
    papers.check_free(posting.doc)
    original = known.get(posting.reverses) if posting.reverses else None
    if original is not None:  # its mirror may leave `doc` empty
        papers.check_free(original.doc)
    papers.check_places(posting.lines, loaded.book.places)


def _check_reversal(posting: Posting, known: dict[str, Posted], undone: dict[str, str]) -> None:
    original = known.get(posting.reverses)
    if original is None:
        raise AppError(NOT_FOUND, what="过账", name=posting.reverses)
    by = undone.get(posting.reverses)
    if by is not None:
        raise AppError(refusals.ALREADY_REVERSED, original=posting.reverses, by=by)
    mirror = counter_lines(move.line() for move in original.moves)
    if posting.kind != "reverse" or posting.lines != mirror:
        raise AppError(refusals.NOT_A_MIRROR, original=posting.reverses)


def local_date(when: Instant) -> str:
    """The ISO date on the warehouse's wall at `when`."""
    return _date_of_hour(when // HOUR)


@lru_cache(maxsize=1_024)
def _date_of_hour(hour: int) -> str:
    return to_datetime(hour * HOUR).date().isoformat()
