"""What a service is told is written down before the answer leaves; what cannot be written down is not told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from broker.domain.errors import StorageUnavailable
from broker.domain.released import Release
from broker.domain.services import ClaimName
from broker.protocol.oidc.token import Token
from broker.protocol.oidc.userinfo import UserInfo
from broker.storage.schema import records
from broker.storage.sql_ledger import SqlLedger
from tests.oidc_stand import SERVICES, Stand, basic, get_code, get_tokens, open_stand, redemption, service


@pytest.fixture
def stand(sql_url: str) -> Iterator[Stand]:
    with open_stand(sql_url) as opened:
        yield opened


class Closed:
    """A ledger that cannot be written."""

    def note(self, release: Release) -> None:
        """Fail as a database that does not answer."""
        raise StorageUnavailable(release.service_id)

    def of_person(self, person_id: str, *, since: date) -> tuple[Release, ...]:
        """Nothing."""
        return ()

    def of_service(self, service_id: str, *, since: date) -> tuple[Release, ...]:
        """Nothing."""
        return ()


def lines(stand: Stand) -> list[tuple[str, tuple[str, ...]]]:
    found = SqlLedger(stand.engine).of_person(stand.mother, since=stand.clock().date())
    return sorted((line.service_id, line.claims) for line in found)


def without_ledger(endpoint: Any) -> Any:
    return replace(endpoint, ledger=Closed()) if isinstance(endpoint, Token | UserInfo) else endpoint


def userinfo(stand: Stand, token: str) -> Any:
    return stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})


def test_an_id_token_tells_the_subject_and_userinfo_the_claims(stand: Stand) -> None:
    tokens = get_tokens(stand, stand.sign_in())
    assert lines(stand) == [("cantine", ("sub",))]
    told = userinfo(stand, tokens["access_token"]).json
    assert lines(stand) == [("cantine", ("sub",)), ("cantine", ("sub", *sorted(set(told) - {"sub"})))]
    assert "children" in told


def test_a_refused_token_request_tells_nothing(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    wrong = redemption(code, code_verifier="w" * 43)
    assert stand.call("POST", "/token", headers=basic(), form=wrong).status == 400
    assert lines(stand) == []


def test_what_cannot_be_written_down_is_not_told(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    shut = stand.rebuilt(without_ledger)
    code = get_code(stand, stand.sign_in())
    refused = shut.call("POST", "/token", headers=basic(), form=redemption(code))
    assert refused.status == 503
    assert b"id_token" not in refused.body
    token = get_tokens(stand, stand.sign_in())["access_token"]
    assert userinfo(shut, token).status == 503
    assert b"Dominique" not in userinfo(shut, token).body
    assert userinfo(stand, token).status == 200


def test_another_day_is_another_line(stand: Stand) -> None:
    get_tokens(stand, stand.sign_in())
    stand.clock.advance(timedelta(days=1))
    get_tokens(stand, stand.sign_in())
    found = SqlLedger(stand.engine).of_service("cantine", since=(stand.clock() - timedelta(days=1)).date())
    assert len({line.day for line in found}) == 2


def test_a_claim_of_details_is_told_where_scope_descriptor_and_policies_agree(sql_url: str) -> None:
    party = replace(service().parties[0], scopes=("openid", "email", "address", "birthdate"))
    served = service(parties=(party,), claims=(ClaimName.EMAIL, ClaimName.BIRTH_DATE))
    with open_stand(sql_url, services=(served, *SERVICES[1:])) as stand:
        with stand.engine.begin() as conn:
            content = '{"mail": "m@example.org", "postal_code": "99100", "mobile": "+33639980001"}'
            conn.execute(update(records).values(content=content))
        code = get_code(stand, stand.sign_in(), scope="openid email address birthdate")
        token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
        told = userinfo(stand, token).json
    assert {name: value for name, value in told.items() if name != "sub"} == {"email": "m@example.org"}
