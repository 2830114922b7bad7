"""The table `[cas]` of a descriptor: where tickets may go, how the service is told of a logout, who may proxy."""

from __future__ import annotations

from urllib.parse import urlsplit

from broker.domain.cas import CasClient, LogoutStyle
from broker.services.addresses import address_fault
from broker.services.cas_addresses import read_address
from broker.services.reading import IDENTIFIER, Reader

CAS_KEYS = ("services", "logout", "logout_url", "proxy_callbacks", "proxied_by")


def read_cas(reader: Reader | None) -> CasClient | None:
    """Read the table; None when there is none. Adds to the reader's faults."""
    if reader is None:
        return None
    reader.only(CAS_KEYS)
    style = reader.member("logout", LogoutStyle, default=LogoutStyle.FORM)
    return CasClient(
        services=_services(reader),
        logout=style,
        logout_url=_logout_url(reader, style),
        proxy_callbacks=_callbacks(reader),
        proxied_by=frozenset(_proxied_by(reader)),
    )


def _services(reader: Reader) -> tuple[str, ...]:
    """Exact addresses, and prefixes that end in a slash; a prefix with a query would match by chance."""
    urls = reader.words("services", least=1)
    for url in urls:
        if why := _service_fault(url):
            reader.fault(f"'{url}' {why}", key="services")
    return urls


def _service_fault(url: str) -> str:
    if why := address_fault(url):
        return why
    if read_address(url) is None:
        return "must be plain: no double slash, no encoded slash, dot or percent in its path"
    parts = urlsplit(url)
    if not parts.path:
        return "needs a path: '/' alone stands for the whole host"
    if url.endswith("/") and parts.query:
        return "ends in a slash and has a query: it would match by chance"
    return ""


def _logout_url(reader: Reader, style: LogoutStyle) -> str:
    url = reader.word("logout_url", default="")
    if url and (why := address_fault(url)):
        reader.fault(f"'{url}' {why}", key="logout_url")
    if url and style is LogoutStyle.NONE:
        reader.fault("'logout_url' needs 'logout' other than 'none'", key="logout_url")
    return url


def _callbacks(reader: Reader) -> tuple[str, ...]:
    """By https alone: whoever reads a proxy-granting ticket goes everywhere in the person's name (CAS §2.5.4)."""
    urls = reader.words("proxy_callbacks")
    for url in urls:
        if why := address_fault(url) or ("" if url.startswith("https:") else "must be https"):
            reader.fault(f"'{url}' {why}", key="proxy_callbacks")
    return urls


def _proxied_by(reader: Reader) -> tuple[str, ...]:
    named = reader.words("proxied_by")
    for service_id in named:
        if not IDENTIFIER.fullmatch(service_id):
            reader.fault(f"'proxied_by': '{service_id}' is no service_id", key="proxied_by")
    return named
