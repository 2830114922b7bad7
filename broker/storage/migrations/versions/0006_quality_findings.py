"""What is wrong in what schools deliver."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quality_findings",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=160), nullable=False),
        sa.Column("finding", sa.String(length=32), nullable=False),
        sa.Column("other", sa.String(length=160), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_in", sa.String(length=64), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_in", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quality_findings")),
    )
    op.create_index(
        "uq_quality_findings_open", "quality_findings", ["uai", "record_id", "finding", "other"], unique=True,
        postgresql_where=sa.text("closed_at IS NULL"), sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_quality_findings_uai", "quality_findings", ["uai", "closed_at"], unique=False)
    op.create_index("ix_quality_findings_record_id", "quality_findings", ["record_id"], unique=False)
    op.create_index(
        "ix_enrolments_uai", "enrolments", ["uai"], unique=False,
        postgresql_where=sa.text("until IS NULL"), sqlite_where=sa.text("until IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_enrolments_uai", table_name="enrolments")
    op.drop_table("quality_findings")
