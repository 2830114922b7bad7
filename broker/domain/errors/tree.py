"""The root of the tree, and what an administrator wrote that cannot be used."""

from __future__ import annotations

import logging
from typing import ClassVar

from broker.domain.login_faults import Hop


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

    def __init__(self, cause: str = "", *, restart: str = "", service_id: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.service_id = service_id
        """The service that it is about, where that is known: for whoever is asked why."""
        self.restart = restart
        """Path on our own origin where the person can begin again; empty when there is none."""
        self.hops: tuple[Hop, ...] = ()
        """The steps of the login that it ended, where it ended one."""


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


def every_fault(kind: type[PreauError] = PreauError) -> dict[str, type[PreauError]]:
    """Every class of the error tree by its code."""
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        found |= every_fault(child)
    return found
