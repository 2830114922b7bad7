"""Who lives in the town and where everything answers, as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from broker.demo.accounts import PASSWORD
from broker.demo.addresses import ACADEMIE_HOST, EDUCONNECT_SAML_HOST
from broker.demo.configuration import CLIENTS
from broker.demo.people import Site
from broker.demo.prepared import Town
from broker.demo.schools import SCHOOLS

_NAMES = {
    Site.EDUCONNECT: "EduConnect (démonstration)",
    Site.PETITS_PRES: "ENT Les Petits Prés (écoles)",
    Site.GRAND_LARGE: "ENT Grand Large (collèges, lycée)",
}
_SHORT = {Site.EDUCONNECT: "EduConnect", Site.PETITS_PRES: "ENT écoles", Site.GRAND_LARGE: "ENT secondaire"}


def description(town: Town) -> str:
    """Return the addresses, then the demo people with their logins and what each shows."""
    return "\n".join([*_addresses(town), "", *_people(town)])


def sandbox(town: Town) -> str:
    """Return the people as the broker's `sandbox_file` wants them: JSON, every family with who can sign in."""
    families = (family for family in town.population.families if family.number)
    told = [
        {
            "number": family.number,
            "title": family.title,
            "people": [person for ref, story in family.stories().items() for person in _accounts(town, ref, story)],
        }
        for family in families
    ]
    return json.dumps({"password": PASSWORD, "families": told}, ensure_ascii=False, indent=1)


def _addresses(town: Town) -> Iterator[str]:
    yield f"{'Préau':<38}{town.issuer}/"
    for site, name in _NAMES.items():
        yield f"{name:<38}{town.addresses.site(site)}/"
    if town.desk:
        yield f"{'Académie (agents)':<38}{town.addresses.origin(ACADEMIE_HOST)}/"
    if town.saml:
        yield f"{'EduConnect en SAML':<38}{town.addresses.origin(EDUCONNECT_SAML_HOST)}/"
    schools = {school.uai: school.label for school in SCHOOLS}
    for client in CLIENTS:
        for uai, host in client.hosts.items():
            name = f"{client.label}, {schools[uai]}" if uai else client.label
            yield f"{name:<38}{town.addresses.origin(host)}/"


def _people(town: Town) -> Iterator[str]:
    yield f"Personnes de démonstration. Mot de passe de tous : {PASSWORD}"
    for family in (family for family in town.population.families if family.number):
        yield ""
        yield f"{family.number:>3}  {family.title}"
        yield from (line for ref, story in family.stories().items() for line in _person(town, ref, story))
    yield ""
    yield "     Sans dossier dans l'annuaire"
    yield from (line for account in town.population.strangers for line in _person(town, account.person, ""))


def _person(town: Town, ref: str, story: str) -> Iterator[str]:
    for told in _accounts(town, ref, story):
        said = f" : {story}" if story else ""
        yield f"     {told['login']:<28}{told['name']} ({', '.join(told['places'])}){said}"


def _accounts(town: Town, ref: str, story: str) -> Iterator[dict[str, Any]]:
    """One person with an account, or nobody: a pupil without a story adds nothing to what the parents show."""
    accounts = [account for account in town.accounts if account.person == ref]
    if accounts and (accounts[0].profile != "eleve" or story):
        first = accounts[0]
        places = [_SHORT[account.site] for account in accounts]
        yield {"name": f"{first.given} {first.family}", "login": first.login, "places": places, "story": story}
