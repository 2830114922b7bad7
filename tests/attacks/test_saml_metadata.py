"""What whoever publishes metadata may do: name addresses, never our inside networks; keys, but no unusable one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from broker.app import Broker
from broker.domain.errors import UpstreamUnavailable
from broker.domain.logouts import Logout
from broker.domain.service_clients import ServiceProvider
from broker.domain.services import Protocol
from broker.metadata import open_keeper
from broker.protocol.notifiers import Notifiers
from broker.protocol.saml.logout import SamlLogout
from broker.wire.saml import metadata as reading
from broker.wire.saml.metadata import parse_service_provider
from tests import builders
from tests.aggregates import PARTIES, aggregate, entities, write_certificate
from tests.clock import FakeClock
from tests.saml_party import Message, Party
from tests.saml_peer import pair
from tests.saml_stand import SamlStand, open_saml, response_of, saml_service
from tests.unit.services.test_service_provider import descriptor
from tests.upstreams import Reply, Site
from tests.whole_app import open_app

LOGOUT = Logout("s_visite", "saml:repas", "nom")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def inside() -> Iterator[Site]:
    """A machine of the town's own network, which answers nothing that a service would."""
    with Site(lambda _: Reply(204)) as site:
        yield site


def metadata(inside: Site) -> str:
    """Those of a service that says that it is told of logouts by the machine inside."""
    return entities()[0].replace(PARTIES[0].slo_url, f"{inside.url}/admin")


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock, inside: Site) -> Iterator[Broker]:
    """A town that opened its inside network to declared services, and joined a federation."""
    (tmp_path / "all.xml").write_bytes(aggregate([metadata(inside)]))
    federation = f"""
[[federations]]
id = "education"
tenant = "ville"
metadata_file = "{tmp_path / "all.xml"}"
certificate_file = "{write_certificate(tmp_path)}"
"""
    with open_app(tmp_path, clock, more='reachable_networks = ["127.0.0.0/8"]\n', sources=federation) as opened:
        yield opened


def declare(broker: Broker, table: str) -> None:
    """Put the service's descriptor in its place, and have what it names fetched."""
    text = descriptor(table).replace('service_id = "cantine"', 'service_id = "repas"')
    (broker.settings.services_dir / "repas.toml").write_text(text, "utf-8")
    broker.watcher.look()
    with ExitStack() as opened:
        open_keeper(broker.settings, broker.services, opened, clock=broker.clock).tend(broker.clock())
    broker.watcher.look()
    service = broker.services.current().by_id("repas")
    assert service is not None
    assert service.saml is not None


def told(broker: Broker, notifier: Notifiers) -> None:
    with pytest.raises(UpstreamUnavailable):
        notifier.notify(LOGOUT, now=broker.clock())


def test_metadata_of_a_federation_make_us_call_nobody_in_the_networks_of_declared_services(
    broker: Broker, inside: Site
) -> None:
    declare(broker, f'[saml]\nentity_id = "{PARTIES[0].entity_id}"\n')
    told(broker, broker.notifier)
    assert inside.seen == []
    by_saml = broker.notifier.by_protocol[Protocol.SAML]
    assert isinstance(by_saml, SamlLogout)
    told(broker, Notifiers({Protocol.SAML: replace(by_saml, strangers=by_saml.post)}))
    assert [asked.path for asked in inside.seen] == ["/admin"], "by the other way out it would have got there"


def test_the_same_metadata_in_a_file_of_the_administrators_are_called(broker: Broker, inside: Site) -> None:
    (broker.settings.services_dir / "repas.xml").write_text(metadata(inside), "utf-8")
    declare(broker, '[saml]\nmetadata_file = "repas.xml"\n')
    told(broker, broker.notifier)
    assert [asked.path for asked in inside.seen] == ["/admin"]


# ---- keys that nothing can be encrypted to -------------------------------------------------------------------------


def encrypting_to(*certificates: str) -> ServiceProvider:
    """A service whose metadata give these keys to encrypt to, and whose descriptor asks for that."""
    text = Party().metadata().decode()
    key = text[text.index("<md:KeyDescriptor>") : text.index("</md:KeyDescriptor>") + len("</md:KeyDescriptor>")]
    signing = key.replace("<md:KeyDescriptor>", '<md:KeyDescriptor use="signing">')
    others = (
        key.replace("<md:KeyDescriptor>", '<md:KeyDescriptor use="encryption">').replace(Party().key.certificate, each)
        for each in certificates
    )
    return replace(parse_service_provider(text.replace(key, signing + "".join(others)).encode()), encrypt=True)


def answered(stand: SamlStand) -> bytes:
    answer = stand.ask(Message(), stand.sign_in())
    return etree.tostring(response_of(answer))


def test_a_key_that_is_none_for_encryption_keeps_nobody_out(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    curve, usable = pair("curve", "ec").certificate, Party().key.certificate
    assert encrypting_to(curve, usable).encryption == (usable,)
    with open_saml(sqlite_url, services=(saml_service(declared=encrypting_to(curve, usable)),)) as stand:
        assert b"EncryptedAssertion" in answered(stand)
        monkeypatch.setattr(reading, "takes_assertions", lambda _: True)
        kept = stand.oidc.register.value
        stand.oidc.register.value = type(kept)([saml_service(declared=encrypting_to(curve, usable))])
        assert stand.ask(Message(), stand.sign_in()).status == 500
