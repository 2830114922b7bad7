"""Grants whose tokens are bound to a key (DPoP)."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grants", sa.Column("jkt", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("grants", "jkt")
