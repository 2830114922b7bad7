"""A person's own accounts here: identifiers, secrets, codes, contacts, notices; posts at the desk, codes of classes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NEW = (
    "own_logins", "credentials", "codes", "contacts", "notices", "desk_posts", "class_codes", "sms_counts",
)  # fmt: skip
_ONE = sa.text("until IS NULL AND kind IN ('passphrase', 'pictures')")
_PUBLIC = sa.text("public_id IS NOT NULL")
_LETTER = sa.text("kind = 'letter' AND used_at IS NULL AND ended_at IS NULL")
_BOUND = sa.text("bound <> ''")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("browser", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "own_logins",
        sa.Column("identifier", sa.String(128), primary_key=True),
        sa.Column("account_id", sa.String(64), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("account_id"),
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(64), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("public_id", sa.String(1400)),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used", sa.DateTime(timezone=True)),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_credentials_account_id", "credentials", ["account_id"])
    op.create_index("ix_credentials_until", "credentials", ["until"])
    _unique("uq_credentials_one", "credentials", ["account_id", "kind"], _ONE)
    _unique("uq_credentials_public_id", "credentials", ["public_id"], _PUBLIC)
    op.create_table(
        "codes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("locator", sa.String(8), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("uai", sa.String(16), nullable=False),
        sa.Column("bound", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("batch", sa.String(64), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("most_tries", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    _unique("uq_codes_locator", "codes", ["locator"], _LETTER)
    op.create_index("ix_codes_bound", "codes", ["bound"], postgresql_where=_BOUND, sqlite_where=_BOUND)
    op.create_index("ix_codes_person_id", "codes", ["person_id"])
    op.create_index("ix_codes_expires_at", "codes", ["expires_at"])
    _contacts_and_notices()
    _desk()


def _contacts_and_notices() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holds_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_contacts_person_id", "contacts", ["person_id"])
    op.create_index("ix_contacts_until", "contacts", ["until"])
    op.create_table(
        "notices",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("trace", sa.String(32), nullable=False),
    )
    op.create_index("ix_notices_person_id", "notices", ["person_id", "at"])
    op.create_index("ix_notices_at", "notices", ["at"])


def _desk() -> None:
    op.create_table(
        "desk_posts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(64), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("uai", sa.String(16), nullable=False),
        sa.Column("academie", sa.String(2), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_desk_posts_account_id", "desk_posts", ["account_id"])
    op.create_index("ix_desk_posts_uai", "desk_posts", ["uai"])
    op.create_index("ix_desk_posts_ended_at", "desk_posts", ["ended_at"])
    op.create_table(
        "class_codes",
        sa.Column("code", sa.String(16), primary_key=True),
        sa.Column("uai", sa.String(16), sa.ForeignKey("schools.uai"), nullable=False),
        sa.Column("class_code", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_class_codes_class", "class_codes", ["uai", "class_code"])
    op.create_index("ix_class_codes_until", "class_codes", ["until"])
    op.create_table(
        "sms_counts",
        sa.Column("uai", sa.String(16), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("segments", sa.Integer(), nullable=False),
    )


def _unique(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, unique=True, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    for table in reversed(_NEW):
        op.drop_table(table)
    op.drop_column("sessions", "browser")
