"""The descriptor of a new service as text: every key that matters, commented, ready for `read_descriptor`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from broker.domain.people import Profil
from broker.domain.services import ClaimName, ClientKind, Protocol

DATA_WORDS: Mapping[ClaimName, str] = {
    ClaimName.NAME: "nom complet",
    ClaimName.GIVEN_NAME: "prénom",
    ClaimName.FAMILY_NAME: "nom",
    ClaimName.PROFIL: "profil",
    ClaimName.UAI: "école ou établissement",
    ClaimName.CHILDREN: "enfants, leur école et leur classe",
    ClaimName.BIRTH_DATE: "date de naissance",
    ClaimName.EMAIL: "adresse e-mail",
    ClaimName.EMAIL_VERIFIED: "adresse e-mail vérifiée ou non",
    ClaimName.PHONE_NUMBER: "téléphone portable",
    ClaimName.PHONE_NUMBER_VERIFIED: "téléphone vérifié ou non",
    ClaimName.ADDRESS: "adresse postale",
    ClaimName.POSTAL_CODE: "code postal",
    ClaimName.LOGIN: "identifiant à l'ENT",
    ClaimName.EXTERNAL_ID: "numéro de dossier",
    ClaimName.CLASSES: "classes",
    ClaimName.MEF: "niveau de classe",
    ClaimName.TEACHINGS: "matières",
    ClaimName.FUNCTIONS: "fonction",
    ClaimName.SUB_FUNCTIONS: "détail de la fonction",
    ClaimName.STRUCTURE_TYPE: "type d'école",
    ClaimName.VECTEUR: "lien avec l'élève (FrEduVecteur)",
    ClaimName.QUIET_UNTIL: "heure jusqu'à laquelle les messages attendent",
}
"""Each claim as families read it on the page that says who receives what."""


@dataclass(frozen=True, slots=True)
class NewService:
    """What only the one who registers a service can say, and what was drawn for it (`secret_sha256`, hex)."""

    service_id: str
    tenant: str
    name: str
    purpose: str
    operator: str
    contact: str
    url: str
    rights_url: str
    profils: tuple[Profil, ...]
    claims: tuple[ClaimName, ...]
    scopes: tuple[str, ...]
    kind: ClientKind
    redirect_uris: tuple[str, ...]
    post_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    secret_sha256: str = ""
    origin: str = ""
    staff: bool = False
    protocol: Protocol = Protocol.OIDC
    cas_services: tuple[str, ...] = ()
    metadata_file: str = ""
    entity_id: str = ""


def render_descriptor(new: NewService) -> str:
    """The file. Texts are written as JSON writes them, which TOML reads the same (TOML 1.0, basic strings)."""
    client = _CLIENT_LINES[new.protocol](new)
    return "\n".join([*_service_lines(new), "", *client, "", "[[instances]]", f"url = {_text(new.url)}", ""])


def data_of(claims: Iterable[ClaimName]) -> str:
    """What a service receives, in the words of families."""
    words = ", ".join(DATA_WORDS[claim] for claim in claims)
    return f"{words[:1].upper()}{words[1:]}." if words else "Un numéro qui ne sert qu'à ce service."


def _service_lines(new: NewService) -> Iterable[str]:
    yield "# Written by `preau service new`. services/library/modele.toml explains every key there is."
    yield f"service_id = {_text(new.service_id)}  # for ever: people's identifiers at the service hang on it"
    yield f"tenant = {_text(new.tenant)}"
    yield f"names = {{ fr = {_text(new.name)} }}"
    yield "# Families read the next lines on « Qui reçoit quoi »: say it in their words."
    yield f"purpose = {_text(new.purpose)}"
    yield f"data = {_text(data_of(new.claims))}"
    yield 'legal_basis = "Mission d\'intérêt public (RGPD, article 6.1.e)."  # add the text that gives the mission'
    yield 'retention = "L\'année scolaire en cours."'
    yield f"rights_url = {_text(new.rights_url)}"
    yield f"operator = {{ name = {_text(new.operator)}, contact = {_text(new.contact)} }}"
    yield 'accessibility = "non déclaré"  # or { rate = 75, statement = "https://…" }: the declared RGAA rate'
    yield ""
    yield f"space = {_text('staff' if new.staff else 'family')}"
    yield f"profils = {_text(list(new.profils))}  # who may open it"
    yield 'levels = []   # "ecole", "college", "lycee"; empty: every level'
    yield "schools = []  # UAI; empty: every school of the tenant's policies"
    yield f"claims = {_text(list(new.claims))}  # the most it may ever be told: ask for less"
    if new.protocol is not Protocol.OIDC:
        yield f"protocols = {_text([new.protocol])}"


def _party_lines(new: NewService) -> Iterable[str]:
    yield "[[parties]]"
    yield f"client_id = {_text(new.service_id)}"
    yield f"kind = {_text(new.kind)}"
    if new.secret_sha256:
        yield f"client_secret_sha256 = {_text(new.secret_sha256)}  # the secret itself was shown once"
        yield 'auth_method = "client_secret_basic"'
    if new.origin:
        yield f"origins = {_text([new.origin])}  # the pages that may read answers"
    yield f"redirect_uris = {_text(list(new.redirect_uris))}  # byte for byte"
    yield f"scopes = {_text(list(new.scopes))}"
    if new.post_logout_uri:
        yield f"post_logout_redirect_uris = {_text([new.post_logout_uri])}"
    if new.backchannel_logout_uri:
        yield f"backchannel_logout_uri = {_text(new.backchannel_logout_uri)}"
    else:
        yield '# backchannel_logout_uri = "https://…"  # called when a visit ends; else it learns of no logout'


def _cas_lines(new: NewService) -> Iterable[str]:
    yield "[cas]"
    yield f"services = {_text(list(new.cas_services))}  # a slash at the end: everything below it"
    yield '# logout = "form"  # how it is told that a visit ended; "body" or "none" for software that wants it so'


def _saml_lines(new: NewService) -> Iterable[str]:
    yield "[saml]"
    if new.metadata_file:
        yield f"metadata_file = {_text(new.metadata_file)}  # its own metadata: put new ones in its place"
    else:
        yield f"entity_id = {_text(new.entity_id)}  # its metadata come from a federation of the tenant (preau.toml)"
    yield '# attribute_form = "oid"  # or "basic", "fredu"'


_CLIENT_LINES: Mapping[Protocol, Callable[[NewService], Iterable[str]]] = {
    Protocol.OIDC: _party_lines,
    Protocol.CAS: _cas_lines,
    Protocol.SAML: _saml_lines,
}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
