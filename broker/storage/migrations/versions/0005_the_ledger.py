"""What services were told."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("claims_digest", sa.String(length=64), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_releases_person_id")),
        sa.PrimaryKeyConstraint("person_id", "service_id", "day", "claims_digest", name=op.f("pk_releases")),
    )
    op.create_index("ix_releases_service_id_day", "releases", ["service_id", "day"], unique=False)
    op.create_index("ix_releases_day", "releases", ["day"], unique=False)


def downgrade() -> None:
    op.drop_table("releases")
