"""A federation's metadata, from its address to a service that speaks SAML: fetched, kept, followed, told of, ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select

from broker.app import Broker
from broker.declared import METADATA_FOLDER
from broker.domain.services import Protocol
from broker.jobs.metadata_keeper import EVERY, MetadataKeeper
from broker.metadata import open_keeper
from broker.services.metadata_origins import shelf_path
from broker.storage import schema
from tests import builders
from tests.aggregates import PARTIES, SOON, aggregate, entities, write_certificate
from tests.clock import FakeClock
from tests.oidc_stand import Answer, Browser
from tests.saml_party import Message, Party
from tests.unit.services.test_service_provider import descriptor
from tests.whole_app import ISSUER, call, open_app, signed_in, signed_in_as

NAMED = f'[saml]\nentity_id = "{PARTIES[0].entity_id}"\n'


class Published:
    """What a federation publishes at an address of loopback."""

    def __init__(self) -> None:
        self.octets = aggregate()
        published = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(published.octets)))
                self.end_headers()
                self.wfile.write(published.octets)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/all.xml"


@pytest.fixture
def published() -> Iterator[Published]:
    found = Published()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock, published: Published) -> Iterator[Broker]:
    """An installation whose town has joined a federation; it names one entity of it."""
    federation = f"""
[[federations]]
id = "education"
tenant = "ville"
metadata_url = "{published.url}"
certificate_file = "{write_certificate(tmp_path)}"
"""
    with open_app(tmp_path, clock, more='reachable_networks = ["127.0.0.0/8"]\n', sources=federation) as opened:
        service = descriptor(NAMED).replace('service_id = "cantine"', 'service_id = "repas"')
        (tmp_path / "services" / "repas.toml").write_text(service, "utf-8")
        opened.watcher.look()
        yield opened


@pytest.fixture
def keeper(broker: Broker, clock: FakeClock) -> Iterator[MetadataKeeper]:
    """What `preau work` looks after."""
    with ExitStack() as opened:
        yield open_keeper(broker.settings, broker.services, opened, clock=clock)


def ask(broker: Broker, clock: FakeClock, browser: Browser | None) -> Answer:
    message = Message(Party(PARTIES[0].name, idp=ISSUER), now=clock())
    return call(broker, "GET", f"{message.path}?{message.redirect()}", browser)


def test_a_service_is_closed_until_its_metadata_came_and_after_they_ended(
    broker: Broker, keeper: MetadataKeeper, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    browser = signed_in(broker, clock)
    service = broker.services.current().by_id("repas")
    assert service is not None
    assert (service.protocols, service.saml) == ((Protocol.SAML,), None)
    assert "PRE-3061" in ask(broker, clock, browser).body.decode()
    keeper.tend(clock())
    broker.watcher.look()
    answer = ask(broker, clock, browser)
    assert (answer.status, b"SAMLResponse" in answer.body) == (200, True)
    assert PARTIES[0].acs in answer.body.decode()
    clock.set(SOON)
    keeper.tend(clock())
    broker.watcher.look()
    assert "PRE-3061" in ask(broker, clock, signed_in_again(broker, clock)).body.decode()
    assert "its metadata ended on" in caplog.text


def test_a_forged_document_changes_nothing_and_a_newer_one_is_followed(
    broker: Broker, keeper: MetadataKeeper, clock: FakeClock, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.tend(clock())
    published.octets = aggregate().replace(PARTIES[0].acs.encode(), b"https://evil.example/acs")
    clock.advance(EVERY)
    keeper.tend(clock())
    broker.watcher.look()
    assert "metadata not taken" in caplog.text
    assert acs_of(broker) == PARTIES[0].acs
    moved = entities()[0].replace(PARTIES[0].acs, "https://cantine.example/neuf")
    published.octets = aggregate([moved], until=SOON + timedelta(days=1))
    clock.advance(EVERY)
    keeper.tend(clock())
    broker.watcher.look()
    assert acs_of(broker) == "https://cantine.example/neuf"


def test_an_address_inside_a_network_that_is_not_opened_is_not_called(
    tmp_path: Path, clock: FakeClock, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    federation = f"""
[[federations]]
id = "education"
tenant = "ville"
metadata_url = "{published.url}"
certificate_file = "{write_certificate(tmp_path)}"
"""
    with open_app(tmp_path, clock, sources=federation) as broker, ExitStack() as opened:
        open_keeper(broker.settings, broker.services, opened, clock=clock).tend(clock())
        assert not shelf_path(broker.settings.data_dir / METADATA_FOLDER, "federation-education").exists()
    assert "metadata not taken" in caplog.text


def acs_of(broker: Broker) -> str:
    service = broker.services.current().by_id("repas")
    assert service is not None
    assert service.saml is not None
    return service.saml.default_acs.location


def signed_in_again(broker: Broker, clock: FakeClock) -> Browser:
    with broker.stores.engine.connect() as conn:
        person = conn.execute(select(schema.sessions.c.person_id)).scalars().first()
    return signed_in_as(broker, clock, person or "")
