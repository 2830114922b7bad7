"""Since when a feed gives a right, and when it took it back; whom a directory calls one human."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("guardianships", sa.Column("given", sa.DateTime(timezone=True), nullable=True))
    op.add_column("guardianships", sa.Column("withdrawn", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE guardianships SET given = since")
    op.create_index(
        "ix_guardianships_withdrawn", "guardianships", ["child_record"], unique=False,
        postgresql_where=sa.text("withdrawn IS NOT NULL"), sqlite_where=sa.text("withdrawn IS NOT NULL"),
    )
    op.create_table(
        "record_ties",
        sa.Column("record_id", sa.String(length=160), nullable=False),
        sa.Column("other", sa.String(length=160), nullable=False),
        sa.Column("nature", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "other", name=op.f("pk_record_ties")),
    )
    op.create_index("ix_record_ties_other", "record_ties", ["other"], unique=False)


def downgrade() -> None:
    op.drop_table("record_ties")
    op.drop_index("ix_guardianships_withdrawn", table_name="guardianships")
    op.drop_column("guardianships", "withdrawn")
    op.drop_column("guardianships", "given")
