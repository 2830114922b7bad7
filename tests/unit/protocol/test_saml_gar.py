"""The GAR by SAML: two attributes on the wire, an opaque identifier and the number of the ENT, and nothing else."""

from __future__ import annotations

import pytest

from broker.domain.errors import ReleaseRefused
from broker.domain.services import Protocol
from broker.protocol.saml.attributes import attributes_of
from broker.protocol.saml.name_ids import chosen_format
from broker.protocol.saml.provider import Provider
from broker.services.release import Asker, release_for
from broker.wire.saml.names import TRANSIENT
from tests.releases import MOTHER, PUPIL, TEACHER, Somebody, library, shipped

UUID = "01234567-89ab-cdef-0123-456789abcdef"


def told(name: str, somebody: Somebody) -> dict[str, tuple[str, ...]]:
    service = library()[name]
    assert service.saml is not None
    provider = Provider(service, service.saml)
    assert chosen_format(provider, "") == TRANSIENT
    released = release_for(shipped(), Asker(service, Protocol.SAML), somebody.about())
    return {each.name: each.values for each in attributes_of(provider, released)}


@pytest.mark.parametrize(("name", "somebody"), [("gar", PUPIL), ("gar-personnels", TEACHER)])
def test_the_gar_is_told_two_attributes_under_their_own_names(name: str, somebody: Somebody) -> None:
    assert told(name, somebody) == {"idENT": ("X9",), "GARPersonIdentifiant": (UUID,)}


@pytest.mark.parametrize("name", ["gar", "gar-personnels"])
def test_parents_are_not_in_the_gar(name: str) -> None:
    with pytest.raises(ReleaseRefused):
        told(name, MOTHER)


def test_the_assertion_goes_to_the_address_of_the_metadata_alone() -> None:
    for name in ("gar", "gar-personnels"):
        provider = library()[name].saml
        assert provider is not None
        assert [endpoint.location.startswith("https://gar.example/") for endpoint in provider.acs] == [True]
