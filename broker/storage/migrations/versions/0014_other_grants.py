"""Tokens that no code was redeemed for: of clients in their own name."""

import sqlalchemy as sa
from alembic import op


revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_tokens",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("jkt", sa.String(length=64), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_service_tokens_expires_at", "service_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("service_tokens")
