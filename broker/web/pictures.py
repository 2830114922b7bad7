"""The words of the 24 pictures that the youngest choose from; they are drawn in `templates/pictures.html`.

Their order is what a secret is made of: a picture may be drawn better, but never moved, replaced or taken out.
"""

from __future__ import annotations

from broker.web.words import N_

PICTURES = (
    N_("Soleil"),
    N_("Lune"),
    N_("Étoile"),
    N_("Nuage"),
    N_("Fleur"),
    N_("Sapin"),
    N_("Feuille"),
    N_("Pomme"),
    N_("Cerises"),
    N_("Maison"),
    N_("Bateau"),
    N_("Voiture"),
    N_("Ballon"),
    N_("Livre"),
    N_("Crayon"),
    N_("Clé"),
    N_("Chapeau"),
    N_("Poisson"),
    N_("Chat"),
    N_("Oiseau"),
    N_("Cœur"),
    N_("Parapluie"),
    N_("Cloche"),
    N_("Drapeau"),
)
