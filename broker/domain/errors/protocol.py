"""Refusals of a service's request, and of a page asked for (PRE-3xxx)."""

from __future__ import annotations

import logging

from broker.domain.errors.tree import PreauError


class ProtocolError(PreauError):
    """A service's request was refused."""

    code = "PRE-3000"
    title = "Le service demandé s'est mal présenté."
    sentence = "Sa demande n'est pas valable. Rien n'a été transmis."
    next_step = "Revenez à l'accueil et ouvrez le service depuis la page."
    who = "Ce n'est pas votre faute. Le responsable du service peut le corriger."


class UnknownClient(ProtocolError):
    """`client_id` is absent or not in the register: answered by a page, never by a redirect (RFC 6749 §3.1.2.4)."""

    code = "PRE-3001"
    spec_error = "invalid_client"


class RedirectMismatch(ProtocolError):
    """`redirect_uri` is not byte for byte one of the registered ones: answered by a page (RFC 9700 §2.1)."""

    code = "PRE-3002"
    level = logging.WARNING
    spec_error = "invalid_request"


class InvalidRequest(ProtocolError):
    """A parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1)."""

    code = "PRE-3003"
    spec_error = "invalid_request"
    may_redirect = True


class UnsupportedResponseType(ProtocolError):
    """Only the code flow exists (RFC 9700 §2.1.2)."""

    code = "PRE-3004"
    spec_error = "unsupported_response_type"
    may_redirect = True


class InvalidScope(ProtocolError):
    """`openid` is missing or a scope is not the client's."""

    code = "PRE-3005"
    spec_error = "invalid_scope"
    may_redirect = True


class AccessDenied(ProtocolError):
    """Policies refuse this service to this person, or the person said no."""

    code = "PRE-3006"
    status = 403
    spec_error = "access_denied"
    may_redirect = True
    title = "Ce service n'est pas ouvert pour vous."
    sentence = "Les règles de votre école ne prévoient pas cet accès."
    next_step = "Revenez à l'accueil. La page « Pourquoi cette page ? » donne la règle."


class LoginRequired(ProtocolError):
    """`prompt=none` but nobody is signed in freshly enough (OIDC Core §3.1.2.6)."""

    code = "PRE-3007"
    spec_error = "login_required"
    may_redirect = True


class InteractionRequired(ProtocolError):
    """`prompt=none`, and the person has not said yes to a client that registered itself (OIDC Core §3.1.2.6)."""

    code = "PRE-3027"
    spec_error = "interaction_required"
    may_redirect = True


class InvalidClient(ProtocolError):
    """Client authentication failed at the token endpoint (RFC 6749 §5.2)."""

    code = "PRE-3008"
    status = 401
    level = logging.WARNING
    spec_error = "invalid_client"


class InvalidGrant(ProtocolError):
    """The code or refresh token is unknown, used, expired or another client's, or PKCE fails (RFC 6749 §5.2)."""

    code = "PRE-3009"
    spec_error = "invalid_grant"


class UnsupportedGrantType(ProtocolError):
    """The token endpoint knows no such grant (RFC 9700 §2.4: no password grant)."""

    code = "PRE-3010"
    spec_error = "unsupported_grant_type"


class InvalidToken(ProtocolError):
    """The access token is missing, unknown, expired or revoked (RFC 6750 §3.1)."""

    code = "PRE-3011"
    status = 401
    spec_error = "invalid_token"


class UnsupportedParameter(ProtocolError):
    """A request object by value is not taken here (OIDC Core §6.1)."""

    code = "PRE-3012"
    spec_error = "request_not_supported"
    may_redirect = True


class UnsupportedRequestUri(ProtocolError):
    """A request object by reference is not taken here: it would make the broker fetch an address (OIDC Core §6.2)."""

    code = "PRE-3013"
    spec_error = "request_uri_not_supported"
    may_redirect = True


class UnsupportedRegistration(ProtocolError):
    """A client does not register itself inside a request (OIDC Core §7.2.1)."""

    code = "PRE-3014"
    spec_error = "registration_not_supported"
    may_redirect = True


class ServiceSuspended(ProtocolError):
    """An administrator closed the service: it gets no code, no token and no claim, and nobody is sent to it."""

    code = "PRE-3015"
    status = 403
    level = logging.WARNING
    title = "Ce service est fermé pour le moment."
    sentence = "Il a été fermé par l'administration. Rien ne lui a été transmis."
    next_step = "Revenez à l'accueil. Réessayez plus tard."
    who = "Ce n'est pas votre faute. L'école ou l'académie peut vous renseigner."


class ReleaseRefused(ProtocolError):
    """The service cannot be told who the person is: no such name of theirs, or no place of theirs at that school."""

    code = "PRE-3016"
    status = 403
    spec_error = "access_denied"
    may_redirect = True
    title = "Ce service ne peut pas vous reconnaître."
    sentence = "Il demande un identifiant ou une école qui n'est pas dans votre dossier."
    next_step = "Revenez à l'accueil et choisissez une autre école, ou écrivez à l'école."
    who = "L'école ou l'académie peut le corriger. Votre compte n'est pas en cause."


class UnauthorizedClient(ProtocolError):
    """A proven client may not ask this: no such grant in its descriptor, or a suspended service (RFC 6749 §5.2)."""

    code = "PRE-3017"
    level = logging.WARNING
    spec_error = "unauthorized_client"


class InvalidRequestUri(ProtocolError):
    """A pushed request is unknown, over, answered or another client's: a page, no address is known (RFC 9126 §2.2)."""

    code = "PRE-3018"
    spec_error = "invalid_request_uri"


class InvalidDpopProof(ProtocolError):
    """The DPoP proof is missing, not for this request, used before, or of another key (RFC 9449 §5, §7.1)."""

    code = "PRE-3019"
    level = logging.WARNING
    spec_error = "invalid_dpop_proof"


class BadPageRequest(ProtocolError):
    """A page request failed its gate: foreign Host, missing CSRF token, repeated parameter, wrong method."""

    code = "PRE-3020"
    level = logging.WARNING
    title = "La demande n'est pas valable."
    sentence = "Elle ne vient pas de cette page, ou la page était ouverte depuis trop longtemps."
    next_step = "Revenez à l'accueil et recommencez."


class PageNotFound(ProtocolError):
    """No such page, or not for this person: the two are told apart nowhere."""

    code = "PRE-3021"
    status = 404
    title = "Cette page n'existe pas."
    sentence = "L'adresse est peut-être mal écrite."
    next_step = "Revenez à l'accueil."


class UnmetRequirements(ProtocolError):
    """A service asked for an `acr` that no login of this person has (OIDC Unmet Authentication Requirements §2)."""

    code = "PRE-3022"
    spec_error = "unmet_authentication_requirements"
    may_redirect = True


class AuthorizationPending(ProtocolError):
    """Nobody has decided yet what a device asked; it may ask again (RFC 8628 §3.5)."""

    code = "PRE-3024"
    level = logging.DEBUG
    spec_error = "authorization_pending"


class SlowDown(ProtocolError):
    """A device asks too often: it waits five seconds longer from now on (RFC 8628 §3.5)."""

    code = "PRE-3025"
    level = logging.DEBUG
    spec_error = "slow_down"


class DeviceCodeExpired(ProtocolError):
    """A device's code is over, or the session of whoever said yes: the device begins anew (RFC 8628 §3.5)."""

    code = "PRE-3026"
    level = logging.INFO
    spec_error = "expired_token"


class InvalidTarget(ProtocolError):
    """The API that tokens are asked for is unknown, closed, not this client's, or not the one granted (RFC 8707 §2)."""

    code = "PRE-3023"
    spec_error = "invalid_target"
    may_redirect = True


class InvalidRedirectUri(ProtocolError):
    """A client that registers itself names a redirect URI that it cannot have; the cause is told (RFC 7591 §3.2.2)."""

    code = "PRE-3040"
    spec_error = "invalid_redirect_uri"


class InvalidClientMetadata(ProtocolError):
    """A client that registers itself asks for what it cannot have; the cause is told (RFC 7591 §3.2.2)."""

    code = "PRE-3041"
    spec_error = "invalid_client_metadata"


class RegistrationsFull(ProtocolError):
    """As many clients registered themselves as the settings allow: one must expire or go before another comes."""

    code = "PRE-3042"
    status = 503
    level = logging.WARNING
    spec_error = "temporarily_unavailable"


class InvalidSamlMessage(ProtocolError):
    """A SAML message is malformed, not from whom it says, not for us, too old, or not signed where it must be."""

    code = "PRE-3060"
    level = logging.WARNING
    spec_error = "invalid_request"


class UnknownProvider(ProtocolError):
    """No service of the register is this SAML service provider: answered by a page, nobody is sent to it."""

    code = "PRE-3061"


class NameNotGiven(ProtocolError):
    """A service provider asks for a name of the person that it is not given (SAML Core §3.4.1.1)."""

    code = "PRE-3062"
    spec_error = "InvalidNameIDPolicy"
    may_redirect = True


class AnotherIsMeant(ProtocolError):
    """A service provider means somebody else than who signed in for it (SAML Core §3.4.1)."""

    code = "PRE-3063"
    spec_error = "UnknownPrincipal"
    may_redirect = True


class UnregisteredAddress(ProtocolError):
    """A CAS service asks for a ticket, or to be led to, at an address that no descriptor names (CAS §2.2.1, S-50)."""

    code = "PRE-3050"
    status = 403
    level = logging.WARNING


class RepeatedParameter(ProtocolError):
    """A CAS request names something twice, or by both of its names: what we read and what others read may differ."""

    code = "PRE-3051"
    level = logging.WARNING
