"""Metadata from elsewhere complete services from what was signed, and nothing else; their end is told beforehand."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.service_clients import ServiceProvider
from broker.services.metadata_alarms import Alarm, AlarmKind, alarms_of
from broker.services.metadata_origins import Elsewhere, Federation, shelf_path
from broker.services.metadata_shelf import fill_shelf, open_shelf
from broker.services.register import Register, load_services
from tests.aggregates import (
    PARTIES,
    SOON,
    aggregate,
    believed,
    certificate_pem,
    entities,
    lone,
    self_signed,
    write_certificate,
)
from tests.builders import NOW
from tests.saml_party import Party
from tests.saml_peer import pair
from tests.unit.services.test_service_provider import descriptor

WEAK = base64.b64encode(self_signed(1024)).decode()
NAMED = f'[saml]\nentity_id = "{PARTIES[0].entity_id}"\n'
BY_URL = f"""{NAMED}metadata_url = "https://cantine.example/metadata"
metadata_certificate_file = "federation.pem"
"""


def keep(folder: Path, octets: bytes, key: str = "federation-education") -> None:
    fill_shelf(shelf_path(folder, key), octets, (believed(),), lambda _: None, now=NOW)


def load(folder: Path, table: str, tenant: str = "ville") -> Register:
    (folder / "cantine.toml").write_text(descriptor(table), "utf-8")
    write_certificate(folder)
    return load_services(folder, elsewhere=Elsewhere(folder, (Federation("education", tenant),)))


def saml(register: Register) -> ServiceProvider | None:
    return register.all()[0].saml


def faults(folder: Path, table: str, tenant: str = "ville") -> str:
    with pytest.raises(SettingsError) as fault:
        load(folder, table, tenant)
    return "\n".join(fault.value.problems)


def test_a_service_that_names_an_entity_is_completed_from_the_federation_of_its_tenant(tmp_path: Path) -> None:
    keep(tmp_path, aggregate())
    register = load(tmp_path, NAMED + 'attribute_form = "basic"\n')
    declared = saml(register)
    assert declared is not None
    assert (declared.default_acs.location, declared.until, declared.is_kept) == (PARTIES[0].acs, SOON, True)
    assert declared.attribute_form == "basic"
    assert shelf_path(tmp_path, "federation-education") in register.files
    assert register.by_entity(PARTIES[0].entity_id) is register.all()[0]


def test_an_entity_that_no_descriptor_names_gets_nothing(tmp_path: Path) -> None:
    keep(tmp_path, aggregate())
    register = load(tmp_path, NAMED)
    assert register.by_entity(PARTIES[1].entity_id) is None


@pytest.mark.parametrize("why", ["nothing came yet", "another tenant's federation", "not in the aggregate"])
def test_without_metadata_the_service_stands_and_its_saml_is_closed(tmp_path: Path, why: str) -> None:
    if why != "nothing came yet":
        keep(tmp_path, aggregate(entities()[1:]) if why == "not in the aggregate" else aggregate())
    register = load(tmp_path, NAMED, "ailleurs" if why == "another tenant's federation" else "ville")
    assert saml(register) is None
    assert register.by_entity(PARTIES[0].entity_id) is None
    assert register.by_client("saml:cantine") is None
    assert shelf_path(tmp_path, "federation-education") in register.files or why == "another tenant's federation"


def test_a_service_may_publish_its_own_signed_metadata(tmp_path: Path) -> None:
    register = load(tmp_path, BY_URL)
    assert saml(register) is None
    (origin,) = register.elsewhere.origins
    assert (origin.key, origin.url) == ("service-cantine", "https://cantine.example/metadata")
    assert origin.certificate == tmp_path / "federation.pem"
    keep(tmp_path, lone(), origin.key)
    assert saml(load(tmp_path, BY_URL)) is not None


def test_metadata_of_a_federation_do_not_stand_in_for_those_of_a_service_of_its_own(tmp_path: Path) -> None:
    keep(tmp_path, aggregate())
    assert saml(load(tmp_path, BY_URL)) is None


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (
            BY_URL.replace("https:", "http:", 2).replace("http://cantine.example/saml", "https://cantine.example/saml"),
            "https",
        ),
        (BY_URL.replace("metadata_certificate_file", "# "), "'metadata_certificate_file' is missing"),
        (BY_URL.replace("federation.pem", "rien.pem"), "no certificate"),
        (BY_URL + 'federation = "education"\n', "metadata come from one place"),
        (BY_URL + 'metadata_file = "cantine.xml"\n', "metadata come from one place"),
        (BY_URL.replace("entity_id", "# "), "is missing"),
        (NAMED + 'federation = "autre"\n', "is no federation of the tenant"),
    ],
)
def test_a_fault_of_the_table_is_told(tmp_path: Path, table: str, reason: str) -> None:
    assert reason in faults(tmp_path, table)


def test_a_certificate_that_is_too_weak_is_a_fault(tmp_path: Path) -> None:
    load(tmp_path, BY_URL)
    (tmp_path / "weak.pem").write_text(certificate_pem().replace("A", "B"), "ascii")
    assert "no certificate" in faults(tmp_path, BY_URL.replace("federation.pem", "weak.pem"))


UNUSABLE = {
    "a name twice": ([*entities(), entities()[0]], "names two entities so"),
    "an address in the clear": ([entities()[0].replace(PARTIES[0].acs, "http://cantine.example/acs")], "must be https"),
    "an address that could be captured": ([entities()[0].replace("example/saml/acs", "example/#")], "the metadata: '"),
    "no address": ([entities()[0].replace("AssertionConsumerService", "ManageNameIDService")], "no AssertionConsumer"),
    "a weak key": ([entities()[0].replace(PARTIES[0].key.certificate, WEAK)], "neither RSA of 2048 bits"),
    "no key for what it signs": (
        [re.sub("<md:KeyDescriptor>.*</md:KeyDescriptor>", "", PARTIES[0].metadata(signed=True).decode())],
        "need a certificate for signing",
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_others_publish_and_cannot_be_used_closes_one_service_and_stops_nothing(tmp_path: Path, what: str) -> None:
    inside, reason = UNUSABLE[what]
    keep(tmp_path, aggregate(inside))
    register = load(tmp_path, NAMED)
    assert saml(register) is None
    assert reason in register.elsewhere.unusable["cantine"]
    (alarm,) = alarms_of({}, register.all(), unusable=register.elsewhere.unusable, now=NOW)
    assert alarm.is_fault
    assert reason in str(alarm)
    keep(tmp_path, aggregate())
    assert saml(load(tmp_path, NAMED)) is not None


def test_a_federation_that_has_no_key_to_encrypt_to_closes_the_service_that_wants_it(tmp_path: Path) -> None:
    curve = entities()[0].replace(PARTIES[0].key.certificate, pair("curve", "ec").certificate)
    keep(tmp_path, aggregate([curve]))
    assert saml(load(tmp_path, NAMED)) is not None
    register = load(tmp_path, NAMED + "encrypt = true\n")
    assert saml(register) is None
    (alarm,) = alarms_of({}, register.all(), unusable=register.elsewhere.unusable, now=NOW)
    assert (alarm.is_fault, "needs an RSA certificate" in str(alarm)) == (True, True)


def test_two_services_do_not_name_one_entity_even_before_it_came(tmp_path: Path) -> None:
    (tmp_path / "autre.toml").write_text(descriptor(NAMED).replace('"cantine"', '"autre"'), "utf-8")
    assert "is declared twice" in faults(tmp_path, NAMED)


def test_a_requirement_of_the_metadata_is_never_weakened_by_the_descriptor(tmp_path: Path) -> None:
    keep(tmp_path, aggregate([PARTIES[0].metadata(signed=True).decode()]))
    declared = saml(load(tmp_path, NAMED + "want_signed_requests = false\n"))
    assert declared is not None
    assert declared.wants_signed


# ---- alarms ---------------------------------------------------------------------------------------------------------


def told(folder: Path, now: datetime) -> tuple[Alarm, ...]:
    key = "federation-education"
    return alarms_of({key: open_shelf(shelf_path(folder, key))}, load(folder, NAMED).all(), now=now)


@pytest.mark.parametrize(("left", "step"), [(80, 0), (61, 0), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (1, 7)])
def test_the_end_is_told_sixty_thirty_and_seven_days_before(tmp_path: Path, left: int, step: int) -> None:
    until = NOW + timedelta(days=180)
    keep(tmp_path, aggregate(until=until))
    alarms = told(tmp_path, until - timedelta(days=left))
    assert [(alarm.kind, alarm.step) for alarm in alarms] == ([(AlarmKind.ENDING, step)] if step else [])


def test_what_is_renewed_each_week_rings_only_once_half_of_its_life_is_over(tmp_path: Path) -> None:
    keep(tmp_path, aggregate())
    assert told(tmp_path, NOW + timedelta(days=4)) == ()
    assert [alarm.step for alarm in told(tmp_path, NOW + timedelta(days=5))] == [7]


def test_what_has_ended_is_a_fault_and_what_never_came_is_told(tmp_path: Path) -> None:
    assert [str(alarm) for alarm in told(tmp_path, NOW)] == [
        "federation-education: no metadata yet: nobody signs in there by SAML",
        "service cantine: no metadata yet: nobody signs in there by SAML",
    ]
    keep(tmp_path, aggregate())
    (alarm,) = told(tmp_path, SOON)
    assert alarm.is_fault
    assert "ended on" in str(alarm)


def test_a_file_of_ours_that_says_its_end_is_told_of_too(tmp_path: Path) -> None:
    metadata = Party().metadata().decode().replace(" entityID", f' validUntil="{SOON.isoformat()}" entityID', 1)
    (tmp_path / "cantine.xml").write_text(metadata, "utf-8")
    (tmp_path / "cantine.toml").write_text(descriptor('[saml]\nmetadata_file = "cantine.xml"\n'), "utf-8")
    services = load_services(tmp_path).all()
    assert [alarm.step for alarm in alarms_of({}, services, now=NOW)] == [30]
    assert [alarm.kind for alarm in alarms_of({}, services, now=SOON)] == [AlarmKind.OVER]
