"""A window is bound to one screen, and a screen has one; codes by SMS from the desk are found by locators as letters are."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0021"
branch_labels = None
depends_on = None

LIVE = "used_at IS NULL AND ended_at IS NULL"
SCREEN = sa.text(f"kind = 'window' AND bound <> '' AND {LIVE}")


def upgrade() -> None:
    _locators(f"locator <> '' AND {LIVE}")
    op.create_index(
        "uq_codes_screen", "codes", ["bound"], unique=True, postgresql_where=SCREEN, sqlite_where=SCREEN
    )


def downgrade() -> None:
    op.drop_index("uq_codes_screen", "codes")
    _locators(f"kind = 'letter' AND {LIVE}")


def _locators(which: str) -> None:
    op.drop_index("uq_codes_locator", "codes")
    op.create_index(
        "uq_codes_locator", "codes", ["locator"], unique=True,
        postgresql_where=sa.text(which), sqlite_where=sa.text(which),
    )  # fmt: skip
