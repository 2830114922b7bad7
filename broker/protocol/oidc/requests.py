"""The authorization request: as submitted (its target verified, the rest not), and as checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from broker.domain.acts import PushedRequest
from broker.domain.errors import ReleaseRefused, UnknownClient
from broker.domain.ports import Services
from broker.protocol.oidc.claims_request import ClaimsRequest, parse_claims
from broker.protocol.oidc.provider import Client
from broker.protocol.oidc.targets import Target, find_target
from broker.services.school_in_play import requested_school
from broker.wire import oauth
from broker.wire.http import Form

LOCALES = ("fr", "en", "ar")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a known client asked: nothing of it is believed before the checks ran.

    `pushed`: as what it was pushed (RFC 9126); None when it came openly. `target` is the API that it names, if there is
    one.
    """

    client: Client
    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()
    pushed: PushedRequest | None = None
    target: Target | None = None

    def get(self, name: str) -> str:
        """A parameter that came exactly once, else the empty text."""
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check; `values` are its parameters as they came.

    `max_age` in seconds; `id_token_hint` is still to be verified; `jkt` binds the code to a key (RFC 9449 §10);
    `school` is the UAI in play, empty: none is named.
    """

    client: Client
    values: Mapping[str, str]
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    prompt: frozenset[str]
    max_age: int | None
    acr: tuple[str, ...]
    locale: str
    id_token_hint: str
    claims: ClaimsRequest
    jkt: str = ""
    pushed: PushedRequest | None = None
    target: Target | None = None
    school: str = ""


def find_client(services: Services, form: Form, *, pushed: PushedRequest | None = None) -> Submission:
    """Find who asks. Raises `UnknownClient`, also when `client_id` came twice (RFC 6749 §3.1.2.4: a page)."""
    client_id = form.values.get(oauth.CLIENT_ID, "")
    service = services.by_client(client_id) if client_id else None
    party = service.party(client_id) if service else None
    if service is None or party is None:
        raise UnknownClient("absent, repeated or not in the register")
    return Submission(Client(service, party), form.values, form.repeated, pushed, find_target(services, form.values))


def read_request(submission: Submission) -> AuthorizationRequest:
    """Turn a submission that passed every check into a typed request."""
    max_age = submission.get(oauth.MAX_AGE)
    return AuthorizationRequest(
        client=submission.client,
        values=submission.values,
        redirect_uri=submission.get(oauth.REDIRECT_URI),
        scopes=tuple(dict.fromkeys(submission.get(oauth.SCOPE).split())),
        state=submission.get(oauth.STATE),
        nonce=submission.get(oauth.NONCE),
        code_challenge=submission.get(oauth.CODE_CHALLENGE),
        prompt=frozenset(submission.get(oauth.PROMPT).split()),
        max_age=int(max_age) if max_age else None,
        acr=tuple(submission.get(oauth.ACR_VALUES).split()),
        locale=_locale(submission.get(oauth.UI_LOCALES)),
        id_token_hint=submission.get(oauth.ID_TOKEN_HINT),
        claims=parse_claims(submission.get(oauth.CLAIMS)),
        jkt=submission.get(oauth.DPOP_JKT),
        pushed=submission.pushed,
        target=submission.target,
        school=asked_school(submission),
    )


def asked_school(submission: Submission) -> str:
    """The school in play: named by the redirect URI as in CAS, or by the same parameter in the request itself.

    A redirect URI is registered byte for byte; a service of thousands of schools would have to register each. Raises
    `ReleaseRefused` for what is no school, or for two.
    """
    rules = submission.client.service.release
    if rules is None or not rules.school_parameter:
        return ""
    of_request = {rules.school_parameter: submission.get(rules.school_parameter)}
    asked = f"?{urlencode({name: value for name, value in of_request.items() if value})}"
    named = {requested_school(rules, url) for url in (submission.get(oauth.REDIRECT_URI), asked)} - {""}
    if len(named) > 1:
        raise ReleaseRefused("the address and the request name two schools")
    return next(iter(named), "")


def _locale(ui_locales: str) -> str:
    """The first language of the list that pages speak; French otherwise (OIDC Core §3.1.2.1)."""
    wanted = (tag.partition("-")[0].lower() for tag in ui_locales.split())
    return next((language for language in wanted if language in LOCALES), LOCALES[0])
