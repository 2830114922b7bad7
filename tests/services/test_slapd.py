"""The real directory of the tests speaks ldaps and the national schema, and shows the traps a login must avoid."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPInsufficientAccessRightsResult,
    LDAPInvalidCredentialsResult,
    LDAPPasswordIsMandatoryError,
    LDAPSocketOpenError,
)
from ldap3.protocol.rfc4511 import AuthenticationChoice, BindRequest, Simple, Version

from tests.certificates import ThrowAwayCa
from tests.servers import Slapd

pytestmark = pytest.mark.services

MOTHER = "uid=T99000a1,ou=people,dc=ent-test,dc=fr"
PASSWORD = "le grand cartable bleu"


@contextmanager
def connected(
    slapd: Slapd, *, ca: Path | None = None, user: str | None = None, password: str | None = None
) -> Iterator[ldap3.Connection]:
    """A connection that checks the server's certificate, follows no referral and never waits for ever."""
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(ca or slapd.ca))
    server = ldap3.Server(slapd.host, slapd.port, use_ssl=True, tls=tls, connect_timeout=5, get_info=ldap3.NONE)
    connection = ldap3.Connection(
        server,
        user=user,
        password=password,
        raise_exceptions=True,
        read_only=True,
        auto_referrals=False,
        receive_timeout=5,
    )
    try:
        yield connection
    finally:
        connection.unbind()


def bind_without_password(name: str) -> BindRequest:
    """What a careless client sends: ldap3 itself refuses to build it."""
    request = BindRequest()
    request["version"] = Version(3)
    request["name"] = name
    request["authentication"] = AuthenticationChoice().setComponentByName("simple", Simple(b""))
    return request


def test_a_mother_binds_over_ldaps_and_reads_both_her_keys(slapd_server: Slapd) -> None:
    with connected(slapd_server, user=MOTHER, password=PASSWORD) as connection:
        assert connection.bind()
        connection.search(
            slapd_server.base,
            "(&(objectClass=ENTPerson)(ENTPersonJointure=ac-test$610777))",
            attributes=["ENTPersonJointure", "displayName", "ENTAuxPersRelEleveEleve"],
        )
        (entry,) = connection.entries
    assert entry.entry_dn == MOTHER
    assert set(entry.ENTPersonJointure.values) == {"AC-TEST$500101", "AC-TEST$610777"}
    assert entry.displayName.value == "Aline Quéméneur"


def test_a_wrong_password_is_refused_and_the_right_one_is_not(slapd_server: Slapd) -> None:
    with (
        connected(slapd_server, user=MOTHER, password="le petit cartable bleu") as connection,
        pytest.raises(LDAPInvalidCredentialsResult),
    ):
        connection.bind()
    with connected(slapd_server, user=MOTHER, password=PASSWORD) as connection:
        assert connection.bind()


@pytest.mark.spec("RFC 4513 §5.1.2")
def test_an_empty_password_binds_as_nobody_and_must_never_count_as_a_login(slapd_server: Slapd) -> None:
    """The directory answers success to a name with an empty password; ldap3 raises before it asks."""
    with connected(slapd_server, user=MOTHER, password="") as connection, pytest.raises(LDAPPasswordIsMandatoryError):
        connection.bind()
    with connected(slapd_server) as bare:
        bare.open()
        answer = bare.post_send_single_response(bare.send("bindRequest", bind_without_password(MOTHER)))
        assert answer[0]["description"] == "success"
        with pytest.raises(LDAPInsufficientAccessRightsResult):
            bare.search(slapd_server.base, "(uid=T99000a1)")


def test_nobody_reads_without_a_login(slapd_server: Slapd) -> None:
    with connected(slapd_server) as connection:
        connection.bind()
        with pytest.raises(LDAPInsufficientAccessRightsResult):
            connection.search(slapd_server.base, "(objectClass=*)")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_certificate_of_another_authority_is_refused(
    slapd_server: Slapd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = ThrowAwayCa(tmp_path_factory.mktemp("stranger"))
    with (
        connected(slapd_server, ca=stranger.certificate, user=MOTHER, password=PASSWORD) as connection,
        pytest.raises(LDAPSocketOpenError),
    ):
        connection.bind()
    gc.collect()  # ldap3 leaves the refused socket open: let its warning fall here, where it is expected
