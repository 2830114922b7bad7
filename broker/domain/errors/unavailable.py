"""What the broker needs does not answer (PRE-5xxx)."""

from __future__ import annotations

import logging
from typing import ClassVar

from broker.domain.errors.tree import PreauError


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


class SourceCrowded(UnavailableError):
    """Our own bound of calls to one source at once is reached: it tells nothing of the source."""

    code = "PRE-5005"
    level = logging.WARNING
    title = "Attendez un peu."
    sentence = "Il y a trop de demandes en même temps. Votre accès n'est pas fermé."
    next_step = "Réessayez dans une minute."


class HashingCrowded(UnavailableError):
    """More passwords of our own wait to be compared than the pool takes: the rest of the house keeps its machine."""

    code = "PRE-5006"
    level = logging.WARNING
    title = "Attendez un peu."
    sentence = "Il y a trop de demandes en même temps. Votre accès n'est pas fermé."
    next_step = "Réessayez dans une minute."
    retry_after: ClassVar[int] = 10
    """Seconds (RFC 9110 §10.2.3): the pool empties itself in less."""


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
