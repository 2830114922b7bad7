"""ID tokens signed as their client registered it, read by another library's keys (OIDC Core §3.1.3.6, RFC 8037)."""

from __future__ import annotations

import base64
import hashlib

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from tests.oidc_stand import get_tokens, open_stand, service


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(("alg", "hashed"), [("PS256", hashlib.sha256), ("EdDSA", hashlib.sha512)])
def test_an_id_token_is_signed_by_the_algorithm_of_its_client(sqlite_url: str, alg: str, hashed: type) -> None:
    with open_stand(sqlite_url, services=(service(signing_alg=alg),)) as stand:
        keys = KeySet.import_key_set(stand.call("GET", "/jwks").json)
        tokens = get_tokens(stand, stand.sign_in())
        listed = stand.call("GET", "/.well-known/openid-configuration").json["id_token_signing_alg_values_supported"]
    token = jws.deserialize_compact(tokens["id_token"], keys, algorithms=[alg])
    half = hashed(tokens["access_token"].encode()).digest()
    stated = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=").decode()
    assert token.headers()["alg"] == alg
    assert stated in token.payload.decode()
    assert set(listed) == {"ES256", alg}
