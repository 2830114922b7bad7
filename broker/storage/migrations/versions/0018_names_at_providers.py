"""Whom a SAML service provider means that names a person at a logout: found by what it was told."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_OF_SAML = sa.text("client_id LIKE 'saml:%'")


def upgrade() -> None:
    op.create_index(
        "ix_grants_name_at_provider",
        "grants",
        ["client_id", "subject"],
        postgresql_where=_OF_SAML,
        sqlite_where=_OF_SAML,
    )


def downgrade() -> None:
    op.drop_index("ix_grants_name_at_provider", "grants")
