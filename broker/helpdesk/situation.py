"""What the person sees at this moment, in words, the probable cause and the first thing to try: most calls end here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from policies.explain import N_


class Situation(StrEnum):
    """What stands in the person's way; `fine`: nothing that we see."""

    CLOSED = "closed"
    LOGIN_CLOSED = "login_closed"
    WINDOW = "window"
    WAITING = "waiting"
    LETTER_WAITS = "letter_waits"
    LETTER_OVER = "letter_over"
    NEVER_CAME = "never_came"
    NO_CHILD = "no_child"
    SOURCE_DOWN = "source_down"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Words:
    """The screen as the person reads it, the cause, the advice: French msgids."""

    screen: str
    cause: str
    advice: str


WORDS: dict[Situation, Words] = {
    Situation.CLOSED: Words(
        N_("« Votre accès est fermé. »"),
        N_("La personne ou un agent a fermé l'accès."),
        N_("Demandez pourquoi. Vérifiez l'identité, puis rouvrez l'accès."),
    ),
    Situation.LOGIN_CLOSED: Words(
        N_("« Cette connexion est fermée. »"),
        N_("La personne a dit « Ce n'est pas moi » pour cette connexion."),
        N_("Une autre connexion marche encore. Sinon, imprimez une lettre."),
    ),
    Situation.WINDOW: Words(
        N_("La page avec un numéro, ouverte quelques minutes sur un seul écran."),
        N_("L'école ou un parent vient d'ouvrir l'accès."),
        N_("Sous le numéro, faites écrire la date de naissance d'un enfant."),
    ),
    Situation.WAITING: Words(
        N_("« Attendez %(minutes)s min. »"),
        N_("Ancien mot de passe, ou faute de frappe répétée."),
        N_("Faites attendre, ou levez l'attente. Une lettre marche tout de suite."),
    ),
    Situation.LETTER_WAITS: Words(
        N_("La page de connexion : aucune connexion n'a encore servi."),
        N_("La lettre n'a pas encore été utilisée."),
        N_("Demandez la lettre. Perdue ? Imprimez-en une nouvelle."),
    ),
    Situation.LETTER_OVER: Words(
        N_("« Ce code ne marche plus. »"),
        N_("La lettre est trop ancienne ou a été essayée trop souvent."),
        N_("Imprimez une nouvelle lettre."),
    ),
    Situation.NEVER_CAME: Words(
        N_("La page de connexion : aucune connexion n'a encore servi."),
        N_("La personne n'a pas encore d'accès."),
        N_("EduConnect ou FranceConnect suffit. Sinon, imprimez une lettre."),
    ),
    Situation.NO_CHILD: Words(
        N_("« Aucun enfant n'est rattaché. »"),
        N_("Le dossier de l'école ne donne pas de droit sur un enfant."),
        N_("Rien à réparer ici : le dossier se corrige dans SIECLE ou ONDE."),
    ),
    Situation.SOURCE_DOWN: Words(
        N_("« La connexion est en panne. »"),
        N_("Le site de connexion ne répond pas. Le compte n'est pas en cause."),
        N_("Ne changez pas le mot de passe. Faites réessayer plus tard."),
    ),
    Situation.FINE: Words(
        N_("La page d'accueil, avec les services."),
        N_("Rien ne bloque de notre côté."),
        N_("Demandez le numéro affiché sur la page, puis cherchez-le ici."),
    ),
}


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of the person's way in. `came`: a login of theirs worked; `sees`: a child, or no matter."""

    closed: bool
    login_closed: bool
    window_until: datetime | None
    wait_until: datetime | None
    letter_live: bool
    letter_over: bool
    came: bool
    sees: bool
    source_down: bool


def situation_of(signs: Signs, *, now: datetime) -> Situation:
    """The first thing that stands in the way, in the order in which the person meets them."""
    order = (
        (signs.closed, Situation.CLOSED),
        (_ahead(signs.window_until, now), Situation.WINDOW),
        (_ahead(signs.wait_until, now), Situation.WAITING),
        (signs.login_closed, Situation.LOGIN_CLOSED),
        (not signs.came and signs.letter_live, Situation.LETTER_WAITS),
        (not signs.came and signs.letter_over, Situation.LETTER_OVER),
        (not signs.came, Situation.NEVER_CAME),
        (signs.source_down, Situation.SOURCE_DOWN),
        (not signs.sees, Situation.NO_CHILD),
    )
    return next((found for holds, found in order if holds), Situation.FINE)


def minutes_left(until: datetime | None, *, now: datetime) -> int:
    """How long that is, in whole minutes; none is 0."""
    return max(1, ceil((until - now) / timedelta(minutes=1))) if until and until > now else 0


def _ahead(until: datetime | None, now: datetime) -> bool:
    return until is not None and until > now
