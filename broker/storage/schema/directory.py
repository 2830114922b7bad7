"""Schools, persons, and the records, attachments and dated facts behind them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from broker.storage.schema.columns import Instant, metadata

schools = Table(
    "schools", metadata,
    Column("uai", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", String(16)),
    Column("kind", String(32), nullable=False, default=""),
    Column("academie", String(2), nullable=False, default=""),
    Column("commune", Text, nullable=False, default=""),
    Column("contract", String(8), nullable=False, default=""),
    Column("retired_at", Instant),
)

school_keys = Table(
    "school_keys", metadata,
    Column("feed", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("retired_at", Instant),
    Column("seen_in", String(64)),
)

classes = Table(
    "classes", metadata,
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("label", Text, nullable=False),
)

persons = Table(
    "persons", metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("merged_into", String(64), ForeignKey("persons.id")),
    Index(
        "ix_persons_merged_into", "merged_into",
        postgresql_where=text("merged_into IS NOT NULL"), sqlite_where=text("merged_into IS NOT NULL"),
    ),
)

records = Table(
    "records", metadata,
    Column("id", String(160), primary_key=True),
    Column("feed", String(64), nullable=False),
    Column("key", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("academie", String(2), nullable=False),
    Column("family_name", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("civility", String(8), nullable=False, default=""),
    Column("name_key", Text, nullable=False),
    Column("birth_date", Date),
    Column("ine", String(16), nullable=False, default=""),
    Column("content", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("seen_in", String(64), nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("retired_at", Instant),
    UniqueConstraint("feed", "key"),
    Index("ix_records_reference", "academie", "key"),
    Index("ix_records_ine", "ine", postgresql_where=text("ine <> ''"), sqlite_where=text("ine <> ''")),
    Index(
        "ix_records_name_key", "name_key",
        postgresql_where=text("kind = 'guardian'"), sqlite_where=text("kind = 'guardian'"),
    ),
)
"""`id` is `feed:key`: known without a look-up, so that relations can be written before the other side has arrived.
`name_key` blocks candidates for *proposals* only."""

attachments = Table(
    "attachments", metadata,
    Column("id", String(64), primary_key=True),
    Column("record_id", String(160), ForeignKey("records.id"), nullable=False),
    Column("person_id", String(64), ForeignKey("persons.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("evidence_kind", String(32), nullable=False),
    Column("evidence", JSON, nullable=False, default=dict),
    Column("score", Float),
    Column("actor", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(
        "uq_attachments_record_attached", "record_id", unique=True,
        postgresql_where=text("state = 'attached'"), sqlite_where=text("state = 'attached'"),
    ),
    Index("ix_attachments_person_state", "person_id", "state"),
    Index("ix_attachments_record_state", "record_id", "state"),
)
"""A record is attached to at most one person; proposals are rows in state `proposed` and open nothing.
An attachment made *beside* another record (same INE, shared child) names that record in `evidence["other"]`, so that
it follows it when a merge is taken back."""

record_ties = Table(
    "record_ties", metadata,
    Column("record_id", String(160), primary_key=True),
    Column("other", String(160), primary_key=True),
    Column("nature", String(16), nullable=False),
    Index("ix_record_ties_other", "other"),
)
"""What a directory itself says: the record and `other` (a record's id, or a reference as text) are one human."""

guardianships = Table(
    "guardianships", metadata,
    Column("adult_record", String(160), primary_key=True),
    Column("child_record", String(160), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("feed", String(64), nullable=False),
    Column("link_code", String(8), nullable=False),
    Column("quality", String(32), nullable=False),
    Column("may_see", Boolean, nullable=False),
    Column("may_act", Boolean, nullable=False),
    Column("pays", Boolean, nullable=False),
    Column("contact_first", Boolean, nullable=False),
    Column("given", Instant),
    Column("withdrawn", Instant),
    Index("ix_guardianships_child_record", "child_record"),
    Index(
        "ix_guardianships_withdrawn", "child_record",
        postgresql_where=text("withdrawn IS NOT NULL"), sqlite_where=text("withdrawn IS NOT NULL"),
    ),
    Index(
        "uq_guardianships_open", "adult_record", "child_record", unique=True,
        postgresql_where=text("until IS NULL"), sqlite_where=text("until IS NULL"),
    ),
)
"""Dated facts between records; persons stand behind them through attachments, so that a merge moves nothing here.

`since` and `until` are when we learnt of it. `given` is from when the feed itself gives the right, or an administrator
affirmed it (empty: `since`); `withdrawn` is when the feed took back a right that it had given."""

restrictions = Table(
    "restrictions", metadata,
    Column("id", String(64), primary_key=True),
    Column("adult_record", String(160), ForeignKey("records.id"), nullable=False),
    Column("child_record", String(160), ForeignKey("records.id"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("actor", String(128), nullable=False),
    Index("ix_restrictions_adult_record", "adult_record"),
    Index("ix_restrictions_child_record", "child_record"),
)
"""Court restrictions, one row for each pair of attached records; they hold for the *persons* behind those records."""

enrolments = Table(
    "enrolments", metadata,
    Column("record_id", String(160), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("class_code", String(64), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("class_label", Text, nullable=False),
    Column("mef", String(16), nullable=False, default=""),
    Column("level_code", String(16), nullable=False, default=""),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Index(
        "ix_enrolments_uai", "uai",
        postgresql_where=text("until IS NULL"), sqlite_where=text("until IS NULL"),
    ),
)

staff_posts = Table(
    "staff_posts", metadata,
    Column("record_id", String(160), primary_key=True),
    Column("uai", String(16), ForeignKey("schools.uai"), primary_key=True),
    Column("function", String(32), primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),
    Column("profil", String(8), nullable=False),
)
