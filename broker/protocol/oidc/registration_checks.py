"""What the metadata of a client that registers itself must satisfy, one check a rule, in the order in which they run.

Who comes here is a stranger: nothing that it asks for is widened, a member that we cannot hold to is refused by name,
and one that we do not know is left out of the answer (RFC 7591 §2). What must be fetched to be judged comes last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from broker.domain.errors import InvalidClientMetadata, InvalidRedirectUri, UnavailableError
from broker.domain.services import ClientKind, TokenAuthMethod
from broker.protocol.oidc.registered_keys import public_keys
from broker.services.addresses import address_fault, native_fault, origin_of
from broker.wire import oauth
from broker.wire.jose import SIGNING_ALGS, TokenRefused, jwks_from_json

Fetch = Callable[[str], bytes]
"""GET an address that a stranger named, guarded; the body of a 200. Raises `UnavailableError` for everything else."""

REGISTERED_ALGS = ("RS256", "ES256")
"""What a client that registers itself may be signed with: keys that are always there (OIDC Registration §2)."""
MOST_URIS = 16
LONGEST_TEXT = 512
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """The metadata as they came: JSON values, of which nothing is believed before the checks ran."""

    values: Mapping[str, Any]
    fetch: Fetch

    def word(self, name: str, default: str = "") -> str:
        """A text of reasonable length; raises `InvalidClientMetadata` for anything else."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
            raise InvalidClientMetadata(f"{name} must be a text of at most {LONGEST_TEXT} characters")
        return value

    def words(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A short list of texts; raises `InvalidClientMetadata` for anything else."""
        value = self.values.get(name, list(default))
        if not isinstance(value, list) or len(value) > MOST_URIS:
            raise InvalidClientMetadata(f"{name} must be a list of at most {MOST_URIS} texts")
        if not all(isinstance(one, str) and 0 < len(one) <= LONGEST_TEXT and one.isprintable() for one in value):
            raise InvalidClientMetadata(f"{name} must be a list of texts of at most {LONGEST_TEXT} characters")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """True or false, false when it is not there; raises `InvalidClientMetadata` for anything else."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise InvalidClientMetadata(f"{name} must be true or false")
        return value

    @property
    def is_native(self) -> bool:
        """Tell whether it runs on a person's device (OIDC Registration §2)."""
        return self.word("application_type", ClientKind.WEB) == ClientKind.NATIVE

    @property
    def auth_method(self) -> str:
        """How it proves itself at the token endpoint; an app on a device keeps no secret (RFC 8252 §8.4)."""
        default = TokenAuthMethod.NONE if self.is_native else TokenAuthMethod.BASIC
        return self.word("token_endpoint_auth_method", default)


MetadataCheck = Callable[[Asked], None]


def check_application_type(asked: Asked) -> None:
    """`web` or `native` (OIDC Registration §2)."""
    if asked.word("application_type", ClientKind.WEB) not in {ClientKind.WEB, ClientKind.NATIVE}:
        raise InvalidClientMetadata("application_type must be web or native")


def check_redirect_uris(asked: Asked) -> None:
    """Each is one that cannot be captured: https for the web, RFC 8252 §7 for an app; no fragment, no wildcard."""
    uris = asked.words("redirect_uris")
    if not uris or len(set(uris)) != len(uris):
        raise InvalidRedirectUri("redirect_uris must name at least one address, each once")
    for uri in uris:
        if why := native_fault(uri) if asked.is_native else _web_fault(uri):
            raise InvalidRedirectUri(f"redirect_uris: each {why}")


def check_response_types(asked: Asked) -> None:
    """Only `code` (RFC 9700 §2.1.2)."""
    if set(asked.words("response_types", (oauth.CODE,))) != {oauth.CODE}:
        raise InvalidClientMetadata("response_types must be [code]")


def check_grant_types(asked: Asked) -> None:
    """Codes, and refresh tokens beside them (RFC 9700 §2.1.2, §2.4)."""
    grants = set(asked.words("grant_types", (oauth.AUTHORIZATION_CODE,)))
    if not {oauth.AUTHORIZATION_CODE} <= grants <= {oauth.AUTHORIZATION_CODE, oauth.REFRESH_TOKEN}:
        raise InvalidClientMetadata("grant_types must be authorization_code, and refresh_token beside it")


def check_auth_method(asked: Asked) -> None:
    """One that we know; `none` for an app on a device and for nothing else (RFC 6749 §2.3, RFC 8252 §8.4)."""
    if asked.auth_method not in set(TokenAuthMethod):
        raise InvalidClientMetadata("token_endpoint_auth_method is not one of those that the metadata list")
    if asked.is_native is not (asked.auth_method == TokenAuthMethod.NONE):
        raise InvalidClientMetadata("token_endpoint_auth_method is none for a native client, and for no other")


def check_auth_alg(asked: Asked) -> None:
    """`token_endpoint_auth_signing_alg` is asymmetric (RFC 8725 §3.2)."""
    if asked.word("token_endpoint_auth_signing_alg", "ES256") not in SIGNING_ALGS:
        raise InvalidClientMetadata("token_endpoint_auth_signing_alg is not one of those that the metadata list")


def check_keys(asked: Asked) -> None:
    """Keys come by value or by reference, not both, and are there for a client that signs (RFC 7591 §2)."""
    by_value, by_reference = "jwks" in asked.values, bool(asked.word("jwks_uri"))
    if by_value and by_reference:
        raise InvalidClientMetadata("jwks and jwks_uri exclude each other")
    if asked.auth_method == TokenAuthMethod.PRIVATE_KEY_JWT and not (by_value or by_reference):
        raise InvalidClientMetadata("private_key_jwt needs jwks or jwks_uri")
    if by_value:
        _check_usable(json.dumps(public_keys(asked.values["jwks"])), "jwks holds no usable public key")


def check_subject_type(asked: Asked) -> None:
    """`pairwise`: two services never know a person by one name (OIDC Core §8.1)."""
    if asked.word("subject_type", "pairwise") != "pairwise":
        raise InvalidClientMetadata("subject_type must be pairwise")


def check_algs(asked: Asked) -> None:
    """ID tokens are signed, never `none`; userinfo is signed where that is asked for (OIDC Registration §2)."""
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        if asked.word(name, "RS256") not in REGISTERED_ALGS:
            raise InvalidClientMetadata(f"{name} must be one of {', '.join(REGISTERED_ALGS)}")


def check_encryption(asked: Asked) -> None:
    """To a client that registers itself nothing is encrypted: it is told, not answered in the open."""
    for name in asked.values:
        if "_encrypted_response_" in name or name.startswith("request_object_encryption"):
            raise InvalidClientMetadata(f"{name[:LONGEST_NAME]} is not supported")


def check_addresses(asked: Asked) -> None:
    """What pages show, and where the browser or the broker is led, is https (RFC 7591 §2.2, OIDC Core §4)."""
    for name in ADDRESSES:
        if (uri := asked.word(name)) and (why := _web_fault(uri)):
            raise InvalidClientMetadata(f"{name} {why}")


def check_logout(asked: Asked) -> None:
    """Addresses of logout are sound; our page frames only the origin of a redirect URI (Front-Channel Logout §2)."""
    fault_of = native_fault if asked.is_native else _web_fault
    for uri in asked.words("post_logout_redirect_uris"):
        if why := fault_of(uri):
            raise InvalidClientMetadata(f"post_logout_redirect_uris: each {why}")
    framed = asked.word("frontchannel_logout_uri")
    if framed and origin_of(framed) not in {origin_of(uri) for uri in asked.words("redirect_uris")}:
        raise InvalidClientMetadata("frontchannel_logout_uri must be of the origin of a redirect URI")


def check_switches(asked: Asked) -> None:
    """What is true or false is one of them."""
    for name in SWITCHES:
        asked.flag(name)


def check_words(asked: Asked) -> None:
    """What people read, and how to reach who runs it, is short; a name has no direction of writing of its own."""
    if len(asked.word("client_name")) > LONGEST_NAME:
        raise InvalidClientMetadata(f"client_name must have at most {LONGEST_NAME} characters")
    asked.words("contacts")
    asked.word("scope")


def check_one_host(asked: Asked) -> None:
    """Redirect URIs of several hosts are one sector only where a document says so (OIDC Core §8.1)."""
    hosts = {urlsplit(uri).hostname for uri in asked.words("redirect_uris")}
    if len(hosts) > 1 and not asked.is_native and not asked.word("sector_identifier_uri"):
        raise InvalidClientMetadata("redirect_uris of several hosts need sector_identifier_uri")


def check_sector(asked: Asked) -> None:
    """The document of the sector names every redirect URI: else anybody could ask for another's subjects."""
    uri = asked.word("sector_identifier_uri")
    if not uri:
        return
    wanted = "sector_identifier_uri must give a JSON list that names every redirect URI"
    try:
        named = json.loads(_fetched(asked, "sector_identifier_uri", wanted))
    except (ValueError, RecursionError):
        named = None
    if not isinstance(named, list) or not set(asked.words("redirect_uris")) <= {n for n in named if isinstance(n, str)}:
        raise InvalidClientMetadata(wanted)


def check_jwks_uri(asked: Asked) -> None:
    """The keys can be fetched, and are public ones."""
    if not asked.word("jwks_uri"):
        return
    wanted = "jwks_uri must give a JWK set with a usable public key, and no private one"
    document = _fetched(asked, "jwks_uri", wanted)
    _check_usable(document, wanted)
    if any(isinstance(entry, dict) and {"d", "k"} & entry.keys() for entry in json.loads(document)["keys"]):
        raise InvalidClientMetadata(wanted)  # what was published is everybody's


ADDRESSES = (
    "client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "sector_identifier_uri", "initiate_login_uri",
    "backchannel_logout_uri", "frontchannel_logout_uri",
)  # fmt: skip
SWITCHES = (
    "require_pushed_authorization_requests", "dpop_bound_access_tokens", "backchannel_logout_session_required",
    "frontchannel_logout_session_required",
)  # fmt: skip

METADATA_CHECKS: tuple[MetadataCheck, ...] = (
    check_application_type,
    check_redirect_uris,
    check_response_types,
    check_grant_types,
    check_auth_method,
    check_auth_alg,
    check_keys,
    check_subject_type,
    check_algs,
    check_encryption,
    check_addresses,
    check_logout,
    check_switches,
    check_words,
    check_one_host,
    check_sector,
    check_jwks_uri,
)


def _web_fault(uri: str) -> str:
    """Tell why this cannot be the address of a stranger on the web: https alone, and nothing that could be captured."""
    if not uri.startswith("https://"):
        return "must be an absolute https address"
    return address_fault(uri)


def _fetched(asked: Asked, name: str, wanted: str) -> bytes:
    """The document. A call that fails is answered as a document that will not do: nobody looks round by our answers."""
    try:
        return asked.fetch(asked.word(name))
    except UnavailableError as fault:
        raise InvalidClientMetadata(wanted) from fault


def _check_usable(document: bytes | str, wanted: str) -> None:
    try:
        jwks_from_json(document)
    except TokenRefused as refused:
        raise InvalidClientMetadata(wanted) from refused
