"""What a hostile or broken CAS server, or somebody between browser and server, may try. Each is refused; the same
login succeeds once the one fault is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from broker.domain.errors import TicketRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.identity import UpstreamIdentity
from broker.domain.ports import Departure
from connectors.cas import CasConnector, CasSource
from connectors.outbound import OutboundLimits
from tests.clock import FakeClock
from tests.upstreams import CAS_NS, FakeCas, Reply, browser_return, cas_envelope, cas_failure, cas_user

RETURN_URL = "https://preau.example/retour/ent"
GOOD = cas_envelope(cas_user("aline"))


@pytest.fixture
def cas() -> Iterator[FakeCas]:
    server = FakeCas()
    with server.site:
        yield server


@pytest.fixture
def connector(cas: FakeCas) -> Iterator[CasConnector]:
    made = CasSource("ent", cas.url, limits=OutboundLimits(read=1.0, retries=0)).open()
    yield made
    made.close()


class Login:
    """One person at the source, as often as wanted."""

    def __init__(self, cas: FakeCas, connector: CasConnector, clock: FakeClock) -> None:
        self.cas, self.connector, self.clock = cas, connector, clock

    def leave(self, *, return_url: str = RETURN_URL, force: bool = False) -> Departure:
        return self.connector.start(return_url=return_url, state=new_handle(Handle.STATE), force=force)

    def __call__(self, *, force: bool = False) -> UpstreamIdentity:
        departure = self.leave(force=force)
        answer = self.cas.sign_in(departure, "aline")
        return self.connector.finish(answer, private=departure.private, now=self.clock())


@pytest.fixture
def login(cas: FakeCas, connector: CasConnector, clock: FakeClock) -> Login:
    return Login(cas, connector, clock)


BILLION_LAUGHS = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + cas_envelope(
    "<cas:user>&b;</cas:user>"
)
EXTERNAL = '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + GOOD
DOCUMENTS = {
    "a document type": EXTERNAL,
    "a document type in lower case": EXTERNAL.replace("DOCTYPE", "doctype"),
    "entities that unfold": BILLION_LAUGHS,
    "a processing instruction": GOOD.replace("<cas:user>", "<?php evil?><cas:user>"),
    "a stylesheet": '<?xml version="1.0"?><?xml-stylesheet href="x"?>' + GOOD,
    "two users": cas_envelope(cas_user("aline") + cas_user("bob")),
    "two users, the second among the attributes": cas_envelope(
        cas_user("aline") + f"<cas:attributes>{cas_user('bob')}</cas:attributes>"
    ),
    "no user": cas_envelope("<cas:attributes><cas:nom>Q</cas:nom></cas:attributes>"),
    "a user only among the attributes": cas_envelope(f"<cas:attributes>{cas_user('aline')}</cas:attributes>"),
    "an empty user": cas_envelope("<cas:user>  </cas:user>"),
    "a user of 256 characters": cas_envelope(cas_user("a" * 256)),
    "a user with a control character": cas_envelope("<cas:user>al&#x9;ine</cas:user>"),
    "a user cut by a comment": cas_envelope("<cas:user>admin<!-- -->.aline</cas:user>"),
    "a user with an element inside": cas_envelope("<cas:user>admin<cas:x/>.aline</cas:user>"),
    "another namespace": cas_envelope(cas_user("aline"), namespace="http://www.yale.edu/tp/cas2"),
    "no namespace": GOOD.replace(f' xmlns:cas="{CAS_NS}"', "").replace("cas:", ""),
    "success and failure": GOOD.replace(
        "</cas:serviceResponse>",
        '<cas:authenticationFailure code="X">no</cas:authenticationFailure></cas:serviceResponse>',
    ),
    "two successes": GOOD.replace("</cas:serviceResponse>", "") + GOOD.split(">", 1)[1],
    "an unknown outcome": GOOD.replace("authenticationSuccess", "proxySuccess"),
    "neither": f'<cas:serviceResponse xmlns:cas="{CAS_NS}"/>',
    "another document": "<html><body>cas:user aline</body></html>",
    "a proxied ticket": cas_envelope(cas_user("aline") + "<cas:proxies><cas:proxy>https://x</cas:proxy></cas:proxies>"),
    "CAS 1": "yes\naline\n",
    "not well-formed": GOOD.replace("</cas:user>", ""),
    "too deep": cas_envelope(cas_user("aline") + "<cas:x>" * 40 + "</cas:x>" * 40),
    "too many values": cas_envelope(cas_user("aline") + "".join(f"<cas:v>{n}</cas:v>" for n in range(600))),
    "another encoding": '<?xml version="1.0" encoding="utf-7"?>' + GOOD,
}


@pytest.mark.parametrize("name", list(DOCUMENTS))
@pytest.mark.spec("CAS 3.0.3 §2.5")
def test_a_document_that_is_not_one_plain_success_is_refused(cas: FakeCas, login: Login, name: str) -> None:
    cas.render = lambda user, told: DOCUMENTS[name]
    with pytest.raises(UpstreamRefused):
        login()
    cas.render = lambda user, told: GOOD
    assert login().key.subject == "aline"


def test_markup_cannot_hide_in_another_encoding(cas: FakeCas, login: Login) -> None:
    cas.spoil = lambda _: Reply(body=EXTERNAL.encode("utf-16"))
    with pytest.raises(UpstreamRefused):
        login()
    cas.spoil = None
    assert login().key.subject == "aline"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"])
def test_the_encodings_of_old_servers_are_read(cas: FakeCas, login: Login, encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?>\n' + cas_envelope(cas_user("hélène"))
    cas.spoil = lambda _: Reply(body=document.encode(encoding))
    assert login().key.subject == "hélène"


@pytest.mark.parametrize(
    "code",
    [
        "INVALID_REQUEST",
        "INVALID_TICKET_SPEC",
        "UNAUTHORIZED_SERVICE_PROXY",
        "INVALID_PROXY_CALLBACK",
        "INVALID_TICKET",
        "INVALID_SERVICE",
        "INTERNAL_ERROR",
        "",
    ],
)
@pytest.mark.spec("CAS 3.0.3 §2.5.3")
def test_every_failure_code_is_a_refusal(cas: FakeCas, login: Login, code: str) -> None:
    cas.render = lambda user, told: cas_failure(code)
    with pytest.raises(UpstreamRefused if code == "INTERNAL_ERROR" else TicketRefused):
        login()


def test_a_failure_code_cannot_write_into_the_log(cas: FakeCas, login: Login) -> None:
    cas.render = lambda user, told: cas_failure("X&#10;forged line")
    with pytest.raises(TicketRefused) as caught:
        login()
    assert "forged" not in caught.value.cause


@pytest.mark.parametrize("status", [201, 204, 302, 401, 403, 404, 410, 500, 502])
def test_a_success_document_counts_only_under_status_200(cas: FakeCas, login: Login, status: int) -> None:
    cas.spoil = lambda _: Reply(status, GOOD.encode() if status != 204 else b"")
    with pytest.raises((UpstreamRefused, UpstreamUnavailable)):
        login()
    cas.spoil = None
    assert login().key.subject == "aline"


@pytest.mark.spec("CAS 3.0.3 §3.1.1")
def test_a_ticket_made_for_another_service_is_refused(cas: FakeCas, login: Login, clock: FakeClock) -> None:
    departure = login.leave()
    stolen = cas.ticket("https://pronote.example/", "victim")
    service = departure.private["service"]
    answer = browser_return(f"{service}&{urlencode({'ticket': stolen})}")
    with pytest.raises(TicketRefused):
        login.connector.finish(answer, private=departure.private, now=clock())
    assert login().key.subject == "aline"


def test_a_ticket_of_another_login_is_refused_even_with_the_right_state(
    cas: FakeCas, login: Login, clock: FakeClock
) -> None:
    """The attacker's ticket, carried over into the victim's login: its service URL holds another state."""
    attacker, victim = login.leave(), login.leave()
    theirs = cas.sign_in(attacker, "attacker").params["ticket"]
    answer = browser_return(f"{victim.private['service']}&{urlencode({'ticket': theirs})}")
    with pytest.raises(TicketRefused):
        login.connector.finish(answer, private=victim.private, now=clock())
    cas.checks_service = False  # a server that does not compare services lets it through: this check is what stops it
    theirs = cas.sign_in(attacker, "attacker").params["ticket"]
    answer = browser_return(f"{victim.private['service']}&{urlencode({'ticket': theirs})}")
    assert login.connector.finish(answer, private=victim.private, now=clock()).key.subject == "attacker"


def test_the_service_validated_is_byte_for_byte_the_one_sent(cas: FakeCas, login: Login, clock: FakeClock) -> None:
    departure = login.leave()
    sent = parse_qs(urlsplit(departure.url).query)["service"][0]
    answer = cas.sign_in(departure, "aline")
    login.connector.finish(answer, private=departure.private, now=clock())
    assert cas.site.seen[-1].query["service"] == sent
    assert sent.startswith(f"{RETURN_URL}?etat=pst_")


@pytest.mark.parametrize(
    "ticket", ["", "PT-1-abc", "ST-", "ST-a b", "ST-é", "ST-" + "a" * 300, "ST-a&service=x", "st-a"]
)
@pytest.mark.spec("CAS 3.0.3 §3.1.1")
def test_what_is_not_a_service_ticket_never_reaches_the_server(
    cas: FakeCas, login: Login, clock: FakeClock, ticket: str
) -> None:
    departure = login.leave()
    answer = browser_return(f"{departure.private['service']}&{urlencode({'ticket': ticket})}")
    with pytest.raises(UpstreamRefused):
        login.connector.finish(answer, private=departure.private, now=clock())
    assert cas.site.seen == []


def test_a_return_url_with_a_query_is_a_fault_of_ours(login: Login) -> None:
    with pytest.raises(ValueError, match="query"):
        login.leave(return_url=f"{RETURN_URL}?a=b")


def test_renew_is_asked_of_the_validation_too(cas: FakeCas, login: Login) -> None:
    """The browser could drop `renew` from the login URL; the back channel it cannot touch."""
    login()
    assert "renew" not in cas.site.seen[-1].query
    login(force=True)
    assert cas.site.seen[-1].query["renew"] == "true"


def test_a_cas_2_server_is_asked_at_its_own_page(cas: FakeCas, login: Login) -> None:
    cas.paths = ("/cas/serviceValidate",)
    assert login().key.subject == "aline"
    assert [asked.path for asked in cas.site.seen] == ["/cas/p3/serviceValidate", "/cas/serviceValidate"]


def test_a_server_without_any_validation_page_is_unavailable(cas: FakeCas, login: Login) -> None:
    cas.paths = ()
    with pytest.raises(UpstreamUnavailable):
        login()


def test_a_ticket_is_never_presented_twice_by_us(cas: FakeCas, clock: FakeClock) -> None:
    """A retry would spend a ticket that the first try may have spent already."""
    made = CasSource("ent", cas.url, limits=OutboundLimits(read=1.0, retries=3, pause=0.0)).open()
    cas.spoil = lambda _: Reply(503)
    with pytest.raises(UpstreamUnavailable):
        Login(cas, made, clock)()
    made.close()
    assert len(cas.site.seen) == 1


def test_the_login_page_is_opened_with_the_form_that_the_settings_ask_for(cas: FakeCas) -> None:
    made = CasSource("ent", cas.url, login_params={"selection": "EDU_parent_eleve", "service": "https://evil"}).open()
    asked = parse_qs(urlsplit(made.start(return_url=RETURN_URL, state="s", force=False).url).query)
    made.close()
    assert asked["selection"] == ["EDU_parent_eleve"]
    assert asked["service"] == [f"{RETURN_URL}?etat=s"]


AUTH_TIMES: dict[str, str] = {
    "2026-09-01T07:30:00Z": "2026-09-01T07:30:00+00:00",
    "2026-09-01T09:30:00.123+02:00[Europe/Paris]": "2026-09-01T07:30:00.123000+00:00",
    "2026-09-01T23:30:00Z": "",
    "2026-09-01T07:30:00": "",
    "hier": "",
    "": "",
}


@pytest.mark.parametrize("stated", list(AUTH_TIMES))
def test_the_time_of_the_login_is_taken_when_it_is_told_and_else_the_login_is_not_known_to_be_fresh(
    cas: FakeCas, login: Login, clock: FakeClock, stated: str
) -> None:
    """Neither silence, nor a clock far ahead, makes a login out of an old session of the server a fresh one."""
    cas.attributes = {"authenticationDate": (stated,)}
    authn = login().authn
    assert authn.auth_time.isoformat() == (AUTH_TIMES[stated] or clock().isoformat())
    assert authn.proven is bool(AUTH_TIMES[stated])
    assert login(force=True).authn.proven


def test_a_clock_a_little_ahead_of_ours_tells_the_present(cas: FakeCas, login: Login, clock: FakeClock) -> None:
    cas.attributes = {"authenticationDate": ((clock() + timedelta(seconds=60)).isoformat(),)}
    authn = login().authn
    assert (authn.auth_time, authn.proven) == (clock(), True)


@pytest.mark.parametrize("stated", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_no_calendar_has_is_refused(cas: FakeCas, login: Login, stated: str) -> None:
    cas.attributes = {"authenticationDate": (stated,)}
    with pytest.raises(UpstreamRefused):
        login()
    cas.attributes = {"authenticationDate": ("2026-09-01T07:30:00Z",)}
    assert login().key.subject
