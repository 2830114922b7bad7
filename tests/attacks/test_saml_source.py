"""SAML answers that must sign nobody in: the whole corpus, and each check taken out in turn (K-20 to K-24, A-21)."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from broker.wire.saml import (
    Refusal,
    SamlRefused,
    bindings,
    decode_redirect,
    encode_redirect,
    gate,
    names,
    verify_redirect,
    verifying_key,
    xml,
)
from connectors.saml.acceptance import ACCEPTANCE_CHECKS, Check
from tests.saml_peer import pair
from tests.vectors.saml_documents import PARTS, Vector, come_in, connector, form_of, honest
from tests.vectors.saml_markup import markup_vectors
from tests.vectors.saml_redirects import redirect_vectors, signed
from tests.vectors.saml_statements import statement_vectors
from tests.vectors.saml_wrapping import wrapping_vectors

pytestmark = pytest.mark.filterwarnings("ignore")
MARKUP, STATEMENTS = markup_vectors(), statement_vectors()
SHA1_SIGNED = f"{names.DS}rsa-sha1"


def coming_in(vectors: Iterable[Vector], through: object = None) -> list[str]:
    found = []
    for vector in vectors:
        with suppress(ValueError, KeyError):  # what a missing check lets through may be of no use further in
            if come_in(vector.body, through):  # type: ignore[arg-type]
                found.append(vector.id)
    return found


@pytest.mark.parametrize("parts", PARTS)
def test_the_honest_answer_comes_in(parts: str) -> None:
    identity = come_in(form_of(honest(parts)))
    assert identity is not None
    assert identity.key.subject == "aline"


@pytest.mark.parametrize("family", [wrapping_vectors, lambda: MARKUP, lambda: STATEMENTS], ids=["xsw", "xml", "said"])
def test_no_spoilt_answer_comes_in(family: object) -> None:
    through = connector()
    assert [each.id for each in family() if come_in(each.body, through)] == []  # type: ignore[operator]


@pytest.mark.parametrize("check", ACCEPTANCE_CHECKS, ids=lambda check: check.__name__)
def test_each_check_of_an_assertion_alone_stops_something(check: Check) -> None:
    rest = tuple(each for each in ACCEPTANCE_CHECKS if each is not check)
    assert coming_in(STATEMENTS, replace(connector(), checks=rest))


TOGETHER = {"check_assertions": (gate.check_assertions, gate.check_values)}
"""Checks that are stopped by another's side: a second assertion can stand in a value of an attribute alone."""


@pytest.mark.parametrize("check", gate.STRUCTURE_CHECKS, ids=lambda check: check.__name__)
def test_each_check_of_structure_stops_something(check: gate.StructureCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = TOGETHER.get(check.__name__, (check,))
    monkeypatch.setattr(gate, "STRUCTURE_CHECKS", tuple(each for each in gate.STRUCTURE_CHECKS if each not in gone))
    found = coming_in((*MARKUP, *STATEMENTS))
    assert found
    if len(gone) > 1:
        assert any(name.startswith("an assertion in a value") for name in found)


@pytest.mark.parametrize("check", [gate.check_reference, gate.check_transforms, gate.check_canonicalization])
def test_each_check_of_a_signature_alone_stops_something(
    check: gate.SignatureCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SIGNATURE_CHECKS", tuple(each for each in gate.SIGNATURE_CHECKS if each is not check))
    assert coming_in(MARKUP)


def test_the_lists_of_algorithms_alone_stop_sha_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gate.SIGNATURE_ALGORITHMS, SHA1_SIGNED, (rsa.RSAPublicKey, hashes.SHA1()))  # noqa: S303
    assert "rsa sha1 over sha256 r" in coming_in(MARKUP)
    monkeypatch.undo()
    monkeypatch.setitem(gate.DIGESTS, names.SHA1, hashlib.sha1)
    assert "rsa sha256 over sha1 r" in coming_in(MARKUP)


def test_the_scan_of_bytes_alone_stops_comments_instructions_and_cdata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "scan", lambda *_, **__: None)
    found = coming_in(MARKUP)
    for name in ("comment with text", "empty cdata", "doctype bare"):
        assert any(each.startswith(name) for each in found), name


def test_the_bound_of_a_form_alone_stops_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "MOST_ENCODED", 10**7)
    assert "a large value r" in coming_in(STATEMENTS)


def read_query(query: str) -> str:
    try:
        message = decode_redirect(query, "SAMLRequest")
        verified = verify_redirect(message, (verifying_key(pair("idp").der),), names.samlp("LogoutRequest"))
    except SamlRefused as refused:
        return refused.reason
    return verified.element.findtext(names.saml("NameID")) or ""


def test_no_spoilt_redirect_is_taken() -> None:
    assert read_query(signed()) == "aline"
    assert [each.id for each in redirect_vectors() if not isinstance(read_query(each.text), Refusal)] == []


@pytest.mark.parametrize("size", [2**20 + 1, 2**24])
def test_a_small_redirect_that_inflates_to_a_large_one_is_refused(size: int) -> None:
    bomb = encode_redirect("SAMLRequest", b"<a>" + b"x" * size + b"</a>")
    with pytest.raises(SamlRefused) as refused:
        decode_redirect(bomb, "SAMLRequest")
    assert refused.value.reason is Refusal.SIZE


def test_what_stands_behind_a_deflate_stream_is_refused() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = packed.compress(b"<a/>") + packed.flush() + b"x"
    with pytest.raises(SamlRefused):
        decode_redirect(f"SAMLRequest={quote(base64.b64encode(whole).decode(), safe='')}", "SAMLRequest")
