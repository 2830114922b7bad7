"""A SAML source whose metadata are published at an address: fetched, believed for their signature, followed, ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.app import Broker
from broker.jobs.metadata_keeper import EVERY, MetadataKeeper
from broker.metadata import metadata_alarms, open_keeper
from broker.services.metadata_alarms import AlarmKind
from broker.wire.http import SESSION_COOKIE
from broker.wire.saml.signing import signature_template
from tests import builders
from tests.aggregates import SOON, aggregate, certificate_pem, federation_key, signed
from tests.clock import FakeClock
from tests.flows.test_metadata_elsewhere import Published
from tests.flows.test_saml_source import Stand
from tests.saml_party import key_of, stamp
from tests.saml_peer import Pair, pair
from tests.saml_sources import PROVIDER, SSO, answer_xml, provider_metadata, question, told_to, write_source
from tests.whole_app import ISSUER, call, open_app

PARENT = (("FrEduCtId", ("9f3c",)), ("FrEduCtRefId", ("{AAF}99|x|500101",)))
FROM_FILE = 'metadata_file = "idp.xml"'


def entity(*keys: Pair, until: datetime = SOON, sso: str = SSO, signer: str = "federation") -> bytes:
    """The provider's own metadata, signed."""
    key = federation_key() if signer == "federation" else key_of(signer)
    said = f' ID="_idp" validUntil="{stamp(until)}"'
    text = provider_metadata(*keys, extra=said).decode().replace(f'"{SSO}"', f'"{sso}"')
    place = text.index("<md:IDPSSODescriptor")
    return signed(text[:place] + signature_template("_idp", key) + text[place:], key)


@pytest.fixture
def published() -> Iterator[Published]:
    found = Published()
    found.octets = entity(pair("idp"))
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def stand(tmp_path: Path, clock: FakeClock, published: Published) -> Iterator[Stand]:
    clock.set(builders.NOW)
    (tmp_path / "metadata.pem").write_text(certificate_pem(), "ascii")
    more = 'profile = "educonnect"\nreleases_references = true\nfeeds = ["99-2d"]'
    there = f'metadata_url = "{published.url}"\nmetadata_certificate_file = "metadata.pem"'
    table = write_source(tmp_path, more=more).replace(FROM_FILE, there)
    with open_app(tmp_path, clock, more='reachable_networks = ["127.0.0.0/8"]\n', sources=table) as broker:
        with broker.stores.engine.begin() as conn:
            builders.add_school(conn)
            _, mother = builders.add_guardian(conn, "500101")
            _, child = builders.add_pupil(conn, "9500101")
            builders.add_guardianship(conn, mother, child)
            builders.enrol(conn, child)
        yield Stand(broker, clock)


@pytest.fixture
def keeper(stand: Stand) -> Iterator[MetadataKeeper]:
    """What `preau work` looks after."""
    with ExitStack() as opened:
        yield open_keeper(stand.broker.settings, stand.broker.services, opened, clock=stand.clock)


def fetch(stand: Stand, keeper: MetadataKeeper) -> None:
    """An hour later: `preau work` fetches, and the serving process looks."""
    stand.clock.advance(EVERY)
    keeper.tend(stand.clock())
    stand.broker.watcher.look()


def comes_in(stand: Stand, by: str) -> bool:
    """Whether an answer that this key signed signs the mother in."""
    stand.browser.cookies.clear()
    request, state = question(stand.leave().location)
    xml = answer_xml(told_to(request, stand.clock(), attributes=PARENT), kind="a", by=pair(by))
    posted = stand.post(xml, state)
    call(stand.broker, "GET", posted.location.removeprefix(ISSUER), stand.browser)
    return SESSION_COOKIE in stand.browser.cookies


def alarms(broker: Broker, now: datetime) -> list[tuple[str, AlarmKind]]:
    return [(each.who, each.kind) for each in metadata_alarms(broker.settings, broker.services.current(), now=now)]


def test_nobody_is_sent_there_until_its_metadata_came(stand: Stand, keeper: MetadataKeeper) -> None:
    assert alarms(stand.broker, stand.clock()) == [("source-essai", AlarmKind.ABSENT)]
    answer = stand.leave()
    assert (answer.status, "PRE-5" in answer.body.decode()) == (503, True)
    page = call(stand.broker, "GET", "/connexion", stand.browser)
    assert "idp.example" not in page.headers["content-security-policy"]
    fetch(stand, keeper)
    page = call(stand.broker, "GET", "/connexion", stand.browser)
    assert "https://idp.example" in page.headers["content-security-policy"], "the form may lead there now"
    assert comes_in(stand, "idp")
    assert alarms(stand.broker, stand.clock()) == []


def test_a_new_key_of_the_provider_is_followed_while_all_runs_and_the_old_one_counts_no_more(
    stand: Stand, keeper: MetadataKeeper, published: Published
) -> None:
    fetch(stand, keeper)
    assert not comes_in(stand, "next")
    for keys, good in ((("idp", "next"), {"idp", "next"}), (("next",), {"next"})):
        published.octets = entity(*map(pair, keys))
        fetch(stand, keeper)
        assert {name for name in ("idp", "next") if comes_in(stand, name)} == good


@pytest.mark.parametrize("signer", ["other", ""])
def test_what_another_signed_or_nobody_changes_nothing(
    stand: Stand, keeper: MetadataKeeper, published: Published, caplog: pytest.LogCaptureFixture, signer: str
) -> None:
    fetch(stand, keeper)
    forged = entity(pair("evil"), until=SOON + timedelta(days=1), signer=signer or "federation")
    published.octets = forged if signer else provider_metadata(pair("evil"))
    fetch(stand, keeper)
    assert "metadata not taken" in caplog.text
    assert (comes_in(stand, "evil"), comes_in(stand, "idp")) == (False, True)


def test_what_came_and_is_of_no_use_is_told_and_the_last_good_one_stays(
    stand: Stand, keeper: MetadataKeeper, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(stand, keeper)
    published.octets = entity(until=SOON + timedelta(days=1))
    fetch(stand, keeper)
    assert comes_in(stand, "idp")
    assert "no signing key" in caplog.text
    assert alarms(stand.broker, stand.clock()) == [("source essai", AlarmKind.UNUSABLE)]


def test_the_provider_is_found_in_an_aggregate_by_its_name_alone(
    stand: Stand, keeper: MetadataKeeper, published: Published
) -> None:
    other = provider_metadata(pair("evil"), entity_id="https://autre.example").decode()
    published.octets = aggregate([other, provider_metadata(pair("idp"), entity_id=PROVIDER).decode()])
    fetch(stand, keeper)
    assert (comes_in(stand, "evil"), comes_in(stand, "idp")) == (False, True)
    published.octets = aggregate([other], until=SOON + timedelta(days=1))
    fetch(stand, keeper)
    assert ("source essai", AlarmKind.UNUSABLE) in alarms(stand.broker, stand.clock())


def test_after_their_end_nobody_comes_in_and_it_was_told_before(
    stand: Stand, keeper: MetadataKeeper, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(stand, keeper)
    stand.clock.set(SOON - timedelta(days=4))
    assert alarms(stand.broker, stand.clock()) == [("source-essai", AlarmKind.ENDING)]
    assert comes_in(stand, "idp")
    stand.clock.set(SOON)
    assert not comes_in(stand, "idp")
    fetch(stand, keeper)
    assert "its metadata ended on" in caplog.text


def test_a_file_that_is_put_in_place_anew_is_followed_too(tmp_path: Path, clock: FakeClock) -> None:
    clock.set(builders.NOW)
    table = write_source(tmp_path, more='profile = "educonnect"')
    with open_app(tmp_path, clock, sources=table) as broker:
        stand = Stand(broker, clock)
        file = tmp_path / "idp.xml"
        assert question(stand.leave().location)[0].get("Destination") == SSO
        file.write_bytes(b"<x/>")
        broker.watcher.look()
        assert question(stand.leave().location)[0].get("Destination") == SSO, "the last good one stays"
        file.write_bytes(provider_metadata(pair("idp")).replace(SSO.encode(), f"{SSO}/neuf".encode()))
        broker.watcher.look()
        assert question(stand.leave().location)[0].get("Destination") == f"{SSO}/neuf"


def test_a_file_that_ends_soon_is_told(tmp_path: Path, clock: FakeClock) -> None:
    clock.set(builders.NOW)
    table = write_source(tmp_path)
    (tmp_path / "idp.xml").write_bytes(provider_metadata(pair("idp"), extra=f' validUntil="{stamp(SOON)}"'))
    with open_app(tmp_path, clock, sources=table) as broker:
        assert alarms(broker, clock()) == [("source essai", AlarmKind.ENDING)]
        assert alarms(broker, SOON) == [("source essai", AlarmKind.OVER)]
