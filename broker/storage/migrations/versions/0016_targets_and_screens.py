"""Tokens for one API; tokens for one child in a guardian's place; screens that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grants", sa.Column("resource", sa.String(length=255), nullable=True))
    op.add_column("grants", sa.Column("resource_subject", sa.String(length=64), nullable=True))
    op.add_column("service_tokens", sa.Column("resource", sa.String(length=255), nullable=True))
    op.create_table(
        "child_tokens",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("grant_id", sa.String(length=64), sa.ForeignKey("grants.id"), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("child", sa.String(length=64), sa.ForeignKey("subjects.value"), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("jkt", sa.String(length=64), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_child_tokens_grant_id", "child_tokens", ["grant_id"])
    op.create_index("ix_child_tokens_expires_at", "child_tokens", ["expires_at"])
    op.create_table(
        "device_requests",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("user_code", sa.String(length=64), nullable=False, unique=True),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("resource", sa.String(length=255), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_device_requests_expires_at", "device_requests", ["expires_at"])


def downgrade() -> None:
    op.drop_table("device_requests")
    op.drop_table("child_tokens")
    op.drop_column("service_tokens", "resource")
    op.drop_column("grants", "resource_subject")
    op.drop_column("grants", "resource")
