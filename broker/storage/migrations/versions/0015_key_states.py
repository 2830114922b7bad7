"""Since when a signing key is in its state, and one next key at most for each purpose and algorithm."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NEXT = sa.text("state = 'next'")


def upgrade() -> None:
    op.add_column("signing_keys", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE signing_keys SET since = created_at")
    op.create_index(
        "uq_signing_keys_next",
        "signing_keys",
        ["purpose", "alg"],
        unique=True,
        postgresql_where=_NEXT,
        sqlite_where=_NEXT,
    )


def downgrade() -> None:
    op.drop_index("uq_signing_keys_next", "signing_keys")
    op.drop_column("signing_keys", "since")
