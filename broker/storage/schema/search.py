"""By which words the desk finds a record at a school, and which records are to be looked at anew."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, text

from broker.storage.schema.columns import Auto, metadata

Key = String(80).with_variant(String(80, collation="C"), "postgresql")
"""Byte by byte, whatever the server's language: a word's beginning is a range."""
_MOBILE = text("key >= 'm:' AND key < 'm;'")

search_keys = Table(
    "search_keys", metadata,
    Column("uai", String(16), primary_key=True),
    Column("key", Key, primary_key=True),
    Column("record_id", String(160), primary_key=True),
    Index("ix_search_keys_record_id", "record_id", "key"),
    Index("ix_search_keys_mobile", "key", postgresql_where=_MOBILE, sqlite_where=_MOBILE),
)
"""A guardian stands under the schools of their children. The school comes first: a search reads no other school's rows.
Kept up behind imports by a chore of the worker; what is found is read again from the directory before it is shown."""

search_pending = Table(
    "search_pending", metadata,
    Column("id", Auto, primary_key=True, autoincrement=True),
    Column("record_id", String(160), nullable=False),
)
"""Records that an import touched; the same one may stand here several times: to append is cheapest."""
