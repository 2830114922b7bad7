"""Identity providers no one here wrote, as sources: pysaml2's server answers our own question."""

from __future__ import annotations

import base64
import shutil
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from broker.domain.ports import Return
from broker.wire.saml.identity_provider import parse_identity_provider
from connectors.saml import Known, PlainSamlProfile, SamlConnector, SamlSource
from tests.saml_peer import pair
from tests.saml_sources import PROVIDER, SSO, our_key, pem_certificate, provider_metadata
from tests.vectors.saml_documents import ACS, ENTITY, STATE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pysaml2 imports ciphers that move in the next release of cryptography
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server

XMLSEC = shutil.which("xmlsec1") or "xmlsec1"
RSA, SHA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"
pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def source() -> SamlConnector:
    provider = parse_identity_provider(provider_metadata(pair("idp")), PROVIDER)
    return SamlSource("essai", ENTITY, ACS, Known(provider), our_key(), PlainSamlProfile()).open()


@pytest.fixture
def provider(tmp_path: Path, source: SamlConnector) -> Server:
    (tmp_path / "idp.key").write_bytes(pair("idp").pem)
    (tmp_path / "idp.pem").write_bytes(pem_certificate(pair("idp")))
    (tmp_path / "sp.xml").write_bytes(source.metadata)
    settings: dict[str, Any] = {
        "entityid": PROVIDER, "xmlsec_binary": XMLSEC, "key_file": str(tmp_path / "idp.key"),
        "cert_file": str(tmp_path / "idp.pem"), "metadata": {"local": [str(tmp_path / "sp.xml")]},
        "service": {"idp": {
            "endpoints": {
                "single_sign_on_service": [(SSO, BINDING_HTTP_REDIRECT), (f"{SSO}/post", BINDING_HTTP_POST)],
            },
            "want_authn_requests_signed": True, "policy": {"default": {"lifetime": {"minutes": 5}}},
        }},
    }  # fmt: skip
    return Server(config=IdPConfig().load(settings))


@pytest.mark.parametrize(("response", "assertion"), [(True, False), (False, True), (True, True)])
def test_pysaml2_takes_our_question_and_we_take_its_answer(
    provider: Server, source: SamlConnector, response: bool, assertion: bool
) -> None:
    departure = source.start(return_url="", state=STATE, force=False)
    query = dict(parse_qsl(departure.url.partition("?")[2]))
    asked = provider.parse_authn_request(
        query["SAMLRequest"], BINDING_HTTP_REDIRECT,
        relay_state=query["RelayState"], sigalg=query["SigAlg"], signature=query["Signature"],
    )  # fmt: skip
    told = provider.response_args(asked.message, [BINDING_HTTP_POST])
    answer = provider.create_authn_response(
        {"uid": ["aline"]},
        userid="aline",
        name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="aline"),
        authn={
            "class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            "authn_auth": PROVIDER,
        },
        sign_response=response,
        sign_assertion=assertion,
        sign_alg=RSA,
        digest_alg=SHA,
        encrypt_assertion=False,
        **{name: told[name] for name in ("in_response_to", "destination", "sp_entity_id")},
    )
    carried = base64.b64encode(str(answer).encode()).decode()
    identity = source.finish(
        Return({"RelayState": STATE, "SAMLResponse": carried}, ""), private=departure.private, now=datetime.now(UTC)
    )
    assert (identity.key.subject, identity.key.issuer) == ("aline", PROVIDER)


def test_pysaml2_takes_our_question_by_form(provider: Server, source: SamlConnector) -> None:
    by_form = replace(source.source.provider, sso="", sso_post=f"{SSO}/post")
    asks = replace(source, source=replace(source.source, providers=Known(by_form)))
    departure = asks.start(return_url="", state=STATE, force=True)
    asked = provider.parse_authn_request(departure.form["SAMLRequest"], BINDING_HTTP_POST)
    assert (asked.message.id, asked.message.force_authn) == (departure.private["request"], "true")
