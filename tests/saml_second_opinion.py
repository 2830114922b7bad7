"""python3-saml and pysaml2 as judges of SAML answers to our own service: whom the same form would sign in there.

Both want what we want (a signature of response or assertion by the provider's key, for this question) and live in the
corpus's time. pysaml2 has its signatures and its decryption done by the bindings of xmlsec: no program is started, and
what algorithms it takes are those of xmlsec.
"""

from __future__ import annotations

import calendar
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import xmlsec
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from broker.wire.saml import names
from tests.saml_peer import pair
from tests.saml_sources import PROVIDER, SSO, pem_certificate, provider_metadata
from tests.vectors import saml_markup, saml_statements, saml_wrapping
from tests.vectors.saml_documents import ACS, ENTITY, NOW, REQUEST, Vector

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pysaml2 imports ciphers that move in the next release of cryptography
    from saml2 import BINDING_HTTP_POST, sigver, time_util
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

Judge = Callable[[bytes], str]
"""Whom a form signs in; the empty text for nobody."""

Family = Callable[[], Iterable[Vector]]

FAMILIES: tuple[tuple[str, Family], ...] = (
    ("signature wrapping, XSW 1 to 8", saml_wrapping.wrapped),
    ("an evil assertion in every place", saml_wrapping.placed),
    ("the signature moved elsewhere", saml_wrapping.moved),
    ("unsigned beside signed", saml_wrapping.swapped),
    ("comments, instructions, CDATA in texts", saml_markup.inside_text),
    ("stray attributes and namespaces", saml_markup.attributes),
    ("document types, entities", saml_markup.doctypes),
    ("encodings, broken XML", saml_markup.encodings),
    ("weak or odd algorithms", saml_markup.algorithms),
    ("transforms, canonical forms", saml_markup.transforms),
    ("references, damaged signatures", saml_markup.references),
    ("other keys", saml_markup.keys),
    ("encryption: CBC, PKCS #1 v1.5, damage", saml_markup.sealings),
    ("what an assertion must say", saml_statements.stated),
    ("names and addresses that are almost ours", saml_statements.named),
    ("forms that are read in two ways", saml_statements.forms),
)
RECORDED: Mapping[str, tuple[int, int, int]] = {
    "signature wrapping, XSW 1 to 8": (188, 0, 9),
    "an evil assertion in every place": (179, 0, 16),
    "the signature moved elsewhere": (74, 0, 0),
    "unsigned beside signed": (7, 0, 0),
    "comments, instructions, CDATA in texts": (441, 252, 196),
    "stray attributes and namespaces": (148, 14, 6),
    "document types, entities": (90, 0, 50),
    "encodings, broken XML": (34, 9, 4),
    "weak or odd algorithms": (108, 63, 96),
    "transforms, canonical forms": (87, 60, 15),
    "references, damaged signatures": (49, 2, 2),
    "other keys": (63, 0, 0),
    "encryption: CBC, PKCS #1 v1.5, damage": (30, 16, 17),
    "what an assertion must say": (282, 150, 158),
    "names and addresses that are almost ours": (318, 44, 84),
    "forms that are read in two ways": (207, 78, 78),
}
"""How many answers there are, and how many of them python3-saml and pysaml2 let in; ours none. `make proof` counts."""

_DSIG = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_ROOT = re.compile(r"<(?:\w+:)?Response(?=[\s>])(?![^>]*xmlns:saml=)")
_XENC = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"


class InProcess(sigver.CryptoBackend):  # type: ignore[misc]
    """What pysaml2 has the program xmlsec1 do, by its bindings."""

    version = "1.3"

    def version_nums(self) -> tuple[int, ...]:
        """As the program would say."""
        return (1, 3)

    def validate_signature(self, signedtext: Any, cert_file: str, cert_type: str, node_name: str, node_id: str) -> bool:
        """The signature of the element with this ID; every ID counts, as the program is told."""
        root = etree.fromstring(signedtext if isinstance(signedtext, bytes) else signedtext.encode())
        xmlsec.tree.add_ids(root, ["ID"])
        node = next(each for each in root.iter() if each.get("ID") == node_id)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(cert_file, xmlsec.constants.KeyDataFormatCertPem)
        context.verify(next(node.iter(_DSIG)))
        return True

    def decrypt(self, enctext: Any, key_file: str) -> str:
        """The document with its first encrypted part opened.

        The corpus encrypts what leans on the prefix `saml` of outside; pysaml2 has renamed that by now.
        """
        text = enctext.decode() if isinstance(enctext, bytes) else enctext
        root = etree.fromstring(_ROOT.sub(rf'\g<0> xmlns:saml="{names.SAML}"', text, count=1).encode())
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem))
        xmlsec.EncryptionContext(manager).decrypt(next(root.iter(_XENC)))
        return etree.tostring(root).decode()


@contextmanager
def judges(folder: Path) -> Iterator[dict[str, Judge]]:
    """Both, by name, while the machine's time is the corpus's to them. Nobody wants to read how they refuse."""
    at, temporary = calendar.timegm(NOW.utctimetuple()), _Temporary(sigver.make_temp)
    with (
        patch.object(OneLogin_Saml2_Utils, "now", staticmethod(lambda: at)),
        patch.object(time_util, "time", _Standing(at)),
        patch.object(time_util, "datetime", SimpleNamespace(now=lambda _zone: NOW)),
        patch.object(sigver, "make_temp", temporary),
        patch.object(sigver, "get_xmlsec_binary", lambda *_, **__: __file__),
        patch.object(sigver, "_get_xmlsec_cryptobackend", lambda *_, **__: InProcess()),
        _silent("saml2"),
    ):
        yield {"python3-saml": _one_login(), "pysaml2": temporary.closing(_py_saml(folder))}


class _Standing:
    """The module `time`, at one moment."""

    def __init__(self, at: int) -> None:
        self._at = at

    def gmtime(self, then: float | None = None) -> time.struct_time:
        return time.gmtime(self._at if then is None else then)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class _Temporary:
    """The temporary files of pysaml2, which it leaves open: closed after each judgement."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._made: list[Any] = []

    def __call__(self, *args: Any, **more: Any) -> Any:
        self._made.append(self._make(*args, **more))
        return self._made[-1]

    def closing(self, judge: Judge) -> Judge:
        def judge_and_close(body: bytes) -> str:
            found = judge(body)
            while self._made:
                self._made.pop().close()
            return found

        return judge_and_close


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


def vectors_of(family: Family) -> tuple[Vector, ...]:
    """The answers of a family, each document once."""
    return tuple({vector.body: vector for vector in family()}.values())


def table() -> str:
    """The verdicts as they stand in docs/saml.md."""
    rows = (f"| {name} | {' | '.join(map(str, counts))} |" for name, counts in RECORDED.items())
    whole = " | ".join(str(sum(counts)) for counts in zip(*RECORDED.values(), strict=True))
    head = ("| spoilt answers | how many | python3-saml | pysaml2 |", "| --- | --- | --- | --- |")
    return "\n".join((*head, *rows, f"| all | {whole} |"))


def _field(body: bytes) -> str:
    return parse_qs(body.decode("ascii", "replace"), keep_blank_values=True).get("SAMLResponse", [""])[0]


def _one_login() -> Judge:
    certificate = pair("idp").certificate
    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": ENTITY, "assertionConsumerService": {"url": ACS, "binding": BINDING_HTTP_POST},
                "x509cert": pair("sp").certificate, "privateKey": pair("sp").pem.decode(),
            },
            "idp": {"entityId": PROVIDER, "singleSignOnService": {"url": SSO}, "x509cert": certificate},
            "security": {"rejectDeprecatedAlgorithm": True, "wantNameId": True, "wantAttributeStatement": False},
        }
    )  # fmt: skip
    place = urlsplit(ACS)
    request = {"https": "on", "http_host": place.netloc, "script_name": place.path, "get_data": {}, "post_data": {}}

    def judge(body: bytes) -> str:
        try:
            answer = OneLogin_Saml2_Response(settings, _field(body))
            return str(answer.get_nameid()) if answer.is_valid(request, request_id=REQUEST) else ""
        except Exception:  # noqa: BLE001 - whatever it stumbles over, nobody comes in
            return ""

    return judge


def _py_saml(folder: Path) -> Judge:
    ours = pair("sp")
    (folder / "key.pem").write_bytes(ours.pem)
    (folder / "cert.pem").write_bytes(pem_certificate(ours))
    pems = {"key_file": str(folder / "key.pem"), "cert_file": str(folder / "cert.pem")}
    config = SPConfig().load(
        {
            "entityid": ENTITY, **pems, "encryption_keypairs": [pems], "allow_unknown_attributes": True,
            "accepted_time_diff": 180,
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
                    "want_assertions_or_response_signed": True, "want_response_signed": False,
                    "want_assertions_signed": False, "allow_unsolicited": False,
                }
            },
            "metadata": {"inline": [provider_metadata(pair("idp")).decode()]},
        }
    )  # fmt: skip
    return partial(_py_judge, Saml2Client(config))


def _py_judge(client: Saml2Client, body: bytes) -> str:
    try:
        answer = client.parse_authn_request_response(_field(body), BINDING_HTTP_POST, outstanding={REQUEST: "/"})
        return str(answer.name_id.text) if answer is not None else ""
    except Exception:  # noqa: BLE001 - whatever it stumbles over, nobody comes in
        return ""
