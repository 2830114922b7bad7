"""Service providers on Python libraries that no one here wrote, each as its documentation shows it, in this process.

A browser carries what they say; they read what it brings back.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

from tests.interop.saml_parties import FAMILY_NAME, GIVEN_NAME, SamlParty
from tests.saml_party import POST, REDIRECT
from tests.servers import ServerMissing

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pysaml2 imports ciphers that move in the next release of cryptography
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@dataclass(frozen=True, slots=True)
class Told:
    """What it made of an answer."""

    name: str
    given_name: str
    family_name: str


class Library(Protocol):
    """The steps of a service. Whatever does not hold is an `AssertionError` or the library's own exception."""

    def begin(self) -> str:
        """Where the browser goes to sign in."""
        ...

    def arrive(self, fields: Mapping[str, str]) -> Told:
        """Read the answer that the browser posts."""
        ...

    def leave(self) -> str:
        """Where the browser goes to sign out."""
        ...

    def left(self, query: str) -> None:
        """Read the answer to that."""
        ...

    def told(self, query: str) -> str:
        """Read the news that the session is over, and end it; returns where the answer goes."""
        ...

    def is_open(self) -> bool:
        """Tell whether somebody is signed in."""
        ...


class OneLogin:
    """python3-saml in strict mode, everything signed."""

    def __init__(self, party: SamlParty, idp_metadata: str, _: Path) -> None:
        self._party = party
        idp = OneLogin_Saml2_IdPMetadataParser.parse(idp_metadata)["idp"]
        self._settings = {
            "strict": True,
            "sp": {
                "entityId": party.entity_id,
                "assertionConsumerService": {"url": party.origin + party.acs, "binding": POST},
                "singleLogoutService": {"url": party.origin + party.slo[REDIRECT], "binding": REDIRECT},
                "x509cert": party.certificate, "privateKey": party.key,
            },
            "security": {
                "authnRequestsSigned": True, "logoutRequestSigned": True, "logoutResponseSigned": True,
                "wantMessagesSigned": True, "wantAssertionsSigned": True, "wantNameId": True,
                "rejectDeprecatedAlgorithm": True, "signatureAlgorithm": RSA_SHA256, "digestAlgorithm": SHA256,
            },
            "idp": idp,
        }  # fmt: skip
        self._asked = ""
        self._session: Any = None

    def begin(self) -> str:
        auth = self._auth(self._party.acs)
        url = str(auth.login(return_to=f"{self._party.origin}/"))
        self._asked = auth.get_last_request_id()
        return url

    def arrive(self, fields: Mapping[str, str]) -> Told:
        auth = self._auth(self._party.acs, post=dict(fields))
        auth.process_response(request_id=self._asked)
        assert auth.get_errors() == [], auth.get_last_error_reason()
        self._session = auth
        said = auth.get_attributes()
        return Told(auth.get_nameid(), said[GIVEN_NAME][0], said[FAMILY_NAME][0])

    def leave(self) -> str:
        auth, held = self._auth(self._party.slo[REDIRECT]), self._session
        url = auth.logout(
            name_id=held.get_nameid(), session_index=held.get_session_index(), nq=held.get_nameid_nq(),
            spnq=held.get_nameid_spnq(), name_id_format=held.get_nameid_format(),
        )  # fmt: skip
        self._asked, self._session = auth.get_last_request_id(), None
        return str(url)

    def left(self, query: str) -> None:
        auth = self._auth(self._party.slo[REDIRECT], query=query)
        auth.process_slo(keep_local_session=True, request_id=self._asked)
        assert auth.get_errors() == [], auth.get_last_error_reason()

    def told(self, query: str) -> str:
        auth = self._auth(self._party.slo[REDIRECT], query=query)
        url = auth.process_slo(delete_session_cb=self._forget)
        assert auth.get_errors() == [], auth.get_last_error_reason()
        return str(url)

    def is_open(self) -> bool:
        return self._session is not None

    def _forget(self) -> None:
        self._session = None

    def _auth(self, path: str, *, post: dict[str, str] | None = None, query: str = "") -> Any:
        place = urlsplit(self._party.origin)
        request = {
            "https": "off", "http_host": place.netloc, "script_name": path, "post_data": post or {},
            "get_data": dict(parse_qsl(query)), "query_string": query, "validate_signature_from_qs": True,
        }  # fmt: skip
        return OneLogin_Saml2_Auth(request, self._settings)


class PySaml2:
    """pysaml2's client, with xmlsec1."""

    def __init__(self, party: SamlParty, idp_metadata: str, folder: Path) -> None:
        program = shutil.which("xmlsec1")
        if program is None:
            raise ServerMissing("xmlsec1 is not installed (make interop installs it)")
        (folder / "key.pem").write_text(party.key, "ascii")
        (folder / "cert.pem").write_text(party.certificate_pem, "ascii")
        told = {
            "entityid": party.entity_id, "xmlsec_binary": program, "key_file": str(folder / "key.pem"),
            "cert_file": str(folder / "cert.pem"), "allow_unknown_attributes": True,
            "signing_algorithm": RSA_SHA256, "digest_algorithm": SHA256,
            "service": {"sp": {
                "endpoints": {
                    "assertion_consumer_service": [(party.origin + party.acs, POST)],
                    "single_logout_service": [(party.origin + party.slo[REDIRECT], REDIRECT)],
                },
                "authn_requests_signed": True, "logout_requests_signed": True, "want_assertions_signed": True,
                "want_response_signed": True, "allow_unsolicited": False,
            }},
            "metadata": {"inline": [idp_metadata]},
        }  # fmt: skip
        self._client: Any = Saml2Client(SPConfig().load(told))
        self._asked, self._name = "", None

    def begin(self) -> str:
        self._asked, told = self._client.prepare_for_authenticate(sign=True, sigalg=RSA_SHA256)
        return _location(told)

    def arrive(self, fields: Mapping[str, str]) -> Told:
        response = self._client.parse_authn_request_response(
            fields["SAMLResponse"], POST, outstanding={self._asked: "/"}
        )
        said = response.ava
        self._name = response.name_id
        return Told(response.name_id.text, said["givenName"][0], said["sn"][0])

    def leave(self) -> str:
        ((_, told),) = self._client.do_logout(
            self._name, self._client.users.issuers_of_info(self._name), "", None, sign=True,
            expected_binding=REDIRECT, sign_alg=RSA_SHA256, digest_alg=SHA256,
        ).values()  # fmt: skip
        return _location(told)

    def left(self, query: str) -> None:
        answer = self._client.parse_logout_request_response(dict(parse_qsl(query))["SAMLResponse"], REDIRECT)
        assert answer.status_ok()
        self._client.handle_logout_response(answer)

    def told(self, query: str) -> str:
        said = dict(parse_qsl(query))
        told = self._client.handle_logout_request(
            said["SAMLRequest"], self._name, REDIRECT, sign=True, sign_alg=RSA_SHA256, digest_alg=SHA256,
        )  # fmt: skip
        return _location(told)

    def is_open(self) -> bool:
        return bool(self._client.users.subjects())


def _location(told: Mapping[str, Any]) -> str:
    return str(dict(told["headers"])["Location"])
