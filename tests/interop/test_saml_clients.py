"""python3-saml, pysaml2 and node-saml as services of the identity provider: login, attributes, logout both ways.

None of the three is told by SOAP: they learn of a sign-out in the person's browser, by a frame of the page after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from broker.demo.prepared import Tls
from tests.browser.town import RunningTown
from tests.interop.cas_parties import site_at
from tests.interop.party_process import running_node_saml
from tests.interop.saml_libraries import Library, OneLogin, PySaml2
from tests.interop.saml_parties import (
    NODE_SAML,
    PYSAML2,
    PYTHON3_SAML,
    SamlParty,
    arrive,
    fetched_metadata,
    frames_of,
    go_through,
)
from tests.interop.visits import SIGN_IN_PATH, answer, sign_out
from tests.scripted_browser import ScriptedBrowser

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
CLIENTS: dict[str, Callable[[SamlParty, str, Path], Library]] = {PYTHON3_SAML: OneLogin, PYSAML2: PySaml2}
NAME_LENGTH = 32
"""Of a pairwise identifier."""


@pytest.fixture(params=CLIENTS)
def library(
    request: pytest.FixtureRequest, town: RunningTown, saml_at: dict[str, SamlParty], tls: Tls, tmp_path: Path
) -> Iterator[Library]:
    """A library, and something that answers where it is said to be."""
    party = saml_at[request.param]
    with site_at(party.origin):
        yield CLIENTS[request.param](party, fetched_metadata(town.origin, tls), tmp_path)


def signed_in(browser: ScriptedBrowser, library: Library) -> None:
    fields = go_through(browser, library.begin()).forms[0].fields
    told = library.arrive(fields)
    assert (told.given_name, told.family_name, len(told.name)) == ("Aline", "QUEMENEUR", NAME_LENGTH)
    assert library.is_open()


def test_a_library_signs_her_in_and_a_logout_that_it_begins_ends_the_visit(
    browser: ScriptedBrowser, town: RunningTown, library: Library
) -> None:
    signed_in(browser, library)
    page = browser.open(library.leave())
    library.left(urlsplit(page.url).query)
    assert not library.is_open()
    assert browser.open(library.begin()).url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"


def test_a_library_is_told_of_a_sign_out_by_a_frame_and_its_answer_is_taken(
    browser: ScriptedBrowser, town: RunningTown, library: Library
) -> None:
    signed_in(browser, library)
    (frame,) = frames_of(sign_out(browser, town.origin))
    onward = library.told(urlsplit(frame).query)
    assert not library.is_open()
    assert browser.open(onward).status == 204


@pytest.fixture(scope="module")
def node(town: RunningTown, saml_at: dict[str, SamlParty], tls: Tls) -> Iterator[str]:
    with running_node_saml(saml_at[NODE_SAML], town.origin, fetched_metadata(town.origin, tls)) as origin:
        yield origin


def test_node_saml_signs_her_in_and_a_logout_that_it_begins_ends_the_visit(
    browser: ScriptedBrowser, town: RunningTown, node: str
) -> None:
    told = answer(arrive(browser, node))
    assert (told["given_name"], told["family_name"], len(told["name"])) == ("Aline", "QUEMENEUR", NAME_LENGTH)
    assert answer(browser.open("/sortir")) == {"bye": True}
    assert browser.open(node).url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"


def test_node_saml_is_told_of_a_sign_out_by_a_frame_and_its_answer_is_taken(
    browser: ScriptedBrowser, town: RunningTown, node: str
) -> None:
    answer(arrive(browser, node))
    (frame,) = frames_of(sign_out(browser, town.origin))
    assert browser.open(frame).status == 204, "it leads on to the broker, which takes the answer"
    assert answer(browser.open(f"{node}/seance")) == {"open": False}
