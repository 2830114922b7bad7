"""What a parent, a pupil or a member of staff sees: read models of the pages, made from what the ports deliver.

Owns: which cards a page has, which services stand on a card and why, what each card is explained by.
Must not know: HTTP, templates, languages, SQL. It filters no child: `People` delivers only those that may be seen.
"""

from broker.portal.access import AccessLine, AccessPage, build_access
from broker.portal.home import Card, HomePage, Place, build_home
from broker.portal.offers import Offer, ServiceLink, Viewer
from broker.portal.why import CardProof, CardStory, ServiceStory, WhyPage, build_why

__all__ = [
    "AccessLine",
    "AccessPage",
    "Card",
    "CardProof",
    "CardStory",
    "HomePage",
    "Offer",
    "Place",
    "ServiceLink",
    "ServiceStory",
    "Viewer",
    "WhyPage",
    "build_access",
    "build_home",
    "build_why",
]
