"""Keys and the security profile in descriptors: what is coherent is read, what is not is a fault with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.services import Encryption, RelyingParty, TokenAuthMethod
from broker.services.register import load_services
from tests.descriptors import REQUIRED
from tests.fapi import jwk_of, jwks, key

HEAD = f"""
service_id = "agents"
tenant = "ville"
names = {{ fr = "Agents" }}
purpose = "Lire."
profils = ["ENS"]
{REQUIRED}
[[instances]]
url = "https://agents.example/"
[[parties]]
client_id = "agents"
scopes = ["openid"]
redirect_uris = ["https://agents.example/retour"]
"""
FAPI = 'profile = "fapi2"\njwks_file = "agents.json"\n'
SIGNS = 'auth_method = "private_key_jwt"\njwks_file = "agents.json"\n'
SECRET = 'client_secret_sha256 = "' + "a" * 64 + '"\n'
JWK = jwk_of(key())
INLINE = f'[[parties.jwks.keys]]\nkty = "EC"\ncrv = "P-256"\nx = "{JWK["x"]}"\ny = "{JWK["y"]}"\n'


def read(folder: Path, party: str, *, keys: str | None = None) -> RelyingParty:
    (folder / "agents.json").write_text(jwks(key()) if keys is None else keys, "utf-8")
    (folder / "agents.toml").write_text(HEAD + party, "utf-8")
    register = load_services(folder)
    assert (folder / "agents.json" in register.files) is ("jwks_file" in party)
    return register.all()[0].parties[0]


def refusals(folder: Path, party: str, *, keys: str | None = None) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(folder, party, keys=keys)
    return list(refused.value.problems)


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2.1")
def test_the_profile_is_private_key_jwt_pushed_requests_and_dpop(tmp_path: Path) -> None:
    party = read(tmp_path, FAPI)
    assert (party.auth_method, party.par, party.dpop) == (TokenAuthMethod.PRIVATE_KEY_JWT, True, True)
    assert (party.signing_alg, party.secret_digest) == ("ES256", "")
    assert json.loads(party.jwks)["keys"][0]["kid"] == key().kid


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_its_tokens_may_be_signed_by_each_algorithm_of_the_profile(tmp_path: Path, alg: str) -> None:
    assert read(tmp_path, FAPI + f'signing_alg = "{alg}"\n').signing_alg == alg


def test_each_part_may_be_taken_alone(tmp_path: Path) -> None:
    party = read(tmp_path, SIGNS)
    assert (party.auth_method, party.par, party.dpop) == (TokenAuthMethod.PRIVATE_KEY_JWT, False, False)
    party = read(tmp_path, SECRET + "par = true\ndpop = true\n")
    assert (party.auth_method, party.par, party.dpop, party.jwks) == (TokenAuthMethod.BASIC, True, True, "")


def test_keys_may_stand_in_the_descriptor(tmp_path: Path) -> None:
    party = read(tmp_path, 'profile = "fapi2"\n' + INLINE)
    assert json.loads(party.jwks)["keys"][0]["x"] == JWK["x"]


@pytest.mark.parametrize(
    ("party", "line", "reason"),
    [
        (FAPI + 'auth_method = "client_secret_basic"\n' + SECRET, "auth_method", "is 'private_key_jwt' under profile"),
        (FAPI + 'signing_alg = "RS256"\n', "signing_alg", "is one of ES256, PS256, EdDSA under profile"),
        (FAPI + "par = false\n", "par =", "'par' is part of profile"),
        (FAPI + "dpop = false\n", "dpop =", "'dpop' is part of profile"),
        (FAPI + SECRET, "client_secret_sha256", "a client that signs shows no secret"),
        (FAPI + 'kind = "browser"\norigins = ["https://agents.example"]\n', "", "'auth_method' is 'none' for a native"),
        ('profile = "fapi1"\n' + SECRET, "profile", "knows no 'fapi1'"),
        ('auth_method = "private_key_jwt"\n', "", "one of 'jwks' and 'jwks_file' is needed"),
        (FAPI + INLINE, "", "one of 'jwks' and 'jwks_file' is needed"),
        (SECRET + 'jwks_file = "agents.json"\n', "jwks_file", "is for auth_method = \"private_key_jwt\", and for what"),
        (SECRET + INLINE, "", "is for auth_method = \"private_key_jwt\", and for what"),
        ('profile = "fapi2"\njwks_file = "absent.json"\n', "jwks_file", "cannot be read"),
        ('profile = "fapi2"\njwks = 3\n', "jwks", "holds no usable public key"),
        ('profile = "fapi2"\njwks = { keys = [2026-01-01] }\n', "jwks", "must be a JWK set"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_fault_with_its_line(tmp_path: Path, party: str, line: str, reason: str) -> None:
    problems = refusals(tmp_path, party)
    found = [problem for problem in problems if reason in problem]
    assert found, problems
    number = int(found[0].split(":")[1])
    assert line in (HEAD + party).splitlines()[number - 1]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("", "no usable public key"),
        ("[]", "no usable public key"),
        ('{"keys": []}', "no usable public key"),
        (json.dumps({"keys": [{**JWK, **key().key.as_dict(private=True)}]}), "no usable public key"),
        (json.dumps({"keys": [JWK, key(name="b").key.as_dict(private=True)]}), "holds a private key"),
        (json.dumps({"keys": [JWK, {"kty": "EC", "crv": "P-521"}]}), "holds a key that cannot be used"),
        (json.dumps({"keys": [JWK, {"kty": "oct", "k": "AA"}]}), "holds a key that cannot be used"),
        (jwks(key("RS256")), "holds no key for ES256, PS256, EdDSA"),
    ],
)
def test_keys_that_prove_nothing_are_a_fault(tmp_path: Path, keys: str, reason: str) -> None:
    assert any(reason in problem for problem in refusals(tmp_path, FAPI, keys=keys))
    assert read(tmp_path, FAPI).jwks


SEALED = 'userinfo_encrypted_response_alg = "ECDH-ES"\nuserinfo_encrypted_response_enc = "A256GCM"\n'
SEALED_KEYS = SEALED + 'jwks_file = "agents.json"\n'


def for_encryption(**changes: str) -> str:
    return json.dumps({"keys": [{**jwk_of(key()), "use": "enc", **changes}]})


@pytest.mark.spec("OIDC Registration §2")
def test_what_is_signed_and_encrypted_to_a_client_is_read(tmp_path: Path) -> None:
    told = read(tmp_path, SECRET + SEALED_KEYS + 'userinfo_signed_response_alg = "PS256"\n', keys=for_encryption())
    assert told.userinfo_encryption == Encryption("ECDH-ES", "A256GCM")
    assert (told.userinfo_alg, told.id_token_encryption) == ("PS256", None)
    assert json.loads(told.jwks)["keys"][0]["use"] == "enc"


def test_a_client_that_signs_may_be_encrypted_to_by_another_key(tmp_path: Path) -> None:
    sealed = SEALED.replace("userinfo", "id_token")
    keys = json.dumps({"keys": [*json.loads(jwks(key()))["keys"], *json.loads(for_encryption())["keys"]]})
    told = read(tmp_path, FAPI + sealed, keys=keys)
    assert told.id_token_encryption == Encryption("ECDH-ES", "A256GCM")
    assert "cannot be used" in " ".join(refusals(tmp_path, FAPI, keys=keys)), "a key that nothing is done with"


@pytest.mark.parametrize(
    ("party", "why"),
    [
        (SECRET + SEALED, "one of 'jwks' and 'jwks_file' is needed"),
        (SECRET + SEALED_KEYS.replace("ECDH-ES", "RSA1_5"), "'userinfo_encrypted_response_alg' is one of RSA-OAEP-256"),
        (SECRET + SEALED_KEYS.replace("A256GCM", "A128CBC-HS256"), "'userinfo_encrypted_response_enc' is one of"),
        (SECRET + SEALED_KEYS.replace("A256GCM", ""), "userinfo_encrypted_response_enc"),
        (SECRET + SEALED.partition("\n")[0] + "\n", "go together"),
        (SECRET + 'userinfo_signed_response_alg = "none"\n', "'userinfo_signed_response_alg' is one of"),
        (FAPI + 'userinfo_signed_response_alg = "RS256"\n', "'userinfo_signed_response_alg' is one of ES256, PS256"),
    ],
)
def test_an_encryption_that_cannot_be_is_a_fault(tmp_path: Path, party: str, why: str) -> None:
    assert why in " ".join(refusals(tmp_path, party))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (for_encryption(use="sig"), "no key for ECDH-ES"),
        (for_encryption(d="AA"), "holds"),
        ("{}", "no list of keys"),
    ],
)
def test_keys_that_cannot_be_encrypted_to_are_a_fault(tmp_path: Path, keys: str, why: str) -> None:
    assert why in " ".join(refusals(tmp_path, SECRET + SEALED_KEYS, keys=keys))
