"""The first schema: ledger, tasks, outbox, orders, catalog, people, calendar, audit.

Revision: 2026_11_22_first
Follows: 
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_first'
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ('audit', 'event', 'move', 'move_serial', 'posting')


def upgrade() -> None:
    op.create_table('action_token',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('card_id', sa.String(length=32), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_action_token'))
    )
    with op.batch_alter_table('action_token', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_action_token_card_id'), ['card_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_action_token_expires_at'), ['expires_at'], unique=False)

    op.create_table('attempt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('message_id', sa.String(length=32), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('recipient', sa.String(length=128), nullable=False),
    sa.Column('rings', sa.Boolean(), nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.String(length=12), nullable=True),
    sa.Column('retry_after_s', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=256), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt'))
    )
    with op.batch_alter_table('attempt', schema=None) as batch_op:
        batch_op.create_index('ix_attempt_account', ['channel', 'begun_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_attempt_message_id'), ['message_id'], unique=False)
        batch_op.create_index('ix_attempt_person', ['channel', 'recipient', 'begun_at'], unique=False)

    op.create_table('audit',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('face', sa.String(length=16), nullable=False),
    sa.Column('device_id', sa.BigInteger(), nullable=True),
    sa.Column('verb', sa.String(length=64), nullable=False),
    sa.Column('thing', sa.String(length=96), nullable=False),
    sa.Column('before', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('after', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('why', sa.String(length=512), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_actor_id'), ['actor', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_thing_id'), ['thing', 'id'], unique=False)

    op.create_table('balance',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.String(length=112), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('lot_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('location_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('on_hand', sa.BigInteger(), nullable=False),
    sa.Column('reserved', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('reserved >= 0', name=op.f('ck_balance_reserved_not_negative')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_balance')),
    sa.UniqueConstraint('key', name=op.f('uq_balance_key'))
    )
    with op.batch_alter_table('balance', schema=None) as batch_op:
        batch_op.create_index('ix_balance_item_id_location_id', ['item_id', 'location_id'], unique=False)
        batch_op.create_index('ix_balance_location_id', ['location_id'], unique=False)
        batch_op.create_index('ix_balance_lot_id', ['lot_id'], unique=False, sqlite_where=sa.text('lot_id <> 0'), postgresql_where=sa.text('lot_id <> 0'))

    op.create_table('calendar',
    sa.Column('code', sa.String(length=16), nullable=False),
    sa.Column('tz_name', sa.String(length=64), nullable=False),
    sa.Column('windows', sa.JSON(), nullable=False),
    sa.Column('rev', sa.Integer(), nullable=False),
    sa.Column('stamp', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_calendar'))
    )
    op.create_table('channel_gate',
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('open_at', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=256), nullable=False),
    sa.PrimaryKeyConstraint('channel', name=op.f('pk_channel_gate'))
    )
    op.create_table('device',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('enrolled_by', sa.BigInteger(), nullable=False),
    sa.Column('enrolled_at', sa.BigInteger(), nullable=False),
    sa.Column('last_seen_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_device_token_hash'))
    )
    op.create_table('enrol_code',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('device_name', sa.String(length=64), nullable=False),
    sa.Column('made_by', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_enrol_code'))
    )
    op.create_table('event',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('kind', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=160), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('happened_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('audience', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_event'))
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_event_subject_seq'), ['subject', 'seq'], unique=False)

    op.create_table('file',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('media_type', sa.String(length=80), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('made_by', sa.BigInteger(), nullable=False),
    sa.Column('partner_id', sa.BigInteger(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_file'))
    )
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_file_sha256'), ['sha256'], unique=False)

    op.create_table('inbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('dedupe', sa.String(length=192), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('answer', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbox')),
    sa.UniqueConstraint('channel', 'dedupe', name=op.f('uq_inbox_channel_dedupe'))
    )
    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.create_index('ix_inbox_pending', ['not_before'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))

    op.create_table('item',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('name_en', sa.String(length=128), nullable=False),
    sa.Column('unit', sa.String(length=16), nullable=False),
    sa.Column('tracking', sa.String(length=8), nullable=False),
    sa.Column('shelf_life_days', sa.Integer(), nullable=False),
    sa.Column('needs_inspection', sa.Boolean(), nullable=False),
    sa.Column('checklist', sa.JSON(), nullable=False),
    sa.Column('near_expiry_days', sa.Integer(), nullable=False),
    sa.Column('allow_negative', sa.Boolean(), nullable=False),
    sa.Column('zone', sa.String(length=32), nullable=False),
    sa.Column('over_receipt_percent', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_item')),
    sa.UniqueConstraint('code', name=op.f('uq_item_code'))
    )
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_item_name'), ['name'], unique=False)

    op.create_table('message',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('dedupe', sa.String(length=192), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('intent', sa.String(length=8), nullable=False),
    sa.Column('lane', sa.Integer(), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('group_key', sa.String(length=96), nullable=False),
    sa.Column('card', sa.JSON(), nullable=False),
    sa.Column('card_rev', sa.Integer(), nullable=False),
    sa.Column('next', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('frozen', sa.Boolean(), nullable=False),
    sa.Column('moved', sa.Boolean(), nullable=False),
    sa.Column('card_id', sa.String(length=32), nullable=False),
    sa.Column('surface_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('recipient', sa.String(length=128), nullable=False),
    sa.Column('tried', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('lease_owner', sa.String(length=64), nullable=True),
    sa.Column('lease_until', sa.BigInteger(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('unsure', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('patient_until', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=256), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_message')),
    sa.UniqueConstraint('id', name=op.f('uq_message_id'))
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index('ix_message_dead', ['seq'], unique=False, sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))
        batch_op.create_index(batch_op.f('ix_message_dedupe'), ['dedupe'], unique=False)
        batch_op.create_index('ix_message_due', ['channel', 'not_before', 'recipient', 'lane', 'seq', 'state'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index('ix_message_lease', ['channel', 'lease_until'], unique=False, sqlite_where=sa.text("state = 'sending'"), postgresql_where=sa.text("state = 'sending'"))
        batch_op.create_index('ix_message_task', ['task_id', 'person_id'], unique=False)
        batch_op.create_index('ix_message_waiting', ['channel', 'recipient'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index('ux_message_live', ['dedupe'], unique=True, sqlite_where=sa.text("state IN ('pending', 'sending')"), postgresql_where=sa.text("state IN ('pending', 'sending')"))

    op.create_table('message_receipt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('card_id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('certainty', sa.String(length=12), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_receipt')),
    sa.UniqueConstraint('card_id', 'kind', name=op.f('uq_message_receipt_card_id_kind'))
    )
    op.create_table('meta',
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('value', sa.String(length=256), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_meta'))
    )
    op.create_table('move',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('posting_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('lot_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('from_location', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('to_location', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('from_status', sa.String(length=8), nullable=False),
    sa.Column('to_status', sa.String(length=8), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('to_owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('happened_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_move_quantity_positive')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_move'))
    )
    with op.batch_alter_table('move', schema=None) as batch_op:
        batch_op.create_index('ix_move_item_id_id', ['item_id', 'id'], unique=False)
        batch_op.create_index('ix_move_lot_id_id', ['lot_id', 'id'], unique=False, sqlite_where=sa.text('lot_id <> 0'), postgresql_where=sa.text('lot_id <> 0'))
        batch_op.create_index('uq_move_posting_id_line_no', ['posting_id', 'line_no'], unique=True)

    op.create_table('move_serial',
    sa.Column('move_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('serial_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('move_id', 'serial_id', name=op.f('pk_move_serial'))
    )
    with op.batch_alter_table('move_serial', schema=None) as batch_op:
        batch_op.create_index('ix_move_serial_serial_id', ['serial_id'], unique=False)

    op.create_table('operation',
    sa.Column('key', sa.String(length=192), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('answer', sa.JSON(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_operation'))
    )
    with op.batch_alter_table('operation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_operation_at'), ['at'], unique=False)

    op.create_table('partner',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('phone', sa.String(length=32), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_partner')),
    sa.UniqueConstraint('code', name=op.f('uq_partner_code'))
    )
    op.create_table('policy',
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('made_by', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'version', name=op.f('pk_policy'))
    )
    op.create_table('posting',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('doc', sa.String(length=96), nullable=False),
    sa.Column('reason', sa.String(length=400), nullable=False),
    sa.Column('reverses', sa.String(length=128), nullable=True),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('happened_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('event_seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_posting')),
    sa.UniqueConstraint('op_id', name=op.f('uq_posting_op_id'))
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.create_index('ix_posting_doc', ['doc'], unique=False, sqlite_where=sa.text("doc <> ''"), postgresql_where=sa.text("doc <> ''"))
        batch_op.create_index('uq_posting_reverses', ['reverses'], unique=True)

    op.create_table('purchase_order',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('supplier_id', sa.BigInteger(), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('buyer_id', sa.BigInteger(), nullable=False),
    sa.Column('due_on', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('promised_on', sa.String(length=10), nullable=False),
    sa.Column('receive_task', sa.String(length=32), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchase_order')),
    sa.UniqueConstraint('code', name=op.f('uq_purchase_order_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_purchase_order_op_id'))
    )
    with op.batch_alter_table('purchase_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_purchase_order_supplier_id_id'), ['supplier_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_purchase_order_warehouse_id_state_id'), ['warehouse_id', 'state', 'id'], unique=False)

    op.create_table('reservation',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('remaining', sa.BigInteger(), nullable=False),
    sa.Column('for_doc', sa.String(length=96), nullable=False),
    sa.Column('ship_on', sa.String(length=10), nullable=True),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint('remaining >= 0 AND remaining <= quantity', name=op.f('ck_reservation_remaining_fits')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reservation')),
    sa.UniqueConstraint('op_id', name=op.f('uq_reservation_op_id'))
    )
    with op.batch_alter_table('reservation', schema=None) as batch_op:
        batch_op.create_index('ix_reservation_due', ['expires_at', 'id'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.create_index('ix_reservation_for_doc', ['for_doc'], unique=False)

    op.create_table('rota',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rota')),
    sa.UniqueConstraint('code', name=op.f('uq_rota_code'))
    )
    op.create_table('serial_place',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('lot_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('location_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('owner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reservation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_serial_place'))
    )
    with op.batch_alter_table('serial_place', schema=None) as batch_op:
        batch_op.create_index('ix_serial_place_reservation_id', ['reservation_id'], unique=False)
        batch_op.create_index('uq_serial_place_item_id_code', ['item_id', 'code'], unique=True)

    op.create_table('stock_count',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('threshold_percent', sa.Integer(), nullable=False),
    sa.Column('asked_by', sa.BigInteger(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('recount_task', sa.String(length=32), nullable=False),
    sa.Column('approve_task', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_count')),
    sa.UniqueConstraint('code', name=op.f('uq_stock_count_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_stock_count_op_id'))
    )
    with op.batch_alter_table('stock_count', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stock_count_warehouse_id_state_id'), ['warehouse_id', 'state', 'id'], unique=False)

    op.create_table('surface',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('recipient', sa.String(length=128), nullable=False),
    sa.Column('card_id', sa.String(length=32), nullable=False),
    sa.Column('handle', sa.JSON(), nullable=False),
    sa.Column('card_rev', sa.Integer(), nullable=False),
    sa.Column('asked', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_surface'))
    )
    with op.batch_alter_table('surface', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_surface_card_id'), ['card_id'], unique=False)
        batch_op.create_index('ix_surface_task', ['task_id', 'person_id'], unique=False)

    op.create_table('task',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('subject', sa.String(length=96), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('priority', sa.String(length=12), nullable=False),
    sa.Column('context', sa.JSON(), nullable=False),
    sa.Column('card', sa.JSON(), nullable=False),
    sa.Column('policy', sa.JSON(), nullable=False),
    sa.Column('calendar', sa.String(length=32), nullable=False),
    sa.Column('surfaces', sa.JSON(), nullable=False),
    sa.Column('people', sa.JSON(), nullable=False),
    sa.Column('audience', sa.JSON(), nullable=False),
    sa.Column('holder_id', sa.BigInteger(), nullable=True),
    sa.Column('holder_name', sa.String(length=80), nullable=False),
    sa.Column('claimed_at', sa.BigInteger(), nullable=True),
    sa.Column('opened_by', sa.String(length=64), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.Column('snooze_until', sa.BigInteger(), nullable=True),
    sa.Column('paused_at', sa.BigInteger(), nullable=True),
    sa.Column('pause_why', sa.String(length=400), nullable=False),
    sa.Column('remaining', sa.JSON(), nullable=False),
    sa.Column('closed_by', sa.BigInteger(), nullable=True),
    sa.Column('closed_name', sa.String(length=80), nullable=False),
    sa.Column('closed_face', sa.String(length=12), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('sentence', sa.String(length=400), nullable=False),
    sa.Column('group_key', sa.String(length=96), nullable=False),
    sa.Column('dedupe_key', sa.String(length=160), nullable=True),
    sa.Column('repeat_count', sa.Integer(), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=True),
    sa.Column('partner_id', sa.BigInteger(), nullable=True),
    sa.Column('reported_generation', sa.Integer(), nullable=False),
    sa.Column('row_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task'))
    )
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_group_key'), ['group_key'], unique=False)
        batch_op.create_index(batch_op.f('ix_task_state_due_at'), ['state', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_task_subject'), ['subject'], unique=False)
        batch_op.create_index('uq_task_live_dedupe', ['dedupe_key'], unique=True, sqlite_where=sa.text("dedupe_key IS NOT NULL AND state IN ('open', 'claimed', 'snoozed', 'paused')"), postgresql_where=sa.text("dedupe_key IS NOT NULL AND state IN ('open', 'claimed', 'snoozed', 'paused')"))

    op.create_table('transfer',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('from_warehouse', sa.BigInteger(), nullable=False),
    sa.Column('to_warehouse', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.String(length=400), nullable=False),
    sa.Column('send_task', sa.String(length=32), nullable=False),
    sa.Column('receive_task', sa.String(length=32), nullable=False),
    sa.Column('asked_by', sa.BigInteger(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfer')),
    sa.UniqueConstraint('code', name=op.f('uq_transfer_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_transfer_op_id'))
    )
    with op.batch_alter_table('transfer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_transfer_state_id'), ['state', 'id'], unique=False)

    op.create_table('warehouse',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_warehouse')),
    sa.UniqueConstraint('code', name=op.f('uq_warehouse_code'))
    )
    op.create_table('assignment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.BigInteger(), nullable=False),
    sa.Column('via', sa.String(length=120), nullable=False),
    sa.Column('group_key', sa.String(length=96), nullable=False),
    sa.Column('card_on', sa.String(length=32), nullable=True),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=True),
    sa.Column('ended_reason', sa.String(length=24), nullable=False),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_assignment_task_id_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment'))
    )
    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_assignment_card_on'), ['card_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_assignment_group_key_level_person_id'), ['group_key', 'level', 'person_id'], unique=False)
        batch_op.create_index('ix_assignment_now', ['person_id'], unique=False, sqlite_where=sa.text('to_us IS NULL'), postgresql_where=sa.text('to_us IS NULL'))
        batch_op.create_index(batch_op.f('ix_assignment_task_id'), ['task_id'], unique=False)

    op.create_table('calendar_day',
    sa.Column('calendar_code', sa.String(length=16), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('workday', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('source', sa.String(length=256), nullable=False),
    sa.Column('rev', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['calendar_code'], ['calendar.code'], name=op.f('fk_calendar_day_calendar_code_calendar')),
    sa.PrimaryKeyConstraint('calendar_code', 'day', name=op.f('pk_calendar_day'))
    )
    op.create_table('calendar_year',
    sa.Column('calendar_code', sa.String(length=16), nullable=False),
    sa.Column('year', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('source', sa.String(length=256), nullable=False),
    sa.ForeignKeyConstraint(['calendar_code'], ['calendar.code'], name=op.f('fk_calendar_year_calendar_code_calendar')),
    sa.PrimaryKeyConstraint('calendar_code', 'year', name=op.f('pk_calendar_year'))
    )
    op.create_table('location',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('zone', sa.String(length=32), nullable=False),
    sa.Column('capacity_micro', sa.BigInteger(), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.ForeignKeyConstraint(['warehouse_id'], ['warehouse.id'], name=op.f('fk_location_warehouse_id_warehouse')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_location')),
    sa.UniqueConstraint('code', name=op.f('uq_location_code'))
    )
    with op.batch_alter_table('location', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_location_warehouse_id'), ['warehouse_id'], unique=False)

    op.create_table('lot',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('made_on', sa.String(length=10), nullable=True),
    sa.Column('expires_on', sa.String(length=10), nullable=True),
    sa.Column('supplier_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_lot_item_id_item')),
    sa.ForeignKeyConstraint(['supplier_id'], ['partner.id'], name=op.f('fk_lot_supplier_id_partner')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lot')),
    sa.UniqueConstraint('item_id', 'code', name=op.f('uq_lot_item_id_code'))
    )
    with op.batch_alter_table('lot', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lot_expires_on'), ['expires_on'], unique=False)

    op.create_table('pack',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('gtin', sa.String(length=14), nullable=True),
    sa.Column('numerator', sa.BigInteger(), nullable=False),
    sa.Column('denominator', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_pack_item_id_item')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pack')),
    sa.UniqueConstraint('gtin', name=op.f('uq_pack_gtin')),
    sa.UniqueConstraint('item_id', 'name', name=op.f('uq_pack_item_id_name'))
    )
    with op.batch_alter_table('pack', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pack_item_id'), ['item_id'], unique=False)

    op.create_table('person',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('login', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('name_en', sa.String(length=64), nullable=False),
    sa.Column('roles', sa.JSON(), nullable=False),
    sa.Column('manager_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('partner_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('warehouse_ids', sa.JSON(), nullable=False),
    sa.Column('password_hash', sa.String(length=128), nullable=True),
    sa.Column('pin_hash', sa.String(length=128), nullable=True),
    sa.Column('badge', sa.String(length=64), nullable=True),
    sa.Column('quiet_from', sa.Integer(), nullable=True),
    sa.Column('quiet_to', sa.Integer(), nullable=True),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.ForeignKeyConstraint(['manager_id'], ['person.id'], name=op.f('fk_person_manager_id_person')),
    sa.ForeignKeyConstraint(['partner_id'], ['partner.id'], name=op.f('fk_person_partner_id_partner')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('badge', name=op.f('uq_person_badge')),
    sa.UniqueConstraint('login', name=op.f('uq_person_login'))
    )
    with op.batch_alter_table('person', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_person_partner_id'), ['partner_id'], unique=False)

    op.create_table('purchase_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('order_id', sa.String(length=32), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('pack_id', sa.BigInteger(), nullable=True),
    sa.Column('price_micro', sa.BigInteger(), nullable=False),
    sa.Column('received', sa.BigInteger(), nullable=False),
    sa.Column('short', sa.BigInteger(), nullable=False),
    sa.Column('short_reason', sa.String(length=400), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['purchase_order.id'], name=op.f('fk_purchase_line_order_id_purchase_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchase_line')),
    sa.UniqueConstraint('order_id', 'line_no', name=op.f('uq_purchase_line_order_id_line_no'))
    )
    with op.batch_alter_table('purchase_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_purchase_line_item_id_state'), ['item_id', 'state'], unique=False)

    op.create_table('receipt',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('order_id', sa.String(length=32), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('received_by', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['purchase_order.id'], name=op.f('fk_receipt_order_id_purchase_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipt')),
    sa.UniqueConstraint('op_id', name=op.f('uq_receipt_op_id'))
    )
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_receipt_order_id'), ['order_id'], unique=False)

    op.create_table('reservation_part',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reservation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('balance_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('remaining', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('remaining >= 0 AND remaining <= quantity', name=op.f('ck_reservation_part_remaining_fits')),
    sa.ForeignKeyConstraint(['balance_id'], ['balance.id'], name=op.f('fk_reservation_part_balance_id_balance')),
    sa.ForeignKeyConstraint(['reservation_id'], ['reservation.id'], name=op.f('fk_reservation_part_reservation_id_reservation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reservation_part'))
    )
    with op.batch_alter_table('reservation_part', schema=None) as batch_op:
        batch_op.create_index('ix_reservation_part_balance_id', ['balance_id'], unique=False)
        batch_op.create_index('ix_reservation_part_reservation_id', ['reservation_id'], unique=False)

    op.create_table('stock_count_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('count_id', sa.String(length=32), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('location_id', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('expected', sa.BigInteger(), nullable=True),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.Column('counted', sa.BigInteger(), nullable=True),
    sa.Column('first_counted', sa.BigInteger(), nullable=True),
    sa.Column('counted_by', sa.BigInteger(), nullable=True),
    sa.Column('counted_at', sa.BigInteger(), nullable=True),
    sa.Column('first_counted_by', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.String(length=400), nullable=False),
    sa.ForeignKeyConstraint(['count_id'], ['stock_count.id'], name=op.f('fk_stock_count_line_count_id_stock_count')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_count_line')),
    sa.UniqueConstraint('count_id', 'line_no', name=op.f('uq_stock_count_line_count_id_line_no')),
    sa.UniqueConstraint('count_id', 'location_id', 'item_id', 'lot_id', 'status', name=op.f('uq_stock_count_line_count_id_location_id_item_id_lot_id_status'))
    )
    op.create_table('task_attachment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('file_id', sa.String(length=32), nullable=False),
    sa.Column('person_id', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.String(length=400), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['file_id'], ['file.id'], name=op.f('fk_task_attachment_file_id_file')),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_task_attachment_task_id_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_attachment')),
    sa.UniqueConstraint('task_id', 'file_id', name=op.f('uq_task_attachment_task_id_file_id'))
    )
    with op.batch_alter_table('task_attachment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_attachment_task_id'), ['task_id'], unique=False)

    op.create_table('task_comment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('person_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('face', sa.String(length=12), nullable=False),
    sa.Column('body', sa.String(length=2000), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_task_comment_task_id_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_comment'))
    )
    with op.batch_alter_table('task_comment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_comment_task_id'), ['task_id'], unique=False)

    op.create_table('timer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=24), nullable=False),
    sa.Column('clock', sa.String(length=8), nullable=False),
    sa.Column('base_us', sa.BigInteger(), nullable=False),
    sa.Column('span_us', sa.BigInteger(), nullable=False),
    sa.Column('planned_us', sa.BigInteger(), nullable=False),
    sa.Column('due_us', sa.BigInteger(), nullable=False),
    sa.Column('calendar', sa.String(length=32), nullable=False),
    sa.Column('calendar_rev', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('outcome', sa.String(length=12), nullable=False),
    sa.Column('fired_us', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_timer_task_id_task')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_timer')),
    sa.UniqueConstraint('task_id', 'generation', 'key', name=op.f('uq_timer_task_id_generation_key'))
    )
    with op.batch_alter_table('timer', schema=None) as batch_op:
        batch_op.create_index('ix_timer_due', ['due_us', 'id'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index('ix_timer_working', ['calendar', 'calendar_rev'], unique=False, sqlite_where=sa.text("state = 'pending' AND clock = 'working'"), postgresql_where=sa.text("state = 'pending' AND clock = 'working'"))

    op.create_table('transfer_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('transfer_id', sa.String(length=32), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('sent', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_transfer_line_transfer_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfer_line')),
    sa.UniqueConstraint('transfer_id', 'line_no', name=op.f('uq_transfer_line_transfer_id_line_no'))
    )
    op.create_table('barcode',
    sa.Column('code', sa.String(length=128), nullable=False),
    sa.Column('item_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('pack_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_barcode_item_id_item')),
    sa.ForeignKeyConstraint(['pack_id'], ['pack.id'], name=op.f('fk_barcode_pack_id_pack')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_barcode'))
    )
    with op.batch_alter_table('barcode', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_barcode_item_id'), ['item_id'], unique=False)

    op.create_table('chat_identity',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('user_id', sa.String(length=128), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_chat_identity_person_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_chat_identity')),
    sa.UniqueConstraint('channel', 'user_id', name=op.f('uq_chat_identity_channel_user_id'))
    )
    with op.batch_alter_table('chat_identity', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_chat_identity_person_id'), ['person_id'], unique=False)

    op.create_table('leave',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=False),
    sa.Column('substitute_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_leave_person_id_person')),
    sa.ForeignKeyConstraint(['substitute_id'], ['person.id'], name=op.f('fk_leave_substitute_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave'))
    )
    with op.batch_alter_table('leave', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leave_person_id_to_us'), ['person_id', 'to_us'], unique=False)

    op.create_table('receipt_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('receipt_id', sa.String(length=32), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('order_line_id', sa.String(length=32), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.Column('over_reason', sa.String(length=400), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('to_inspect', sa.BigInteger(), nullable=False),
    sa.Column('accepted', sa.BigInteger(), nullable=False),
    sa.Column('rejected', sa.BigInteger(), nullable=False),
    sa.Column('held', sa.BigInteger(), nullable=False),
    sa.Column('stocked', sa.BigInteger(), nullable=False),
    sa.Column('inspect_task', sa.String(length=32), nullable=False),
    sa.Column('putaway_task', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['order_line_id'], ['purchase_line.id'], name=op.f('fk_receipt_line_order_line_id_purchase_line')),
    sa.ForeignKeyConstraint(['receipt_id'], ['receipt.id'], name=op.f('fk_receipt_line_receipt_id_receipt')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipt_line')),
    sa.UniqueConstraint('receipt_id', 'line_no', name=op.f('uq_receipt_line_receipt_id_line_no'))
    )
    with op.batch_alter_table('receipt_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_receipt_line_order_line_id'), ['order_line_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_receipt_line_warehouse_id_item_id_lot_id'), ['warehouse_id', 'item_id', 'lot_id'], unique=False)

    op.create_table('rota_shift',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('rota_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_rota_shift_person_id_person')),
    sa.ForeignKeyConstraint(['rota_id'], ['rota.id'], name=op.f('fk_rota_shift_rota_id_rota')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rota_shift'))
    )
    with op.batch_alter_table('rota_shift', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rota_shift_rota_id_to_us'), ['rota_id', 'to_us'], unique=False)

    op.create_table('session',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('device_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('idle_at', sa.BigInteger(), nullable=True),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], name=op.f('fk_session_device_id_device')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_session_person_id_person')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_session'))
    )
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_session_device_id'), ['device_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_session_person_id'), ['person_id'], unique=False)

    op.create_table('team',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('lead_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.ForeignKeyConstraint(['lead_id'], ['person.id'], name=op.f('fk_team_lead_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_team')),
    sa.UniqueConstraint('code', name=op.f('uq_team_code'))
    )
    op.create_table('transfer_load',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('transfer_id', sa.String(length=32), nullable=False),
    sa.Column('line_id', sa.String(length=32), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('received', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['line_id'], ['transfer_line.id'], name=op.f('fk_transfer_load_line_id_transfer_line')),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_transfer_load_transfer_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfer_load'))
    )
    with op.batch_alter_table('transfer_load', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_transfer_load_transfer_id'), ['transfer_id'], unique=False)

    op.create_table('inspection',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('receipt_line_id', sa.String(length=32), nullable=False),
    sa.Column('order_id', sa.String(length=32), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('accepted', sa.BigInteger(), nullable=False),
    sa.Column('rejected', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=400), nullable=False),
    sa.Column('supplier_id', sa.BigInteger(), nullable=False),
    sa.Column('tasks', sa.JSON(), nullable=False),
    sa.Column('checks', sa.JSON(), nullable=False),
    sa.Column('photos', sa.JSON(), nullable=False),
    sa.Column('rejected_serials', sa.JSON(), nullable=False),
    sa.Column('whole_lot', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('decision', sa.String(length=16), nullable=False),
    sa.Column('decision_reason', sa.String(length=400), nullable=False),
    sa.Column('decided_by', sa.BigInteger(), nullable=True),
    sa.Column('decided_at', sa.BigInteger(), nullable=True),
    sa.Column('inspected_by', sa.BigInteger(), nullable=False),
    sa.Column('inspected_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['purchase_order.id'], name=op.f('fk_inspection_order_id_purchase_order')),
    sa.ForeignKeyConstraint(['receipt_line_id'], ['receipt_line.id'], name=op.f('fk_inspection_receipt_line_id_receipt_line')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inspection')),
    sa.UniqueConstraint('op_id', name=op.f('uq_inspection_op_id'))
    )
    with op.batch_alter_table('inspection', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inspection_receipt_line_id'), ['receipt_line_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_inspection_state_id'), ['state', 'id'], unique=False)

    op.create_table('team_member',
    sa.Column('team_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_team_member_person_id_person')),
    sa.ForeignKeyConstraint(['team_id'], ['team.id'], name=op.f('fk_team_member_team_id_team')),
    sa.PrimaryKeyConstraint('team_id', 'person_id', name=op.f('pk_team_member'))
    )
    with op.batch_alter_table('team_member', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_team_member_person_id'), ['person_id'], unique=False)

    for name in APPEND_ONLY:
        for statement in refusals(name):
            op.execute(statement)


def refusals(name: str) -> list[str]:
    """Triggers that refuse to change or delete a row, as core/append_only.py had them that day."""
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER {name}_refuse_{verb.lower()} BEFORE {verb} ON {name} BEGIN "
            f"SELECT RAISE(ABORT, 'append only: a row of {name} may not be changed or deleted'); "
            "END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'append only: a row of % may not be changed or deleted', TG_TABLE_NAME; "
        "END $$",
        f"CREATE TRIGGER {name}_refuse_change BEFORE UPDATE OR DELETE ON {name} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        f"CREATE TRIGGER {name}_refuse_truncate BEFORE TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    ]


def downgrade() -> None:
    with op.batch_alter_table('team_member', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_team_member_person_id'))

    op.drop_table('team_member')
    with op.batch_alter_table('inspection', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_inspection_state_id'))
        batch_op.drop_index(batch_op.f('ix_inspection_receipt_line_id'))

    op.drop_table('inspection')
    with op.batch_alter_table('transfer_load', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_transfer_load_transfer_id'))

    op.drop_table('transfer_load')
    op.drop_table('team')
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_session_person_id'))
        batch_op.drop_index(batch_op.f('ix_session_device_id'))

    op.drop_table('session')
    with op.batch_alter_table('rota_shift', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_rota_shift_rota_id_to_us'))

    op.drop_table('rota_shift')
    with op.batch_alter_table('receipt_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_receipt_line_warehouse_id_item_id_lot_id'))
        batch_op.drop_index(batch_op.f('ix_receipt_line_order_line_id'))

    op.drop_table('receipt_line')
    with op.batch_alter_table('leave', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leave_person_id_to_us'))

    op.drop_table('leave')
    with op.batch_alter_table('chat_identity', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_chat_identity_person_id'))

    op.drop_table('chat_identity')
    with op.batch_alter_table('barcode', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_barcode_item_id'))

    op.drop_table('barcode')
    op.drop_table('transfer_line')
    with op.batch_alter_table('timer', schema=None) as batch_op:
        batch_op.drop_index('ix_timer_working', sqlite_where=sa.text("state = 'pending' AND clock = 'working'"), postgresql_where=sa.text("state = 'pending' AND clock = 'working'"))
        batch_op.drop_index('ix_timer_due', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))

    op.drop_table('timer')
    with op.batch_alter_table('task_comment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_task_comment_task_id'))

    op.drop_table('task_comment')
    with op.batch_alter_table('task_attachment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_task_attachment_task_id'))

    op.drop_table('task_attachment')
    op.drop_table('stock_count_line')
    with op.batch_alter_table('reservation_part', schema=None) as batch_op:
        batch_op.drop_index('ix_reservation_part_reservation_id')
        batch_op.drop_index('ix_reservation_part_balance_id')

    op.drop_table('reservation_part')
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_receipt_order_id'))

    op.drop_table('receipt')
    with op.batch_alter_table('purchase_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_purchase_line_item_id_state'))

    op.drop_table('purchase_line')
    with op.batch_alter_table('person', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_person_partner_id'))

    op.drop_table('person')
    with op.batch_alter_table('pack', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_pack_item_id'))

    op.drop_table('pack')
    with op.batch_alter_table('lot', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lot_expires_on'))

    op.drop_table('lot')
    with op.batch_alter_table('location', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_location_warehouse_id'))

    op.drop_table('location')
    op.drop_table('calendar_year')
    op.drop_table('calendar_day')
    with op.batch_alter_table('assignment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_assignment_task_id'))
        batch_op.drop_index('ix_assignment_now', sqlite_where=sa.text('to_us IS NULL'), postgresql_where=sa.text('to_us IS NULL'))
        batch_op.drop_index(batch_op.f('ix_assignment_group_key_level_person_id'))
        batch_op.drop_index(batch_op.f('ix_assignment_card_on'))

    op.drop_table('assignment')
    op.drop_table('warehouse')
    with op.batch_alter_table('transfer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_transfer_state_id'))

    op.drop_table('transfer')
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_index('uq_task_live_dedupe', sqlite_where=sa.text("dedupe_key IS NOT NULL AND state IN ('open', 'claimed', 'snoozed', 'paused')"), postgresql_where=sa.text("dedupe_key IS NOT NULL AND state IN ('open', 'claimed', 'snoozed', 'paused')"))
        batch_op.drop_index(batch_op.f('ix_task_subject'))
        batch_op.drop_index(batch_op.f('ix_task_state_due_at'))
        batch_op.drop_index(batch_op.f('ix_task_group_key'))

    op.drop_table('task')
    with op.batch_alter_table('surface', schema=None) as batch_op:
        batch_op.drop_index('ix_surface_task')
        batch_op.drop_index(batch_op.f('ix_surface_card_id'))

    op.drop_table('surface')
    with op.batch_alter_table('stock_count', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_stock_count_warehouse_id_state_id'))

    op.drop_table('stock_count')
    with op.batch_alter_table('serial_place', schema=None) as batch_op:
        batch_op.drop_index('uq_serial_place_item_id_code')
        batch_op.drop_index('ix_serial_place_reservation_id')

    op.drop_table('serial_place')
    op.drop_table('rota')
    with op.batch_alter_table('reservation', schema=None) as batch_op:
        batch_op.drop_index('ix_reservation_for_doc')
        batch_op.drop_index('ix_reservation_due', sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))

    op.drop_table('reservation')
    with op.batch_alter_table('purchase_order', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_purchase_order_warehouse_id_state_id'))
        batch_op.drop_index(batch_op.f('ix_purchase_order_supplier_id_id'))

    op.drop_table('purchase_order')
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.drop_index('uq_posting_reverses')
        batch_op.drop_index('ix_posting_doc', sqlite_where=sa.text("doc <> ''"), postgresql_where=sa.text("doc <> ''"))

    op.drop_table('posting')
    op.drop_table('policy')
    op.drop_table('partner')
    with op.batch_alter_table('operation', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_operation_at'))

    op.drop_table('operation')
    with op.batch_alter_table('move_serial', schema=None) as batch_op:
        batch_op.drop_index('ix_move_serial_serial_id')

    op.drop_table('move_serial')
    with op.batch_alter_table('move', schema=None) as batch_op:
        batch_op.drop_index('uq_move_posting_id_line_no')
        batch_op.drop_index('ix_move_lot_id_id', sqlite_where=sa.text('lot_id <> 0'), postgresql_where=sa.text('lot_id <> 0'))
        batch_op.drop_index('ix_move_item_id_id')

    op.drop_table('move')
    op.drop_table('meta')
    op.drop_table('message_receipt')
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index('ux_message_live', sqlite_where=sa.text("state IN ('pending', 'sending')"), postgresql_where=sa.text("state IN ('pending', 'sending')"))
        batch_op.drop_index('ix_message_waiting', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.drop_index('ix_message_task')
        batch_op.drop_index('ix_message_lease', sqlite_where=sa.text("state = 'sending'"), postgresql_where=sa.text("state = 'sending'"))
        batch_op.drop_index('ix_message_due', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.drop_index(batch_op.f('ix_message_dedupe'))
        batch_op.drop_index('ix_message_dead', sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))

    op.drop_table('message')
    with op.batch_alter_table('item', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_item_name'))

    op.drop_table('item')
    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.drop_index('ix_inbox_pending', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))

    op.drop_table('inbox')
    with op.batch_alter_table('file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_file_sha256'))

    op.drop_table('file')
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_event_subject_seq'))

    op.drop_table('event')
    op.drop_table('enrol_code')
    op.drop_table('device')
    op.drop_table('channel_gate')
    op.drop_table('calendar')
    with op.batch_alter_table('balance', schema=None) as batch_op:
        batch_op.drop_index('ix_balance_lot_id', sqlite_where=sa.text('lot_id <> 0'), postgresql_where=sa.text('lot_id <> 0'))
        batch_op.drop_index('ix_balance_location_id')
        batch_op.drop_index('ix_balance_item_id_location_id')

    op.drop_table('balance')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_thing_id'))
        batch_op.drop_index(batch_op.f('ix_audit_actor_id'))

    op.drop_table('audit')
    with op.batch_alter_table('attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_attempt_person')
        batch_op.drop_index(batch_op.f('ix_attempt_message_id'))
        batch_op.drop_index('ix_attempt_account')

    op.drop_table('attempt')
    with op.batch_alter_table('action_token', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_action_token_expires_at'))
        batch_op.drop_index(batch_op.f('ix_action_token_card_id'))

    op.drop_table('action_token')
