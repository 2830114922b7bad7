"""Sessions of services that speak CAS or SAML: what they know them by, and where they are told of their end."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grants", sa.Column("peer", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("grants", "peer")
