"""The conformance kit at a CAS server that no one here wrote: it runs to its end, and its result is written down."""

from __future__ import annotations

import pytest

from tests.cas_kit.found import found_at, table_of
from tests.cas_kit.lemonldap import open_lemonldap
from tests.conftest import needs

pytestmark = pytest.mark.interop
LEAST = 120
"""Without what LemonLDAP::NG says that it has not: JSON, SAML 1, POST, warnings."""


def test_the_kit_goes_through_lemonldap_and_finds_what_it_does_and_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    needs("other people's clients")
    with open_lemonldap() as server:
        found = found_at(server)
    with capsys.disabled():
        print("\n" + table_of(found))  # noqa: T201 - the result belongs to whoever runs it
    assert len(found) >= LEAST
    assert [each.asks for each in found if each.clause == "kit"] == []
    held = {each.asks for each in found if each.held}
    assert "with a session, the browser goes to the service at once" in held, "the driver signs somebody in"
