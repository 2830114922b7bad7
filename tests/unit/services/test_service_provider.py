"""The table `[saml]`: what a descriptor takes from metadata, and what it refuses with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.service_clients import AttributeForm, NameIdKind, Signed
from broker.services.register import Register, load_services
from broker.wire.saml.metadata import MetadataRefused, parse_service_provider
from tests.descriptors import REQUIRED
from tests.saml_party import Party
from tests.saml_peer import pair

TABLE = """
[saml]
metadata_file = "cantine.xml"
name_id = "transient"
sign = "assertion"
encrypt = true
attribute_form = "fredu"
idp_initiated = true
want_signed_requests = true
"""


def descriptor(table: str, protocols: str = '["saml"]') -> str:
    return f"""
service_id = "cantine"
tenant = "ville"
names = {{ fr = "La Cantine" }}
purpose = "Payer les repas."
protocols = {protocols}
{REQUIRED}
profils = ["TUT"]
claims = ["given_name"]
[[instances]]
url = "https://cantine.example/"
{table}
"""


def load(folder: Path, table: str, metadata: bytes = b"", protocols: str = '["saml"]') -> Register:
    (folder / "cantine.toml").write_text(descriptor(table, protocols), "utf-8")
    (folder / "cantine.xml").write_bytes(metadata or Party().metadata())
    return load_services(folder)


def test_addresses_and_keys_come_from_the_metadata_and_the_rest_from_the_table(tmp_path: Path) -> None:
    register = load(tmp_path, TABLE)
    service = register.by_entity(Party().entity_id)
    assert service is not None
    assert service is register.by_client("saml:cantine")
    declared = service.saml
    assert declared is not None
    assert [endpoint.location for endpoint in declared.acs] == [Party().acs, f"{Party().acs}/2"]
    assert (declared.name_id, declared.sign, declared.attribute_form) == (
        NameIdKind.TRANSIENT, Signed.ASSERTION, AttributeForm.FREDU,
    )  # fmt: skip
    assert (declared.encrypt, declared.idp_initiated, declared.wants_signed) == (True, True, True)
    assert tmp_path / "cantine.xml" in register.files


def test_metadata_that_asks_for_signed_requests_is_not_weakened(tmp_path: Path) -> None:
    table = '[saml]\nmetadata_file = "cantine.xml"\nwant_signed_requests = false\n'
    service = load(tmp_path, table, Party().metadata(signed=True)).by_client("saml:cantine")
    assert service is not None
    assert service.saml is not None
    assert service.saml.wants_signed


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("[saml]\n", "'metadata_file' is missing"),
        ('[saml]\nmetadata_file = "rien.xml"\n', "cannot be read"),
        ('[saml]\nmetadata_file = "cantine.xml"\nname_id = "mail"\n', "knows no 'mail'"),
        ('[saml]\nmetadata_file = "cantine.xml"\nsigned = "both"\n', "unknown key 'signed' (is 'sign' meant?)"),
        ('[saml]\nmetadata_file = "cantine.xml"\nentity_id = "https://evil.example"\n', "is the metadata of"),
    ],
)
def test_a_fault_of_the_table_is_told(tmp_path: Path, table: str, reason: str) -> None:
    with pytest.raises(SettingsError) as fault:
        load(tmp_path, table)
    assert any("cantine.toml:" in problem and reason in problem for problem in fault.value.problems)


def test_the_protocol_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as fault:
        load(tmp_path, TABLE, protocols='["cas"]')
    assert any("'protocols' has no 'saml'" in problem for problem in fault.value.problems)


def test_two_services_are_not_one_provider(tmp_path: Path) -> None:
    load(tmp_path, TABLE)
    (tmp_path / "autre.toml").write_text(descriptor(TABLE).replace('id = "cantine"', 'id = "autre"'), "utf-8")
    with pytest.raises(SettingsError) as fault:
        load_services(tmp_path)
    assert any("is declared twice" in problem for problem in fault.value.problems)


GOOD = Party().metadata().decode()
SPOILT = {
    "no XML": "x",
    "a document type": f"<!DOCTYPE x>{GOOD}",
    "an entity": f'<!DOCTYPE x [<!ENTITY e "x">]>{GOOD}',
    "a processing instruction": f"<?x y?>{GOOD}",
    "another root": GOOD.replace("EntityDescriptor", "EntitiesDescriptor"),
    "another namespace": GOOD.replace("SAML:2.0:metadata", "SAML:1.0:metadata"),
    "no name": GOOD.replace(f'entityID="{Party().entity_id}"', ""),
    "an empty name": GOOD.replace(Party().entity_id, ""),
    "a name with a blank": GOOD.replace(Party().entity_id, "a b"),
    "a long name": GOOD.replace(Party().entity_id, "x" * 1025),
    "no service provider": GOOD.replace("SPSSODescriptor", "IDPSSODescriptor"),
    "two service providers": GOOD.replace("</md:EntityDescriptor>", GOOD[GOOD.index("<md:SPSSO") :]),
    "SAML 1.1 alone": GOOD.replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
    "no address": GOOD.replace("AssertionConsumerService", "ManageNameIDService"),
    "no address by POST": GOOD.replace("bindings:HTTP-POST", "bindings:HTTP-Artifact"),
    "an address of nothing": GOOD.replace(f'Location="{Party().acs}"', 'Location=""'),
    "an index that is no number": GOOD.replace('index="2"', 'index="x"'),
    "an index twice": GOOD.replace('index="2"', 'index="0"'),
    "a certificate that is none": GOOD.replace("<ds:X509Certificate>M", "<ds:X509Certificate>N"),
    "no certificate text": GOOD.replace(Party().key.certificate, ""),
    "a certificate that is no base64": GOOD.replace("<ds:X509Certificate>", "<ds:X509Certificate>%"),
    "too much": GOOD.replace("</md:EntityDescriptor>", " " * 1_100_000 + "</md:EntityDescriptor>"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_metadata_that_cannot_be_trusted_to_mean_one_thing_is_refused(spoilt: str) -> None:
    assert parse_service_provider(GOOD.encode()).entity_id == Party().entity_id
    with pytest.raises(MetadataRefused):
        parse_service_provider(SPOILT[spoilt].encode())


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_key_counts_for_encryption_only_if_something_can_be_encrypted_to_it(tmp_path: Path, kind: str) -> None:
    text = GOOD.replace(Party().key.certificate, pair(f"reader-{kind}", kind).certificate)
    declared = parse_service_provider(text.encode())
    assert (len(declared.signing), len(declared.encryption)) == (1, int(kind == "rsa"))
    if kind == "rsa":
        assert load(tmp_path, TABLE, text.encode())
        return
    with pytest.raises(SettingsError) as fault:
        load(tmp_path, TABLE, text.encode())
    assert any("'encrypt' needs an RSA certificate" in problem for problem in fault.value.problems)
    assert load(tmp_path, TABLE.replace("encrypt = true", "encrypt = false"), text.encode())


def test_an_address_that_could_be_captured_is_refused(tmp_path: Path) -> None:
    for evil in ("http://cantine.example/acs", "https://x@cantine.example/acs", "https://cantine.example/acs#x"):
        with pytest.raises(SettingsError):
            load(tmp_path, TABLE, GOOD.replace(f"{Party().acs}/2", evil).encode())
