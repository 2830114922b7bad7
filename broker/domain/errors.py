"""The error tree: two levels, each leaf with a stable code.

    PreauError
    ├── SettingsError      PRE-1xxx   what an administrator wrote cannot be used
    ├── SignInError        PRE-2xxx   a person's way in was refused
    ├── ProtocolError      PRE-3xxx   a service's request was refused
    ├── DirectoryError     PRE-4xxx   a feed or an import was refused
    └── UnavailableError   PRE-5xxx   something the broker needs does not answer

Three audiences: the relying party gets `spec_error`; the person gets `title`, `sentence`, `next_step` (French, through
gettext) with a trace number; the log gets `cause`. The text of an exception never leaves the log.
The catalogue page `docs/errors.md` is generated from these classes.
"""

from __future__ import annotations

import logging
from typing import ClassVar

from broker.domain.imports import ImportDifference


class PreauError(Exception):
    """Root of the tree. `cause` is for the log alone."""

    code: ClassVar[str] = "PRE-0000"
    status: ClassVar[int] = 400
    level: ClassVar[int] = logging.INFO
    spec_error: ClassVar[str] = ""
    may_redirect: ClassVar[bool] = False
    title: ClassVar[str] = "Il y a un problème."
    sentence: ClassVar[str] = "Le service n'a pas pu répondre."
    next_step: ClassVar[str] = "Revenez à l'accueil et recommencez."
    who: ClassVar[str] = "Ce n'est pas votre faute."

    def __init__(self, cause: str = "", *, restart: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.restart = restart
        """Path on our own origin where the person can begin again; empty when there is none."""


class SettingsError(PreauError):
    """What an administrator wrote cannot be used; `problems` lists every fault found, not the first."""

    code = "PRE-1001"
    status = 500
    level = logging.ERROR
    title = "Le service est mal réglé."
    sentence = "Un réglage du service est à corriger."
    next_step = "Réessayez plus tard."
    who = "L'administrateur du service peut le corriger. Votre compte n'est pas en cause."

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class PolicyError(SettingsError):
    """Rules or numbers cannot be used as they are written; `problems` name file and line."""

    code = "PRE-1002"


class SignInError(PreauError):
    """A person's way in was refused."""

    code = "PRE-2000"
    status = 400


class LoginExpired(SignInError):
    """The login in progress is unknown, too old, or belongs to another browser."""

    code = "PRE-2001"
    title = "Il faut recommencer."
    sentence = "La connexion a pris trop de temps, ou elle a commencé dans un autre navigateur."
    next_step = "Appuyez sur « Recommencer »."


class UpstreamRefused(SignInError):
    """What a source answered did not pass a check (state, nonce, issuer, signature, ticket, time)."""

    code = "PRE-2002"
    level = logging.WARNING
    title = "La connexion n'a pas marché."
    sentence = "La réponse reçue n'est pas valable."
    next_step = "Recommencez. Si cela continue, prévenez l'école."


class UnknownPerson(SignInError):
    """The login is good but no live record answers to it."""

    code = "PRE-2003"
    status = 403
    title = "Nous ne vous avons pas encore trouvé."
    sentence = "Vous êtes bien connecté, mais aucune école ne nous a encore donné votre dossier."
    next_step = "Demandez à l'école de vérifier votre dossier."
    who = "Ce n'est pas votre faute. L'école peut le corriger."


class LinkUndone(SignInError):
    """The account was unlinked by its person; it does not come back by itself."""

    code = "PRE-2004"
    status = 403
    title = "Ce lien a été annulé."
    sentence = "Cet accès a été séparé de votre dossier à votre demande."
    next_step = "Connectez-vous avec un autre accès, ou demandez à l'école."


class LinkAmbiguous(SignInError):
    """The references point to records that cannot be one person (pupil and adult, or one key for two people)."""

    code = "PRE-2005"
    status = 403
    level = logging.WARNING
    title = "L'école doit vérifier votre dossier."
    sentence = "Deux dossiers ne vont pas ensemble. Pour protéger les enfants, nous n'ouvrons rien."
    next_step = "Appelez l'école et donnez le numéro ci-dessous."
    who = "Ce n'est pas votre faute. L'école peut le corriger."


class UndoTooLate(SignInError):
    """The time to undo this link by oneself is over, or the link is not this person's."""

    code = "PRE-2006"
    title = "Ce lien ne peut plus être annulé ici."
    sentence = "Le délai est passé."
    next_step = "Demandez à l'école ou à l'académie."


class AlreadyUsed(SignInError):
    """An upstream answer was presented a second time."""

    code = "PRE-2007"
    level = logging.WARNING
    title = "Il faut recommencer."
    sentence = "Cette réponse a déjà servi."
    next_step = "Appuyez sur « Recommencer »."


class StepUpNeeded(SignInError):
    """A sensitive act needs a login of the last minutes."""

    code = "PRE-2008"
    status = 403
    title = "Reconnectez-vous pour continuer."
    sentence = "Pour protéger votre accès, cette action demande une connexion récente."
    next_step = "Reconnectez-vous, puis recommencez."


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


class InvalidClient(ProtocolError):
    """Client authentication failed at the token endpoint (RFC 6749 §5.2)."""

    code = "PRE-3008"
    status = 401
    level = logging.WARNING
    spec_error = "invalid_client"


class InvalidGrant(ProtocolError):
    """The code is unknown, used, expired or another client's, or PKCE fails (RFC 6749 §5.2, RFC 7636 §4.6)."""

    code = "PRE-3009"
    spec_error = "invalid_grant"


class UnsupportedGrantType(ProtocolError):
    """The token endpoint knows `authorization_code` only (RFC 9700 §2.4: no password grant)."""

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


class DirectoryError(PreauError):
    """A feed or an import was refused."""

    code = "PRE-4000"
    level = logging.ERROR


class FeedRefused(DirectoryError):
    """A file set cannot be read as a whole: wrong name, mixed sets, an archive that escapes or explodes."""

    code = "PRE-4001"


class ImportHeld(DirectoryError):
    """The mass-change guard holds the import until a human confirms; `difference` is what it would change."""

    code = "PRE-4002"
    level = logging.WARNING

    def __init__(self, cause: str = "", difference: ImportDifference | None = None) -> None:
        super().__init__(cause)
        self.difference = difference


class ImportBusy(DirectoryError):
    """Another import of this feed is running."""

    code = "PRE-4003"


class ImportStale(DirectoryError):
    """The files are older than the last ones applied."""

    code = "PRE-4004"


class UnavailableError(PreauError):
    """Something the broker needs does not answer."""

    code = "PRE-5000"
    status = 503
    level = logging.ERROR
    spec_error = "temporarily_unavailable"
    title = "Le service est en panne."
    sentence = "Votre compte n'est pas en cause. Ne changez pas votre mot de passe."
    next_step = "Réessayez dans quelques minutes."
    who = "Ce n'est pas votre faute."


class StorageUnavailable(UnavailableError):
    """The database does not answer: nothing is issued, nothing is lost."""

    code = "PRE-5001"


class UpstreamUnavailable(UnavailableError):
    """A source does not answer in time; other sources are not affected."""

    code = "PRE-5002"
    level = logging.WARNING
    title = "Ce moyen de connexion est en panne."
    sentence = "Votre compte n'est pas en cause. Ne changez pas votre mot de passe."
    next_step = "Essayez un autre moyen de connexion, ou revenez plus tard."


class TooManyRequests(UnavailableError):
    """Volume is limited: the request was not looked at. `retry_after` is the seconds to wait (RFC 9110 §10.2.3)."""

    code = "PRE-5003"
    status = 429
    level = logging.WARNING
    title = "Attendez un peu."
    sentence = "Il y a trop de demandes en même temps. Votre accès n'est pas fermé."
    next_step = "Réessayez dans une minute."

    def __init__(self, cause: str = "", *, retry_after: int) -> None:
        super().__init__(cause)
        self.retry_after = retry_after


class EphemeralUnavailable(UnavailableError):
    """What must be claimed once cannot be claimed now: refused, because guessing would let it be claimed twice."""

    code = "PRE-5004"


class UnexpectedFault(UnavailableError):
    """A fault of ours."""

    code = "PRE-5999"
    status = 500
    spec_error = "server_error"
