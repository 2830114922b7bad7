"""Schools, persons, records, and the imports that bring them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _guardianships()
    _imports()
    _persons()
    _records()
    _schools()
    _staged_rows()
    _attachments()
    _classes()
    _enrolments()
    _import_faults()
    _restrictions()
    _school_keys()
    _staff_posts()


def downgrade() -> None:
    op.drop_table("staff_posts")
    op.drop_table("school_keys")
    op.drop_table("restrictions")
    op.drop_table("import_faults")
    op.drop_table("enrolments")
    op.drop_table("classes")
    op.drop_table("attachments")
    op.drop_table("staged_rows")
    op.drop_table("schools")
    op.drop_table("records")
    op.drop_table("persons")
    op.drop_table("imports")
    op.drop_table("guardianships")


def _guardianships() -> None:
    op.create_table(
        "guardianships",
        sa.Column("adult_record", sa.String(length=160), nullable=False),
        sa.Column("child_record", sa.String(length=160), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("link_code", sa.String(length=8), nullable=False),
        sa.Column("quality", sa.String(length=32), nullable=False),
        sa.Column("may_see", sa.Boolean(), nullable=False),
        sa.Column("may_act", sa.Boolean(), nullable=False),
        sa.Column("pays", sa.Boolean(), nullable=False),
        sa.Column("contact_first", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("adult_record", "child_record", "since", name=op.f("pk_guardianships")),
    )
    op.create_index("ix_guardianships_child_record", "guardianships", ["child_record"], unique=False)
    op.create_index(
        "uq_guardianships_open",
        "guardianships",
        ["adult_record", "child_record"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
        sqlite_where=sa.text("until IS NULL"),
    )


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("academie", sa.String(length=2), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=True),
        sa.Column("covers", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("staged", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(length=255), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_feed", "imports", ["feed", "started_at"], unique=False)


def _persons() -> None:
    op.create_table(
        "persons",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_into", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["persons.id"], name=op.f("fk_persons_merged_into")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
    )
    op.create_index(
        "ix_persons_merged_into",
        "persons",
        ["merged_into"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NOT NULL"),
        sqlite_where=sa.text("merged_into IS NOT NULL"),
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("id", sa.String(length=160), nullable=False),
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("academie", sa.String(length=2), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("civility", sa.String(length=8), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("ine", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("seen_in", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("feed", "key", name=op.f("uq_records_feed_key")),
    )
    op.create_index(
        "ix_records_ine",
        "records",
        ["ine"],
        unique=False,
        postgresql_where=sa.text("ine <> ''"),
        sqlite_where=sa.text("ine <> ''"),
    )
    op.create_index(
        "ix_records_name_key",
        "records",
        ["name_key"],
        unique=False,
        postgresql_where=sa.text("kind = 'guardian'"),
        sqlite_where=sa.text("kind = 'guardian'"),
    )
    op.create_index("ix_records_reference", "records", ["academie", "key"], unique=False)


def _schools() -> None:
    op.create_table(
        "schools",
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("academie", sa.String(length=2), nullable=False),
        sa.Column("commune", sa.Text(), nullable=False),
        sa.Column("contract", sa.String(length=8), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("uai", name=op.f("pk_schools")),
    )


def _staged_rows() -> None:
    op.create_table(
        "staged_rows",
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("op", sa.String(length=8), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("relations", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "phase", "seq", name=op.f("pk_staged_rows")),
    )
    op.create_index("ix_staged_rows_key", "staged_rows", ["import_id", "key"], unique=False)


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=160), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("evidence_kind", sa.String(length=32), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_attachments_person_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_attachments_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index("ix_attachments_person_state", "attachments", ["person_id", "state"], unique=False)
    op.create_index("ix_attachments_record_state", "attachments", ["record_id", "state"], unique=False)
    op.create_index(
        "uq_attachments_record_attached",
        "attachments",
        ["record_id"],
        unique=True,
        postgresql_where=sa.text("state = 'attached'"),
        sqlite_where=sa.text("state = 'attached'"),
    )


def _classes() -> None:
    op.create_table(
        "classes",
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["uai"], ["schools.uai"], name=op.f("fk_classes_uai")),
        sa.PrimaryKeyConstraint("uai", "code", name=op.f("pk_classes")),
    )


def _enrolments() -> None:
    op.create_table(
        "enrolments",
        sa.Column("record_id", sa.String(length=160), nullable=False),
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("class_code", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("class_label", sa.Text(), nullable=False),
        sa.Column("mef", sa.String(length=16), nullable=False),
        sa.Column("level_code", sa.String(length=16), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["uai"], ["schools.uai"], name=op.f("fk_enrolments_uai")),
        sa.PrimaryKeyConstraint("record_id", "uai", "class_code", "since", name=op.f("pk_enrolments")),
    )


def _import_faults() -> None:
    op.create_table(
        "import_faults",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("warning", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_faults_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_faults")),
    )
    op.create_index("ix_import_faults_import_id", "import_faults", ["import_id"], unique=False)


def _restrictions() -> None:
    op.create_table(
        "restrictions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("adult_record", sa.String(length=160), nullable=False),
        sa.Column("child_record", sa.String(length=160), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["adult_record"], ["records.id"], name=op.f("fk_restrictions_adult_record")),
        sa.ForeignKeyConstraint(["child_record"], ["records.id"], name=op.f("fk_restrictions_child_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restrictions")),
    )
    op.create_index("ix_restrictions_adult_record", "restrictions", ["adult_record"], unique=False)
    op.create_index("ix_restrictions_child_record", "restrictions", ["child_record"], unique=False)


def _school_keys() -> None:
    op.create_table(
        "school_keys",
        sa.Column("feed", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_in", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["uai"], ["schools.uai"], name=op.f("fk_school_keys_uai")),
        sa.PrimaryKeyConstraint("feed", "key", name=op.f("pk_school_keys")),
    )


def _staff_posts() -> None:
    op.create_table(
        "staff_posts",
        sa.Column("record_id", sa.String(length=160), nullable=False),
        sa.Column("uai", sa.String(length=16), nullable=False),
        sa.Column("function", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("profil", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["uai"], ["schools.uai"], name=op.f("fk_staff_posts_uai")),
        sa.PrimaryKeyConstraint("record_id", "uai", "function", "since", name=op.f("pk_staff_posts")),
    )
