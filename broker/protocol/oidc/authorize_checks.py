"""What an authorization request must satisfy, one check a rule, in the order in which they run.

`TARGET_CHECKS` decide whether the redirect URI may be used at all: their refusals are a page here. Everything after
may answer at the client (RFC 6749 §4.1.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from broker.domain.errors import (
    InvalidRequest,
    InvalidScope,
    RedirectMismatch,
    ServiceSuspended,
    UnsupportedParameter,
    UnsupportedRegistration,
    UnsupportedRequestUri,
    UnsupportedResponseType,
)
from broker.protocol.oidc.claims_request import parse_claims
from broker.protocol.oidc.requests import Submission, asked_school
from broker.protocol.oidc.targets import check_space, check_taken, check_target
from broker.wire import oauth

AuthorizeCheck = Callable[[Submission], None]

RESPONSE_MODES = frozenset({"", oauth.QUERY, oauth.FORM_POST})
LONGEST_STATE = 4096
LONGEST_NONCE = 512
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""The base64url of a SHA-256."""
_SECONDS = re.compile(r"[0-9]{1,9}")
_PROMPTS = frozenset({oauth.NONE, oauth.LOGIN, oauth.CONSENT, oauth.SELECT_ACCOUNT})


def check_service(submission: Submission) -> None:
    """The service is not suspended: nobody is sent to it, not even with an error."""
    if submission.client.service.is_suspended:
        raise ServiceSuspended("suspended by an administrator")


def check_redirect_uri(submission: Submission) -> None:
    """`redirect_uri` is one that the client registered (RFC 9700 §2.1)."""
    if not submission.client.party.accepts_redirect(submission.get(oauth.REDIRECT_URI)):
        raise RedirectMismatch("absent, repeated or not registered")


def check_repeated(submission: Submission) -> None:
    """No parameter comes twice: two readers could each believe another one (RFC 6749 §3.1)."""
    if submission.repeated:
        raise InvalidRequest("repeated parameters")


def check_request(submission: Submission) -> None:
    """No request object: parameters outside and inside could disagree (OIDC Core §6.1)."""
    if submission.get(oauth.REQUEST):
        raise UnsupportedParameter("request")


def check_request_uri(submission: Submission) -> None:
    """No request object by reference: the broker fetches no address that a stranger names (OIDC Core §6.2)."""
    if submission.get(oauth.REQUEST_URI):
        raise UnsupportedRequestUri("request_uri")


def check_pushed(submission: Submission) -> None:
    """A client that pushes its requests sends them in no other way: nobody can have changed them (RFC 9126 §6)."""
    if submission.client.party.par and not submission.pushed:
        raise InvalidRequest("must be pushed")


def check_registration(submission: Submission) -> None:
    """No registration inside a request (OIDC Core §7.2.1)."""
    if submission.get(oauth.REGISTRATION):
        raise UnsupportedRegistration("registration")


def check_response_type(submission: Submission) -> None:
    """Only `code`: tokens never travel through the browser (RFC 9700 §2.1.2)."""
    if submission.get(oauth.RESPONSE_TYPE) != oauth.CODE:
        raise UnsupportedResponseType("not the code flow")


def check_response_mode(submission: Submission) -> None:
    """`query` or `form_post`: no answer in a fragment, where scripts and histories keep it (RFC 9700 §2.1.2)."""
    if submission.get(oauth.RESPONSE_MODE) not in RESPONSE_MODES:
        raise InvalidRequest("response mode")


def check_openid(submission: Submission) -> None:
    """`openid` is asked for: without it this is not OpenID Connect (OIDC Core §3.1.2.1)."""
    if oauth.OPENID not in submission.get(oauth.SCOPE).split():
        raise InvalidScope("no openid")


def check_scope(submission: Submission) -> None:
    """Every scope is one of the client's."""
    if not set(submission.get(oauth.SCOPE).split()) <= set(submission.client.party.scopes):
        raise InvalidScope("not the client's")


def check_challenge_method(submission: Submission) -> None:
    """PKCE is S256; an absent method means `plain`, which shows the verifier to whoever sees the request."""
    if _goes_without(submission):
        return
    if submission.get(oauth.CODE_CHALLENGE_METHOD) != oauth.S256:
        raise InvalidRequest("code_challenge_method is not S256")


def check_challenge_shape(submission: Submission) -> None:
    """A challenge is there, the base64url of 32 bytes (RFC 7636 §4.2): without one a stolen code could be redeemed."""
    if _goes_without(submission):
        return
    if not _CHALLENGE.fullmatch(submission.get(oauth.CODE_CHALLENGE)):
        raise InvalidRequest("absent or malformed code_challenge")


def _goes_without(submission: Submission) -> bool:
    """Tell whether the client sends nothing of PKCE and has a waiver. One that sends it is held to it all the same."""
    sent = submission.get(oauth.CODE_CHALLENGE) or submission.get(oauth.CODE_CHALLENGE_METHOD)
    return bool(submission.client.party.pkce_waiver) and not sent


def check_prompt(submission: Submission) -> None:
    """`prompt` holds known words."""
    if not set(submission.get(oauth.PROMPT).split()) <= _PROMPTS:
        raise InvalidRequest("unknown prompt")


def check_prompt_alone(submission: Submission) -> None:
    """`none` stands alone: it cannot be shown nothing and asked something (OIDC Core §3.1.2.1)."""
    prompt = set(submission.get(oauth.PROMPT).split())
    if oauth.NONE in prompt and len(prompt) > 1:
        raise InvalidRequest("prompt none is not alone")


def check_max_age(submission: Submission) -> None:
    """`max_age` is a count of seconds."""
    max_age = submission.get(oauth.MAX_AGE)
    if max_age and not _SECONDS.fullmatch(max_age):
        raise InvalidRequest("malformed max_age")


def check_claims(submission: Submission) -> None:
    """`claims` can be read (OIDC Core §5.5)."""
    parse_claims(submission.get(oauth.CLAIMS))


def check_state(submission: Submission) -> None:
    """`state` fits into the address it is sent back in."""
    if len(submission.get(oauth.STATE)) > LONGEST_STATE:
        raise InvalidRequest("state is too long")


def check_nonce(submission: Submission) -> None:
    """`nonce` fits into a row: it is kept until the code is redeemed."""
    if len(submission.get(oauth.NONCE)) > LONGEST_NONCE:
        raise InvalidRequest("nonce is too long")


def check_key(submission: Submission) -> None:
    """`dpop_jkt` is a SHA-256 thumbprint (RFC 9449 §10)."""
    key = submission.get(oauth.DPOP_JKT)
    if key and not _CHALLENGE.fullmatch(key):
        raise InvalidRequest("malformed dpop_jkt")


def check_resource(submission: Submission) -> None:
    """The API that is named is declared, open, this client's, and takes some of the scope (RFC 8707 §2)."""
    check_target(submission.values, submission.target, submission.client)
    check_taken(submission.get(oauth.SCOPE).split(), submission.target)


def check_resource_space(submission: Submission) -> None:
    """It is of the client's own space: family or staff."""
    check_space(submission.target, submission.client)


def check_school(submission: Submission) -> None:
    """The school in play, where one is named, is one and no other (see `asked_school`)."""
    asked_school(submission)


TARGET_CHECKS: tuple[AuthorizeCheck, ...] = (check_service, check_redirect_uri)

AUTHORIZE_CHECKS: tuple[AuthorizeCheck, ...] = (
    check_repeated,
    check_request,
    check_request_uri,
    check_pushed,
    check_registration,
    check_response_type,
    check_response_mode,
    check_openid,
    check_scope,
    check_challenge_method,
    check_challenge_shape,
    check_prompt,
    check_prompt_alone,
    check_max_age,
    check_claims,
    check_state,
    check_nonce,
    check_key,
    check_resource,
    check_resource_space,
    check_school,
)
