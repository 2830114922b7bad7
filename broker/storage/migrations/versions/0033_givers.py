"""Who gave a post at the desk: it counts no longer than theirs, and not at all where nobody is known to have given it.

Agents are few among accounts: whoever looks for their names need not read all of these.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_NAMED = sa.text("said_name IS NOT NULL")


def upgrade() -> None:
    op.add_column("desk_posts", sa.Column("giver", sa.String(64), nullable=False, server_default=""))
    op.create_index(
        "ix_accounts_said_name", "accounts", ["source_id"], postgresql_where=_NAMED, sqlite_where=_NAMED
    )


def downgrade() -> None:
    op.drop_index("ix_accounts_said_name", "accounts")
    op.drop_column("desk_posts", "giver")
