"""Search at the desk: keys of records by school, and the records whose keys are to be written. All of them at first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0027"

_KEY = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOBILE = sa.text("key >= 'm:' AND key < 'm;'")


def upgrade() -> None:
    op.create_table(
        "search_keys",
        sa.Column("uai", sa.String(16), primary_key=True),
        sa.Column("key", _KEY, primary_key=True),
        sa.Column("record_id", sa.String(160), primary_key=True),
    )
    op.create_index("ix_search_keys_record_id", "search_keys", ["record_id", "key"])
    op.create_index(
        "ix_search_keys_mobile", "search_keys", ["key"], postgresql_where=_MOBILE, sqlite_where=_MOBILE
    )
    op.create_table(
        "search_pending",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("record_id", sa.String(160), nullable=False),
    )
    op.execute("INSERT INTO search_pending (record_id) SELECT id FROM records WHERE retired_at IS NULL")


def downgrade() -> None:
    op.drop_table("search_pending")
    op.drop_table("search_keys")
