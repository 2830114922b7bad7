"""Grants that renew their tokens by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grants", sa.Column("offline_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("grants", sa.Column("offline_idle", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("grants", "offline_idle")
    op.drop_column("grants", "offline_until")
