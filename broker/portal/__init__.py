"""What a parent, a pupil or a member of staff sees: read models of the pages, made from what the ports deliver.

Owns: which cards a page has, which services stand on a card and why, what each card is explained by, who receives
what, and what a person may take away.
Must not know: HTTP, templates, languages, SQL. It filters no child: `People` delivers only those that may be seen.
"""

from broker.portal.access import AccessLine, AccessPage, build_access
from broker.portal.disclosure import Disclosure, DisclosurePage, build_disclosures
from broker.portal.export import Export, Held, as_json, build_export
from broker.portal.home import Card, HomePage, Place, build_home
from broker.portal.offers import Offer, OfferState, ServiceLink, Viewer
from broker.portal.places import HISTORY, ON_A_PAGE, PlaceLine, PlacesPage, build_places
from broker.portal.receipts import Receipt, Receipts, ReceiptState, build_receipts
from broker.portal.sandbox import Sandbox, SandboxFamily, SandboxPerson, read_sandbox
from broker.portal.why import CardProof, CardStory, PostStory, ServiceStory, WhyPage, build_why

__all__ = [
    "HISTORY",
    "ON_A_PAGE",
    "AccessLine",
    "AccessPage",
    "Card",
    "CardProof",
    "CardStory",
    "Disclosure",
    "DisclosurePage",
    "Export",
    "Held",
    "HomePage",
    "Offer",
    "OfferState",
    "Place",
    "PlaceLine",
    "PlacesPage",
    "PostStory",
    "Receipt",
    "ReceiptState",
    "Receipts",
    "Sandbox",
    "SandboxFamily",
    "SandboxPerson",
    "ServiceLink",
    "ServiceStory",
    "Viewer",
    "WhyPage",
    "as_json",
    "build_access",
    "build_disclosures",
    "build_export",
    "build_home",
    "build_places",
    "build_receipts",
    "build_why",
    "read_sandbox",
]
