"""Settings: `preau.toml`, overridden by `PREAU_…`, into frozen values; every fault is told at once.

Owns: what an administrator may set, how it is read, what must hold, and the example that is printed from it.
Must not know: what is built from settings (`app`). An unknown key is refused; `PREAU_SECRETS__MASTER_FILE` or
`PREAU_SOURCES__ENT_1__URL` override a single value.
"""

from broker.services.addresses import is_loopback
from broker.settings.loading import load_settings
from broker.settings.secret_files import read_secret
from broker.settings.values import (
    Degree,
    FederationSettings,
    FeedKind,
    FeedSettings,
    GuardiansAre,
    ListOf,
    LogLevel,
    SecretSettings,
    Settings,
    SourceKind,
    SourceProfile,
    SourceSettings,
    TenantSettings,
)

__all__ = [
    "Degree",
    "FederationSettings",
    "FeedKind",
    "FeedSettings",
    "GuardiansAre",
    "ListOf",
    "LogLevel",
    "SecretSettings",
    "Settings",
    "SourceKind",
    "SourceProfile",
    "SourceSettings",
    "TenantSettings",
    "is_loopback",
    "load_settings",
    "read_secret",
]
