"""Visits, and the telling of services that one ended."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_WAITING = sa.text("done_at IS NULL AND lane IS NOT NULL")
_LOGOUTS = sa.text("topic = 'logout'")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("continues", sa.String(64), nullable=True))
    op.create_index("ix_sessions_continues", "sessions", ["continues"])
    op.add_column("outbox", sa.Column("lane", sa.String(128), nullable=True))
    op.create_index(
        "ix_outbox_lane", "outbox", ["lane", "id"], postgresql_where=_WAITING, sqlite_where=_WAITING
    )
    op.create_index("ix_outbox_visit", "outbox", ["key"], postgresql_where=_LOGOUTS, sqlite_where=_LOGOUTS)


def downgrade() -> None:
    op.drop_index("ix_outbox_visit", "outbox")
    op.drop_index("ix_outbox_lane", "outbox")
    op.drop_column("outbox", "lane")
    op.drop_index("ix_sessions_continues", "sessions")
    op.drop_column("sessions", "continues")
