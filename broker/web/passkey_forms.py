"""Forms that ask a device for a passkey: the one thing here that needs a script, beside ways that need none.

A form holds what the device is to be asked; a short script asks it and sends the answer in the same form. Without
script the form stays hidden, and the page offers its other ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Response

from broker.accounts.factor_keys import FactorKeys
from broker.accounts.passkeys import PasskeyAsked
from broker.domain.credentials import Credential, CredentialKind
from broker.domain.sessions import Session
from broker.web.parts import PageParts
from broker.web.visitor import current_visitor

ADD, SHOW, SIGN_IN = "passkey to add", "passkey to show", "passkey to sign in by"
SCRIPT = """(function(){var f=document.getElementById("passkey"),p=window.PublicKeyCredential;\
if(!f||!p||!p.parseRequestOptionsFromJSON)return;f.hidden=false;\
f.addEventListener("submit",function(e){if(f.reponse.value)return;e.preventDefault();\
var o=JSON.parse(f.dataset.options),n=f.dataset.does==="create";\
(n?navigator.credentials.create({publicKey:p.parseCreationOptionsFromJSON(o)}):\
navigator.credentials.get({publicKey:p.parseRequestOptionsFromJSON(o)})).then(function(k){\
f.reponse.value=JSON.stringify(k.toJSON());f.submit()},function(){\
document.getElementById("passkey-fault").hidden=false})})})()"""
"""Shows the form where the browser knows passkeys; what the device answers goes by the form, nothing by itself."""


@dataclass(frozen=True, slots=True)
class PasskeyForm:
    """What a page's form for a passkey holds."""

    options: str
    handle: str


def keep(parts: PageParts, asked: PasskeyAsked, what: str, *, owner: str) -> PasskeyForm:
    """Keep the challenge until its answer comes, for this session or browser alone."""
    return PasskeyForm(asked.options, FactorKeys(parts.federation.store).keep(what, asked.challenge, owner=owner))


def asking(parts: PageParts, session: Session, factors: Iterable[Credential]) -> PasskeyForm | None:
    """The form that asks for one of the account's passkeys; None where it has none."""
    if not parts.passkeys.are_possible or all(each.kind is not CredentialKind.PASSKEY for each in factors):
        return None
    return keep(parts, parts.passkeys.begin_proof(session.account_id), SHOW, owner=session.sid)


def found_by_itself(parts: PageParts, source_id: str) -> PasskeyForm | None:
    """The form that lets a device find whose passkey it has; None where the source keeps no accounts here.

    For a browser that shows its cookie: the challenge is kept for it alone.
    """
    if not (parts.sources[source_id].own and parts.passkeys.are_possible):
        return None
    return keep(parts, parts.passkeys.begin_proof(), SIGN_IN, owner=current_visitor().browser)


def with_passkeys(response: Response) -> Response:
    """Let this page, and no other, use passkeys (Permissions Policy, WebAuthn §5.9)."""
    response.headers["Permissions-Policy"] = "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    return response
