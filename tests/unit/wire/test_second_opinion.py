"""joserfc and python-jose, each on what the other wrote: both read what either signs, ours refuses what either does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from broker.wire.jose import (
    KeySet,
    SigningKey,
    TokenRefused,
    export_jwks,
    jwks_from_json,
    left_half_hash,
    public_jwk,
    sign,
    verify_id_token,
)
from tests.fapi import key
from tests.second_opinion import ALGS, Refused, mint, read, takes_signature

ISSUER, US, ACCESS = "https://preau.example", "cantine", "pat_access"
NOW = datetime.now(UTC)
"""The other library has no clock but the machine's."""
AT = int(NOW.timestamp())
GOOD: dict[str, Any] = {
    "iss": ISSUER, "aud": US, "sub": "sujet", "exp": AT + 3600, "iat": AT, "nonce": "n",
    "at_hash": left_half_hash(ACCESS),
}  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"iss": "https://autre.example"}, {"aud": "autre"}, {"aud": ["autre"]}, {"exp": AT - 3600}, {"nbf": AT + 3600},
    {"exp": "demain"}, {"iat": "hier"}, {"sub": 5}, {"at_hash": left_half_hash("x")}, {"nbf": "x"}, {"aud": 5},
)  # fmt: skip
MUTATIONS = 400


def known(by: SigningKey) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(export_jwks([public_jwk(by)]))
    return told


def ours(token: str, by: SigningKey) -> dict[str, Any]:
    keys: KeySet = jwks_from_json(json.dumps(known(by)))
    return verify_id_token(
        token, keys, issuer=ISSUER, audience=US, nonce="n", now=NOW, leeway=0, algorithms=[by.alg], access_token=ACCESS
    )


def theirs(token: str, by: SigningKey) -> dict[str, Any]:
    return read(token, known(by), algs=[by.alg], issuer=ISSUER, audience=US, access_token=ACCESS)


@pytest.mark.parametrize("alg", ALGS)
def test_what_either_signs_both_read(alg: str) -> None:
    by = key(alg)
    for token in (sign(GOOD, by, typ="JWT"), mint(GOOD, by)):
        assert ours(token, by) == theirs(token, by) == GOOD


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: next(iter(fault)))
def test_what_the_other_refuses_is_refused_by_us(alg: str, fault: dict[str, Any]) -> None:
    by = key(alg)
    for token in (sign({**GOOD, **fault}, by, typ="JWT"), mint({**GOOD, **fault}, by)):
        with pytest.raises(Refused):
            theirs(token, by)
        with pytest.raises(TokenRefused):
            ours(token, by)


@pytest.mark.parametrize("alg", ALGS)
def test_a_signature_of_another_key_is_refused_by_both(alg: str) -> None:
    by, other = key(alg), key(alg, "autre")
    for token in (sign(GOOD, other, typ="JWT"), mint(GOOD, other, kid=by.kid)):
        assert not takes_signature(token, by)
        with pytest.raises(TokenRefused):
            ours(token, by)


@pytest.mark.parametrize("alg", ALGS)
def test_no_altered_text_is_taken_that_the_other_refuses_nor_any_other(alg: str) -> None:
    """The other library takes some altered texts of ES256 (spare bits of base64: security §3.1); ours takes none."""
    random, by = Random(20261129), key(alg)
    good, letters = sign(GOOD, by, typ="JWT"), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    taken = 0
    for _ in range(MUTATIONS):
        place = random.choice([len(good) - 1, random.randrange(len(good))])
        altered = good[:place] + random.choice(letters.replace(good[place], "")) + good[place + 1 :]
        taken += takes_signature(altered, by)
        with pytest.raises(TokenRefused):
            ours(altered, by)
    assert bool(taken) is (alg == "ES256"), "the remark above is out of date"
