"""What a trace number leads to, and the trail read by person and by trace."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None

_SIGN_INS = sa.text("action IN ('sign_in', 'sign_in_refused', 'link_created')")
_NOT_HOT = sa.text(
    "subject <> '' AND action NOT IN ('code_issued', 'code_redeemed', 'token_refreshed', 'ticket_issued',"
    " 'ticket_validated', 'assertion_issued', 'service_token_issued', 'child_token_issued')"
)


def upgrade() -> None:
    op.create_table(
        "login_faults",
        sa.Column("trace", sa.String(16), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("path", sa.String(128), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("service_id", sa.String(128), nullable=False),
        sa.Column("hops", sa.JSON(), nullable=False),
    )
    op.create_index("ix_login_faults_at", "login_faults", ["at"])
    op.create_index("ix_login_faults_person_id", "login_faults", ["person_id"])
    op.create_index(
        "ix_audit_events_trace", "audit_events", ["trace"], postgresql_where=_SIGN_INS, sqlite_where=_SIGN_INS
    )
    op.create_index(
        "ix_audit_events_subject", "audit_events", ["subject", "id"], postgresql_where=_NOT_HOT, sqlite_where=_NOT_HOT
    )


def downgrade() -> None:
    op.drop_index("ix_audit_events_subject", "audit_events")
    op.drop_index("ix_audit_events_trace", "audit_events")
    op.drop_table("login_faults")
