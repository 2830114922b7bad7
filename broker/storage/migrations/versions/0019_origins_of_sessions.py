"""By which answer of its source a session was opened, and what that source wants back at a sign-out."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_HINTED = sa.text("source_hint IS NOT NULL")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("answer", sa.String(64), nullable=True))
    op.add_column("sessions", sa.Column("source_hint", sa.Text(), nullable=True))
    op.create_index("ix_sessions_answer", "sessions", ["answer"])
    op.create_index(
        "ix_sessions_hinted", "sessions", ["ends_at"], postgresql_where=_HINTED, sqlite_where=_HINTED
    )


def downgrade() -> None:
    op.drop_index("ix_sessions_hinted", "sessions")
    op.drop_index("ix_sessions_answer", "sessions")
    op.drop_column("sessions", "source_hint")
    op.drop_column("sessions", "answer")
