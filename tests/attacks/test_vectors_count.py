"""How many negative vectors there are (security §2.4), and that no two are the same."""

from __future__ import annotations

from tests.vectors.cas import cas_ids
from tests.vectors.flow import flow_ids
from tests.vectors.jose import jose_vectors
from tests.vectors.redirects import ENDPOINTS, spoilt_addresses
from tests.vectors.saml_markup import markup_vectors
from tests.vectors.saml_redirects import redirect_vectors
from tests.vectors.saml_requests import slo_vectors, sso_vectors
from tests.vectors.saml_statements import statement_vectors
from tests.vectors.saml_wrapping import wrapping_vectors

LEAST = {"jose": 1_500, "redirect": 2_000, "flow": 1_000, "cas": 500, "saml_idp": 1_000}
ALL_OF_THEM = 3_000


def test_the_families_are_large_and_no_two_vectors_are_the_same() -> None:
    addresses, tokens = spoilt_addresses(), jose_vectors()
    families = {
        "jose": [vector.id for vector in tokens],
        "redirect": [f"{each.id} at {endpoint}" for each in addresses for endpoint in ENDPOINTS],
        "flow": list(flow_ids()),
        "saml_idp": [vector.id for vector in (*sso_vectors(), *slo_vectors())],
        "cas": list(cas_ids()),
    }
    ids = [name for family in families.values() for name in family]
    assert len(ids) == len(set(ids)) >= ALL_OF_THEM
    assert {name: len(family) for name, family in families.items() if len(family) < LEAST[name]} == {}
    assert len({(vector.gate.name, vector.token) for vector in tokens}) == len(tokens)
    sent = [vector.sent("nom", "index") for vector in (*sso_vectors(), *slo_vectors())]
    assert len(set(sent)) >= 1_000, "what goes over the wire differs too"
    assert len({(each.shape.name, each.uri) for each in addresses}) == len(addresses)


def test_a_thousand_saml_answers_and_more_and_no_two_are_the_same() -> None:
    answers = (*wrapping_vectors(), *markup_vectors(), *statement_vectors())
    queries = redirect_vectors()
    assert len({each.id for each in answers}) == len({each.body for each in answers}) == len(answers) >= 2_000
    assert len({each.id for each in queries}) == len({each.text for each in queries}) == len(queries) >= 60
