"""The SAML connector beyond its checks: metadata of the provider, the question, what a refusal means."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from broker.domain.errors import UpstreamDeclined, UpstreamRefused
from broker.domain.ports import Return
from broker.settings import load_settings
from broker.sources import source_faults
from broker.wire.saml import decode_redirect, names, verify_redirect, verifying_key
from broker.wire.saml.asking import asking_key, service_metadata
from broker.wire.saml.identity_provider import NoIdentityProvider, parse_identity_provider
from connectors.saml import Known
from tests.saml_peer import pair, response_xml
from tests.saml_sources import PROVIDER, SSO, our_key, pem_certificate, provider_metadata, question, write_source
from tests.vectors.saml_documents import HONEST, NOW, REQUEST, STATE, come_in, connector, form_of, honest
from tests.whole_app import SETTINGS


def test_metadata_tells_where_to_ask_and_by_which_keys() -> None:
    found = parse_identity_provider(provider_metadata(pair("idp"), pair("other")), PROVIDER)
    assert (found.sso, len(found.keys), found.wants_signed, found.valid_until) == (SSO, 2, True, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"IDPSSODescriptor", b"SPSSODescriptor"),
        (b"SingleSignOnService", b"ArtifactResolutionService"),
        (b"SAML:2.0:protocol", b"SAML:1.1:protocol"),
        (PROVIDER.encode(), b"https://other.example"),
        (b"<ds:X509Certificate>", b"<ds:X509Certificate>!"),
        (b'use="signing"', b'use="encryption"'),
        (b"<md:EntityDescriptor", b"<!DOCTYPE x><md:EntityDescriptor"),
        (b"</md:Ent", b"</md:X"),
    ],
)
def test_metadata_that_is_of_no_use_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(NoIdentityProvider):
        parse_identity_provider(provider_metadata(pair("idp")).replace(old, new), PROVIDER)


def test_keys_of_metadata_that_has_run_out_vouch_for_nobody() -> None:
    soon = (NOW + timedelta(minutes=1)).isoformat()
    over = (NOW - timedelta(minutes=1)).isoformat()
    for until, comes_in in ((soon, True), (over, False)):
        provider = parse_identity_provider(provider_metadata(pair("idp"), extra=f' validUntil="{until}"'), PROVIDER)
        source = connector().source
        through = type(source)(source.source_id, source.entity_id, source.acs, Known(provider), source.key).open()
        assert (come_in(form_of(honest()), through) is not None) is comes_in


@pytest.mark.parametrize("force", [False, True])
def test_the_question_is_signed_and_says_whether_a_new_proof_is_wanted(force: bool) -> None:
    departure = connector().start(return_url="", state=STATE, force=force)
    message = decode_redirect(departure.url.partition("?")[2], "SAMLRequest")
    verified = verify_redirect(message, (verifying_key(pair("sp").der),), names.samlp("AuthnRequest"))
    assert (verified.element.get("ForceAuthn") == "true") is force
    request, state = question(departure.url)
    assert (request.get("ID"), state) == (departure.private["request"], STATE)


def finish(xml: bytes, *, state: str = STATE, request: str = REQUEST) -> object:

    answer = Return({"RelayState": STATE, "SAMLResponse": base64.b64encode(xml).decode()}, "")
    return connector().finish(answer, private={"state": state, "request": request}, now=NOW)


@pytest.mark.parametrize("kept", [{"state": "autre"}, {"request": "_autre"}])
def test_an_answer_to_another_question_of_this_browser_is_refused(kept: dict[str, str]) -> None:
    with pytest.raises(UpstreamRefused):
        finish(honest(), **kept)


def test_a_provider_that_says_no_is_not_one_that_lies() -> None:
    with pytest.raises(UpstreamDeclined):
        finish(response_xml(HONEST, "", status=names.AUTHN_FAILED).encode())
    with pytest.raises(UpstreamRefused):
        finish(response_xml(HONEST, "", status=names.VERSION_MISMATCH).encode())


def test_a_certificate_of_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="another key"):
        asking_key(pair("sp").pem, pem_certificate(pair("other")))


def test_our_metadata_asks_for_what_our_gate_takes() -> None:
    told = service_metadata("https://x.example/e", "https://x.example/acs", our_key()).decode()
    assert names.AES256_GCM in told
    assert "cbc" not in told


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [("idp.xml", b"<x/>", "metadata_file"), ("sp.key", b"nothing", "key_file"), ("sp.pem", b"nothing", "key_file")],
)
def test_files_of_no_use_are_told_by_the_check(tmp_path: Path, file: str, content: bytes, told: str) -> None:
    (tmp_path / "preau.toml").write_text(SETTINGS + write_source(tmp_path), "utf-8")
    (tmp_path / "services").mkdir()
    (tmp_path / "master").touch(mode=0o600)
    (tmp_path / "master").write_bytes(b"x" * 32)
    settings = load_settings(tmp_path / "preau.toml", {})
    assert list(source_faults(settings)) == []
    (tmp_path / file).write_bytes(content)
    assert [fault.startswith(f"sources.essai.{told}") for fault in source_faults(settings)] == [True]
