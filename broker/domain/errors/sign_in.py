"""Refusals of a person's way in (PRE-2xxx)."""

from __future__ import annotations

import logging
from datetime import datetime

from broker.domain.errors.tree import PreauError


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


class TicketRefused(SignInError):
    """The source itself answered, and knows no such ticket or code: nobody comes in, and the source is up."""

    code = "PRE-2013"
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


class LoginTooWeak(SignInError):
    """A login that proves too little to choose a secret by, or to let a child choose one: who stole it would stay."""

    code = "PRE-2022"
    status = 403
    title = "Cette connexion ne suffit pas."
    sentence = "Avec cette connexion, vous ne pouvez pas choisir de mot de passe."
    next_step = "Utilisez une lettre, un SMS ou un compte vérifié."


class PersonSuspended(SignInError):
    """An administrator closed this person's access; the page says no more than that, to whoever holds the login."""

    code = "PRE-2009"
    status = 403
    title = "Cet accès est fermé pour le moment."
    sentence = "Votre mot de passe n'est pas en cause. Ne le changez pas."
    next_step = "Appelez l'école et donnez le numéro ci-dessous."
    who = "L'école ou l'académie peut rouvrir l'accès."


class LinkSuspended(SignInError):
    """An administrator closed this account's link; the person's other accounts still sign in."""

    code = "PRE-2010"
    status = 403
    title = "Ce moyen de connexion est fermé pour vous."
    sentence = "Votre mot de passe n'est pas en cause. Ne le changez pas."
    next_step = "Essayez un autre moyen de connexion, ou appelez l'école."
    who = "L'école ou l'académie peut le rouvrir."


class SourceSuspended(SignInError):
    """An administrator closed this source for everybody: it is not offered, and its answers are not taken."""

    code = "PRE-2011"
    status = 403
    level = logging.WARNING
    title = "Ce moyen de connexion est fermé pour tous."
    sentence = "Votre compte n'est pas en cause. Ne changez pas votre mot de passe."
    next_step = "Essayez un autre moyen de connexion, ou revenez plus tard."
    who = "Ce n'est pas votre faute. L'académie peut le rouvrir."


class CredentialsRefused(SignInError):
    """A source that checks passwords said no: nobody learns whether the login exists, is locked or is there twice."""

    code = "PRE-2012"
    status = 403
    title = "L'identifiant ou le mot de passe ne va pas."
    sentence = "Vérifiez l'identifiant, puis tapez le mot de passe à nouveau."
    next_step = "Recommencez. Si vous les avez perdus, demandez-les à l'école."
    who = "L'école peut vous aider."


class MustWait(SignInError):
    """Too many guesses at one account, or from one network: the next one is not looked at before some time is over.

    `retry_after` is the seconds to wait (RFC 9110 §10.2.3). Said of a login whether or not anybody has it.
    """

    code = "PRE-2014"
    status = 429
    title = "Attendez un peu."
    sentence = "Il y a eu trop d'essais. Votre accès n'est pas fermé."
    next_step = "Réessayez plus tard, ou prenez un autre moyen de connexion."
    who = "L'école peut vous aider."

    def __init__(self, cause: str = "", *, retry_after: int) -> None:
        super().__init__(cause)
        self.retry_after = retry_after


class GuessesSpent(SignInError):
    """As many guesses at one account as a day allows, from devices that it does not know. `retry_after`: seconds."""

    code = "PRE-2015"
    status = 429
    level = logging.WARNING
    title = "Il y a eu trop d'essais aujourd'hui."
    sentence = "Votre accès n'est pas fermé. Demain, vous pourrez réessayer ici."
    next_step = "Prenez un autre moyen de connexion, ou appelez l'école."
    who = "L'école peut vous aider."

    def __init__(self, cause: str = "", *, retry_after: int) -> None:
        super().__init__(cause)
        self.retry_after = retry_after


class UpstreamDeclined(SignInError):
    """The source itself says that nobody signed in: given up, refused, or not able to."""

    code = "PRE-2016"
    level = logging.INFO
    title = "La connexion n'a pas été faite."
    sentence = "Le site de connexion a répondu que la connexion a été abandonnée ou refusée."
    next_step = "Recommencez, ou choisissez une autre façon de vous connecter."


class AnswerTooOld(SignInError):
    """The source's answer is genuine, but it waited for more than ten minutes: a page left open, or gone back to."""

    code = "PRE-2017"
    level = logging.INFO
    title = "Il faut recommencer."
    sentence = "La réponse du site de connexion est arrivée trop tard."
    next_step = "Appuyez sur « Recommencer »."


class CodeRefused(SignInError):
    """No code that is written so, or no longer: unknown, wrong and guessed at too often are told alike (LR-11)."""

    code = "PRE-2018"
    status = 403
    title = "Ce code ne va pas."
    sentence = "Vérifiez chaque lettre et chaque chiffre."
    next_step = "Recommencez, ou demandez une nouvelle lettre à l'école."
    who = "L'école peut vous aider."


class CodeUsed(SignInError):
    """The right code, but somebody chose a secret by it already. Said to whoever holds the whole code, nobody else."""

    code = "PRE-2019"
    status = 409
    level = logging.WARNING
    title = "Ce code a déjà servi."
    sentence = "C'était vous ? Connectez-vous."
    next_step = "Ce n'était pas vous ? Dites-le maintenant : nous fermons l'accès."
    who = "L'école peut vous aider."

    def __init__(self, cause: str = "", *, person_id: str, at: datetime) -> None:
        super().__init__(cause)
        self.person_id = person_id
        self.at = at


class CodeExpired(SignInError):
    """The right code, too late, or another was given out after it. Said to whoever holds the whole code."""

    code = "PRE-2020"
    status = 410
    title = "Ce code ne marche plus."
    sentence = "Il est trop ancien, ou un autre l'a remplacé."
    next_step = "Demandez un nouveau code."
    who = "L'école peut vous aider."


class WindowNotOpen(SignInError):
    """Nobody opened a window for the browser that asks, or it is over. It tells of nobody: no window is named."""

    code = "PRE-2021"
    status = 409
    level = logging.INFO
    title = "L'école n'a pas encore ouvert votre accès."
    sentence = "Dites-lui ce numéro."
    next_step = "Puis appuyez de nouveau sur « Continuer »."
    who = "L'école peut vous aider."


class FactorRefused(SignInError):
    """A second factor that is wrong, was used before, or is of another account: told alike."""

    code = "PRE-2030"
    status = 403
    title = "Ce code ne va pas."
    sentence = "Chaque code ne marche qu'une fois, et moins d'une minute."
    next_step = "Attendez le code suivant, puis écrivez-le."
    who = "Vérifiez aussi l'heure de votre téléphone."


class PasskeyRefused(SignInError):
    """No passkey of ours: made for another site, replayed, copied, unknown, or ended. All told alike."""

    code = "PRE-2032"
    status = 403
    title = "Cette clé d'accès ne va pas."
    sentence = "Elle n'est pas enregistrée ici, ou elle a été retirée."
    next_step = "Prenez un autre moyen de vous connecter."
    who = "L'école peut vous aider."


class FactorChanged(SignInError):
    """The second factors of the account were changed meanwhile, or may not be changed by this session."""

    code = "PRE-2031"
    status = 409
    title = "Ce moyen n'a pas été changé."
    sentence = "Il a changé entre-temps, ou il en faut d'abord un autre."
    next_step = "Recommencez depuis la page de vos moyens."


class DeskRefused(SignInError):
    """An agent asked for something that the rules refuse them; `cause` is the rule's own sentence."""

    code = "PRE-2040"
    status = 403
    title = "Cet acte n'est pas permis."
    sentence = "Votre profil, votre périmètre ou les preuves ne suffisent pas."
    next_step = "Lisez la raison sur la fiche, ou demandez à l'académie."
    who = "L'acte refusé est écrit dans le journal."
