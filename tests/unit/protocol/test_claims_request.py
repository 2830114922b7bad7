"""The `claims` parameter is read, or refused by an error of the protocol, whatever it holds (OIDC Core §5.5)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.errors import InvalidRequest
from broker.protocol.oidc.claims_request import LONGEST_CLAIMS, NO_CLAIMS, ClaimsRequest, parse_claims

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["userinfo", "id_token", "sub", "acr", "value", "values", "essential", "name"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.spec("OIDC Core §5.5")
def test_names_of_both_members_are_asked_for() -> None:
    asked = parse_claims('{"userinfo": {"name": {"essential": true}, "email": null}, "id_token": {"auth_time": null}}')
    assert asked == ClaimsRequest(frozenset({"name", "email", "auth_time"}))
    assert parse_claims("") == parse_claims("{}") == parse_claims('{"userinfo": null, "other": 1}') == NO_CLAIMS


@pytest.mark.spec("OIDC Core §5.5.1")
def test_one_subject_may_be_meant() -> None:
    assert parse_claims('{"id_token": {"sub": {"value": "s-1"}}}').subject == "s-1"
    both = {"userinfo": {"sub": {"value": "s-1"}}, "id_token": {"sub": {"value": "s-1"}}}
    assert parse_claims(json.dumps(both)).subject == "s-1"


@pytest.mark.spec("OIDC Core §5.5.1.1")
def test_an_acr_binds_only_when_it_is_essential() -> None:
    assert parse_claims('{"id_token": {"acr": {"essential": true, "values": ["a", "b"]}}}').acr == ("a", "b")
    assert parse_claims('{"id_token": {"acr": {"essential": true, "value": "a"}}}').acr == ("a",)
    assert parse_claims('{"id_token": {"acr": {"values": ["a"]}}}').acr == ()
    assert parse_claims('{"id_token": {"acr": {"essential": true}}}').acr == ()


@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", "1", '"x"', "null",
        '{"userinfo": []}', '{"userinfo": {"name": 1}}', '{"a": 1, "a": 2}', '{"a": NaN}',
        '{"userinfo": {"sub": {"value": "a"}}, "id_token": {"sub": {"value": "b"}}}',
        '{"id_token": {"sub": {"value": 1}}}', '{"id_token": {"sub": {"value": []}}}',
        '{"id_token": {"sub": {"value": ""}}}',
        '{"id_token": {"acr": {"essential": true, "values": "a"}}}',
        '{"id_token": {"acr": {"essential": true, "values": [1]}}}',
        json.dumps({"id_token": {"acr": {"essential": True, "values": ["a"] * 33}}}),
        "[" * 2000, '{"a": "' + "x" * LONGEST_CLAIMS + '"}',
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_claims(text)


@given(ANY_JSON)
def test_any_json_is_read_or_refused(content: object) -> None:
    try:
        asked = parse_claims(json.dumps(content))
    except InvalidRequest:
        return
    assert all(isinstance(name, str) for name in asked.names)
    assert isinstance(asked.subject, str)
    assert all(isinstance(value, str) for value in asked.acr)
