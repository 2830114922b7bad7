"""The words of a letter, in the order in which they stand (ux §5): short, for readers who read little."""

from __future__ import annotations

from broker.notify.texts import N_

NUMBER = N_("Lettre n° %(number)s")
FOR = N_("Pour %(adult)s")
CHILD = N_("Élève : %(child)s, %(class)s")
OPENS = N_("Cette lettre ouvre votre accès aux services de l'école.")
YOURS = N_("Vous choisissez vous-même votre mot de passe.")
CODE = N_("Votre code")
UNTIL = N_("Il sert une seule fois, jusqu'au %(day)s.")
GO = N_("Allez sur %(page)s ou visez le carré avec votre téléphone.")
WRITE = N_("Écrivez le code de la lettre.")
CHOOSE = N_("Choisissez votre mot de passe.")
NO_INTERNET = N_("Pas d'internet ?")
COME = N_("Venez à l'accueil de l'école, sans rendez-vous.")
HELP = N_("Besoin d'aide ? Appelez le")
NEVER = N_("Ne donnez ce code à personne, même à l'école.")
READ_ME = N_("Cette lettre existe dans votre langue : demandez-la à l'accueil.")
STUB = N_("Lettre n° %(number)s reçue par %(adult)s")
SIGN = N_("Date et signature")
