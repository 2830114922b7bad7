"""What agents are called, acts that two of them do, and the trail read as the journal of the desk."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_OF_DESK = sa.text(
    "action IN ('agent_searched', 'agent_viewed', 'agent_refused', 'agent_alarm', 'journal_read', 'window_opened',"
    " 'letter_issued', 'wait_lifted', 'access_closed', 'access_reopened', 'agent_asked', 'agent_declined',"
    " 'post_given', 'post_ended', 'short_code_sent', 'short_code_unsent')"
)


def upgrade() -> None:
    op.add_column("accounts", sa.Column("said_name", sa.String(128), nullable=True))
    op.create_index(
        "ix_audit_events_desk", "audit_events", ["tenant", "id"], postgresql_where=_OF_DESK, sqlite_where=_OF_DESK
    )
    op.create_table(
        "desk_requests",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("proofs", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("uai", sa.String(16), nullable=False),
        sa.Column("asked_by", sa.String(64), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("asked_account", sa.String(64), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("answered_at", _INSTANT),
        sa.Column("answered_by", sa.String(64)),
        sa.Column("answer", sa.String(16)),
    )
    op.create_index("ix_desk_requests_tenant", "desk_requests", ["tenant", "expires_at"])
    op.create_index("ix_desk_requests_expires_at", "desk_requests", ["expires_at"])


def downgrade() -> None:
    op.drop_table("desk_requests")
    op.drop_index("ix_audit_events_desk", "audit_events")
    op.drop_column("accounts", "said_name")
