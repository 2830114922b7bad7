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

from broker.domain.errors.directory import (
    DirectoryError,
    FeedRefused,
    ImportBusy,
    ImportHeld,
    ImportStale,
    NoSuchSubject,
)
from broker.domain.errors.protocol import (
    AccessDenied,
    BadPageRequest,
    InteractionRequired,
    InvalidClient,
    InvalidClientMetadata,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidRequestUri,
    InvalidScope,
    InvalidToken,
    LoginRequired,
    PageNotFound,
    ProtocolError,
    RedirectMismatch,
    RegistrationsFull,
    ReleaseRefused,
    ServiceSuspended,
    UnauthorizedClient,
    UnknownClient,
    UnmetRequirements,
    UnsupportedGrantType,
    UnsupportedParameter,
    UnsupportedRegistration,
    UnsupportedRequestUri,
    UnsupportedResponseType,
)
from broker.domain.errors.sign_in import (
    AlreadyUsed,
    CredentialsRefused,
    GuessesSpent,
    LinkAmbiguous,
    LinkSuspended,
    LinkUndone,
    LoginExpired,
    MustWait,
    PersonSuspended,
    SignInError,
    SourceSuspended,
    StepUpNeeded,
    TicketRefused,
    UndoTooLate,
    UnknownPerson,
    UpstreamRefused,
)
from broker.domain.errors.tree import PolicyError, PreauError, SettingsError
from broker.domain.errors.unavailable import (
    EphemeralUnavailable,
    SourceCrowded,
    StorageUnavailable,
    TooManyRequests,
    UnavailableError,
    UnexpectedFault,
    UpstreamUnavailable,
)

__all__ = [
    "AccessDenied",
    "AlreadyUsed",
    "BadPageRequest",
    "CredentialsRefused",
    "DirectoryError",
    "EphemeralUnavailable",
    "FeedRefused",
    "GuessesSpent",
    "ImportBusy",
    "ImportHeld",
    "ImportStale",
    "InteractionRequired",
    "InvalidClient",
    "InvalidClientMetadata",
    "InvalidDpopProof",
    "InvalidGrant",
    "InvalidRedirectUri",
    "InvalidRequest",
    "InvalidRequestUri",
    "InvalidScope",
    "InvalidToken",
    "LinkAmbiguous",
    "LinkSuspended",
    "LinkUndone",
    "LoginExpired",
    "LoginRequired",
    "MustWait",
    "NoSuchSubject",
    "PageNotFound",
    "PersonSuspended",
    "PolicyError",
    "PreauError",
    "ProtocolError",
    "RedirectMismatch",
    "RegistrationsFull",
    "ReleaseRefused",
    "ServiceSuspended",
    "SettingsError",
    "SignInError",
    "SourceCrowded",
    "SourceSuspended",
    "StepUpNeeded",
    "StorageUnavailable",
    "TicketRefused",
    "TooManyRequests",
    "UnauthorizedClient",
    "UnavailableError",
    "UndoTooLate",
    "UnexpectedFault",
    "UnknownClient",
    "UnknownPerson",
    "UnmetRequirements",
    "UnsupportedGrantType",
    "UnsupportedParameter",
    "UnsupportedRegistration",
    "UnsupportedRequestUri",
    "UnsupportedResponseType",
    "UpstreamRefused",
    "UpstreamUnavailable",
]
