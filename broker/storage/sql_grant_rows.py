"""Grants, codes and tokens: as values of the domain, and as rows and binds of the statements in `sql_grants`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from broker.domain.acts import IssueCode, Redeem
from broker.domain.identity import AuthnContext
from broker.domain.sessions import AccessToken, Audience, CodePayload, Grant, Offline
from broker.storage.events_at_once import events_as_json
from broker.storage.sql_logouts import SCHOOL


def issue_binds(act: IssueCode) -> dict[str, Any]:
    """What the statements that store a code are told."""
    payload = act.payload
    grant, authn = payload.grant, payload.authn
    return {
        "grant": grant.grant_id,
        "person": grant.person_id,
        "client": grant.client_id,
        "session": grant.sid,
        "scopes": list(grant.scope),
        "sub": payload.subject,
        "granted": list(payload.claims),
        "renewed_until": payload.offline.until if payload.offline else None,
        "renewed_within": int(payload.offline.idle.total_seconds()) if payload.offline else None,
        "shown": act.code_digest,
        "stands_for": {
            "redirect_uri": payload.redirect_uri,
            "code_challenge": payload.code_challenge,
            "nonce": payload.nonce,
            "acr": authn.acr,
            "amr": list(authn.amr),
            "auth_time": authn.auth_time.isoformat(),
            "authority": authn.authority,
            "visit": payload.visit,
        },
        "now": act.issued_at,
        "until": payload.expires_at,
        "bound_to": grant.jkt or None,
        "api": grant.audience.uri if grant.audience else None,
        "api_sub": grant.audience.subject if grant.audience else None,
        "known_by": known_by(grant),
        "pushed": act.spends.digest if act.spends else None,
        "remembered": act.spends.until if act.spends else None,
    }


def known_by(grant: Grant) -> dict[str, str] | None:
    """By what the client tells its sessions of one visit apart: the school in play; None where there is none."""
    return {SCHOOL: grant.school} if grant.school else None


def redeem_binds(act: Redeem) -> dict[str, Any]:
    """What the statements that redeem a code or refresh token are told."""
    return {
        "of_kind": act.kind.value,
        "shown": act.digest,
        "client": act.client_id,
        "token": act.access_digest,
        "until": act.access_until,
        "refresh": act.refresh_digest,
        "now": act.now,
        "bound_to": act.jkt,
    }


def redeem_told(act: Redeem) -> dict[str, Any]:
    """What the one statement that redeems on PostgreSQL is told: the binds, and the events it writes."""
    return {**redeem_binds(act), "events": events_as_json(act.audit)}


def payload_of(row: Row[Any]) -> CodePayload:
    """What a row of a code or refresh token, joined with its grant, stands for."""
    stands_for = row.payload
    return CodePayload(
        grant=grant_of(row),
        redirect_uri=stands_for["redirect_uri"],
        code_challenge=stands_for["code_challenge"],
        nonce=stands_for["nonce"],
        subject=row.subject,
        authn=AuthnContext(
            acr=stands_for["acr"],
            amr=tuple(stands_for["amr"]),
            auth_time=datetime.fromisoformat(stands_for["auth_time"]),
            authority=stands_for["authority"],
        ),
        claims=tuple(row.claims),
        expires_at=row.expires_at,
        used_at=row.used_at,
        offline=Offline(timedelta(seconds=row.offline_idle), row.offline_until) if row.offline_until else None,
        visit=stands_for.get("visit", ""),
    )


def access_token_of(row: Row[Any]) -> AccessToken:
    """The live access token of a row that is joined with its grant."""
    return AccessToken(grant=grant_of(row), subject=row.subject, claims=tuple(row.claims), expires_at=row.expires_at)


def grant_of(row: Row[Any]) -> Grant:
    """The grant of a row."""
    return Grant(
        grant_id=row.id,
        person_id=row.person_id,
        client_id=row.client_id,
        sid=row.sid,
        scope=tuple(row.scope),
        jkt=row.jkt or "",
        audience=Audience(row.resource, row.resource_subject) if row.resource else None,
        school=(row.peer or {}).get(SCHOOL, ""),
    )
