"""Addresses that services registered: nothing inside is called but what the settings open (A-25, F-34)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.deadline import look_up
from connectors.guarded import FETCH_LIMITS, Guard, GuardedTransport, open_guarded
from connectors.outbound import Outbound
from tests.certificates import ThrowAwayCa
from tests.upstreams import Asked, Reply, Site

LOOPBACK = "127.0.0.0/8"
INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:0a00:0001::1", "2002:7f00:1::", "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254", "2001:0:ce49:7601:e866:efff:62c3:fffe",
]  # fmt: skip
PUBLIC = ["9.9.9.9", "193.51.0.1", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::9.9.9.9"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_is_not_called_however_it_is_written(address: str) -> None:
    assert not Guard().allows(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is(address: str) -> None:
    assert Guard().allows(ip_address(address))


def test_an_opened_network_is_and_its_neighbours_are_not() -> None:
    guard = Guard((ip_network("10.2.0.0/16"),))
    assert guard.allows(ip_address("10.2.255.1"))
    assert guard.allows(ip_address("::ffff:10.2.0.1"))
    assert not guard.allows(ip_address("10.3.0.1"))


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(lambda asked: Reply(204)) as started:
        yield started


@pytest.fixture
def opened() -> Iterator[Outbound]:
    made = open_guarded((LOOPBACK,))
    yield made
    made.close()


def named(outbound: Outbound, *addresses: str) -> list[str]:
    """Let every name have these addresses; what was looked up."""
    seen: list[str] = []

    def lookup(host: str, port: int) -> tuple[str, ...]:
        seen.append(f"{host}:{port}")
        return addresses

    transport = outbound.client._transport
    assert isinstance(transport, GuardedTransport)
    transport.lookup = lookup
    return seen


def test_without_a_setting_nothing_inside_is_asked(site: Site, opened: Outbound) -> None:
    closed = open_guarded()
    with pytest.raises(UpstreamUnavailable, match="may not be called"):
        closed.post_form(f"{site.url}/fin", body="a=b", headers={})
    closed.close()
    assert site.seen == []
    assert opened.post_form(f"{site.url}/fin", body="a=b", headers={}).status == 204


def test_a_name_is_looked_up_once_and_called_at_that_very_address(site: Site, opened: Outbound) -> None:
    port = site.url.rpartition(":")[2]
    seen = named(opened, "127.0.0.1")
    assert opened.post_form(f"http://cantine.example:{port}/fin", body="a=b", headers={}).status == 204
    assert seen == [f"cantine.example:{port}"]
    assert site.seen[0].headers["host"] == f"cantine.example:{port}"


def test_a_name_with_one_address_inside_is_not_called_at_the_other(site: Site, opened: Outbound) -> None:
    port = site.url.rpartition(":")[2]
    named(opened, "127.0.0.1", "10.0.0.1")
    with pytest.raises(UpstreamUnavailable, match="may not be called"):
        opened.post_form(f"http://cantine.example:{port}/fin", body="", headers={})
    named(opened)
    with pytest.raises(UpstreamUnavailable, match="may not be called"):
        opened.post_form(f"http://cantine.example:{port}/fin", body="", headers={})
    named(opened, "nonsense")
    with pytest.raises(UpstreamUnavailable, match="no address"):
        opened.post_form(f"http://cantine.example:{port}/fin", body="", headers={})
    assert site.seen == []


def test_a_name_that_does_not_exist_is_no_address(opened: Outbound) -> None:
    with pytest.raises(UpstreamUnavailable, match="no address"):
        opened.post_form("http://no-such-host.invalid/fin", body="", headers={})


def test_the_system_tells_addresses() -> None:
    assert look_up("127.0.0.1", 80) == ("127.0.0.1",)


def test_a_redirect_leads_nowhere(opened: Outbound) -> None:
    def leading(asked: Asked) -> Reply:
        return Reply(307, headers={"Location": "/secret"})

    with Site(leading) as site:
        assert opened.post_form(f"{site.url}/fin", body="a=b", headers={}).status == 307
        assert [asked.path for asked in site.seen] == ["/fin"]


def test_the_certificate_must_be_the_names_not_the_addresss(throw_away_ca: ThrowAwayCa) -> None:
    guarded = open_guarded((LOOPBACK,), ca_file=throw_away_ca.certificate)
    certificate = throw_away_ca.issue(hosts=("cantine.example", "127.0.0.1"), stem="guarded")
    with Site(lambda asked: Reply(), certificate=certificate) as site:
        port = site.url.rpartition(":")[2]
        named(guarded, "127.0.0.1")
        assert guarded.post_form(f"https://cantine.example:{port}/fin", body="", headers={}).status == 200
        with pytest.raises(UpstreamUnavailable, match="ConnectError"):
            guarded.post_form(f"https://autre.example:{port}/fin", body="", headers={})
    guarded.close()


def test_what_strangers_start_is_two_calls_at_once_and_waits_for_no_place(site: Site) -> None:
    guarded = open_guarded((LOOPBACK,), limits=FETCH_LIMITS)
    for _ in range(2):
        guarded.room.acquire()
    with pytest.raises(SourceCrowded):
        guarded.get_once(site.url)
    guarded.room.release()
    assert guarded.get_once(site.url).status == 204
    guarded.close()
