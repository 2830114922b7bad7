"""The seams: what the inner rooms need from the outer ones, written for their consumer, at most six methods each.

Every adapter of a port passes the port's one contract suite in `tests/contract`; a new adapter is a new line there.
"""

from broker.domain.ports.colleagues import Colleagues
from broker.domain.ports.containments import Containments
from broker.domain.ports.credentials import AccessNotices, Codes, Contacts, Credentials, FamilyFacts, OwnLogins
from broker.domain.ports.current import Current
from broker.domain.ports.desk import DeskPosts
from broker.domain.ports.desk_files import DeskFiles
from broker.domain.ports.desk_journal import DeskJournal
from broker.domain.ports.desk_requests import DeskRequests
from broker.domain.ports.ephemeral import Admission, EphemeralStore, Limit
from broker.domain.ports.feeds import DirectoryStore, IdentityFeed, ImportRuns, Matcher, MatchSubject, ScoredPair
from broker.domain.ports.guesses import Guesses
from broker.domain.ports.holdings import Holdings
from broker.domain.ports.login_faults import LoginFaults
from broker.domain.ports.origins import Origins
from broker.domain.ports.places import Places
from broker.domain.ports.portraits import Portraits
from broker.domain.ports.provider_logins import ProviderLogins
from broker.domain.ports.quality import Quality, Reach
from broker.domain.ports.releases import Details, Ledger
from broker.domain.ports.rolls import Rolls
from broker.domain.ports.search import Search
from broker.domain.ports.sources import (
    Departure,
    LogoutConnector,
    LogoutNotifier,
    PasswordConnector,
    RedirectConnector,
    Return,
    UpstreamLogout,
)
from broker.domain.ports.storage import (
    Attachments,
    Audit,
    Consumptions,
    Grants,
    Guardianships,
    Keys,
    Links,
    Notices,
    Outbox,
    People,
    Purge,
    Registrations,
    Services,
    Sessions,
    Standings,
)
from broker.domain.ports.tickets import Tickets
from broker.domain.ports.tokens import ChildTokens, DeviceRequests, ServiceTokens
from broker.domain.ports.young import YoungClasses

__all__ = [
    "AccessNotices",
    "Admission",
    "Attachments",
    "Audit",
    "ChildTokens",
    "Codes",
    "Colleagues",
    "Consumptions",
    "Contacts",
    "Containments",
    "Credentials",
    "Current",
    "Departure",
    "DeskFiles",
    "DeskJournal",
    "DeskPosts",
    "DeskRequests",
    "Details",
    "DeviceRequests",
    "DirectoryStore",
    "EphemeralStore",
    "FamilyFacts",
    "Grants",
    "Guardianships",
    "Guesses",
    "Holdings",
    "IdentityFeed",
    "ImportRuns",
    "Keys",
    "Ledger",
    "Limit",
    "Links",
    "LoginFaults",
    "LogoutConnector",
    "LogoutNotifier",
    "MatchSubject",
    "Matcher",
    "Notices",
    "Origins",
    "Outbox",
    "OwnLogins",
    "PasswordConnector",
    "People",
    "Places",
    "Portraits",
    "ProviderLogins",
    "Purge",
    "Quality",
    "Reach",
    "RedirectConnector",
    "Registrations",
    "Return",
    "Rolls",
    "ScoredPair",
    "Search",
    "ServiceTokens",
    "Services",
    "Sessions",
    "Standings",
    "Tickets",
    "UpstreamLogout",
    "YoungClasses",
]
