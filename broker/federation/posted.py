"""Answers of sources that came by a form of theirs, kept for the GET that follows.

Only that GET carries this browser's cookies (a cross-site POST has none under `SameSite=Lax`), so only there can an
answer be held against the login that this browser began. Whoever learns the handle has an answer that still fits one
browser alone.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore

ANSWER = "SAMLResponse"
STATE = "RelayState"
"""What a form calls the answer, and our own state (SAML Bindings §3.5)."""
POSTED = "reponse"
"""The parameter of the return address that stands for what was posted."""
SECONDS = 60


@dataclass(frozen=True, slots=True)
class PostedAnswers:
    """Over the ephemeral store: each answer is taken once, at the source and with the state that it was posted with."""

    store: EphemeralStore

    def keep(self, source_id: str, state: str, answer: str) -> str:
        """Keep an answer for a minute; returns its handle."""
        handle = new_handle(Handle.REQUEST)
        record = {"source": source_id, "state": state, "answer": answer}
        self.store.put(_key(handle), json.dumps(record).encode(), ttl=SECONDS)
        return handle

    def take(self, handle: str, source_id: str, state: str) -> str:
        """The answer, once; empty when there is none for this source and state."""
        found = self.store.take(_key(handle)) if is_handle(Handle.REQUEST, handle) else None
        if found is None:
            return ""
        record = json.loads(found)
        same = record["source"] == source_id and hmac.compare_digest(record["state"], state)
        return str(record["answer"]) if same else ""


def _key(handle: str) -> str:
    return f"posted:{digest(handle)}"
