"""Letters are found by their locator also when they were used: whoever holds one is told what became of it."""

from alembic import op

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_codes_locator", "codes", ["locator", "issued_at"])


def downgrade() -> None:
    op.drop_index("ix_codes_locator", "codes")
