"""Who gave a post at the desk: it counts no longer than theirs. One that nobody is known to have given counts no more."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("desk_posts", sa.Column("giver", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("desk_posts", "giver")
