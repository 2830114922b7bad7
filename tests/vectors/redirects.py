"""Redirect addresses: each registered shape, spoilt in each way that somebody once let pass, at each endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from broker.domain.services import ClientKind, Service, TokenAuthMethod
from tests.oidc_stand import service

EVIL = "evil.example"
ENDPOINTS = ("by_get", "by_post", "pushed", "after_sign_out")
"""Where the browser may be sent on: each address is tried at each."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A registered address, and the kind of client that may have it."""

    name: str
    uri: str
    kind: ClientKind = ClientKind.WEB

    @property
    def served(self) -> Service:
        """A service with one client, whose answers go there, after a sign-out too."""
        plain = service(self.name)
        public = self.kind is not ClientKind.WEB
        told = {
            "redirect_uris": (self.uri,),
            "post_logout_redirect_uris": (self.uri,),
            "kind": self.kind,
            "auth_method": TokenAuthMethod.NONE if public else TokenAuthMethod.BASIC,
            **({"secret_digest": ""} if public else {}),
        }
        return replace(plain, parties=(replace(plain.parties[0], **told),))


SHAPES = (
    Shape("path", "https://cantine.example/retour"),
    Shape("query", "https://cantine.example/retour?ecole=0990001A"),
    Shape("root", "https://cantine.example/"),
    Shape("port", "https://cantine.example:8443/a/retour"),
    Shape("loopback", "http://127.0.0.1/retour", ClientKind.NATIVE),
    Shape("scheme", "com.example.cantine:/retour", ClientKind.NATIVE),
)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """An address that nobody registered."""

    id: str
    shape: Shape
    uri: str


def spoilt(shape: Shape) -> Iterator[Spoilt]:
    """Every mutation of one shape. What the rules allow (any port of a loopback) is none."""
    seen = {shape.uri}
    for name, uri in {**_texts(shape.uri), **_places(shape.uri), **_paths(shape.uri), **FOREIGN}.items():
        if uri not in seen and not _is_allowed_port(shape, uri):
            seen.add(uri)
            yield Spoilt(f"redirect/{shape.name}/{name}", shape, uri)


def _is_allowed_port(shape: Shape, uri: str) -> bool:
    return shape.name == "loopback" and re.fullmatch(r"http://127\.0\.0\.1:8443/retour", uri) is not None


def _texts(uri: str) -> Mapping[str, str]:
    """The same text, nearly: what is stripped, folded, decoded or cut by some reader."""
    return {
        "upper": uri.upper(),
        "title": uri.title(),
        "blank after": uri + " ",
        "blank before": " " + uri,
        "tab": uri + "\t",
        "plus": uri + "+",
        "slash": uri + "/",
        "slashes": uri + "//",
        "dot": uri + ".",
        "longer": uri + "x",
        "shorter": uri[:-1],
        "question": uri + "?",
        "parameter": uri + "?x=1",
        "code": uri + "?code=x",
        "ampersand": uri + "&x=1",
        "semicolon": uri + ";x=1",
        "hash": uri + "#",
        "fragment": uri + "#x",
        "encoded hash": uri + "%23",
        "encoded nul": uri + "%00",
        "encoded blank": uri + "%20",
        "encoded line": uri + "%0a",
        "header": uri + "%0d%0aLocation:%20https://evil.example",
        "twice": uri + uri,
        "two": f"{uri} https://{EVIL}/",
        "comma": f"{uri},https://{EVIL}/",
        "encoded letter": uri[:-1] + f"%{ord(uri[-1]):02x}",
        "quoted": f'"{uri}"',
        "pointed": f"<{uri}>",
        "encoded whole": uri.replace(":", "%3A", 1),
        "double encoded": uri.replace("/", "%252F"),
        "encoded slashes": uri.replace("/", "%2F"),
        "backslashes": uri.replace("/", "\\"),
        "no scheme": uri.partition(":")[2],
        "scheme only": uri.partition(":")[0] + ":",
        "full width": uri[:-1] + chr(ord(uri[-1]) + 0xFEE0),
        "cyrillic": uri.replace("a", "\u0430", 1),
        "soft hyphen": uri + "\u00ad",
        "joiner": uri + "\u200d",
        "right to left": uri + "\u202e",
        "combining": uri + "\u0301",
        "null": uri + "\u0000",
        "line": uri + "\r\n",
    }


def _places(uri: str) -> Mapping[str, str]:
    """Another host, port, user or scheme."""
    scheme, _, rest = uri.partition("://")
    if not rest:
        return {
            "as https": f"https:{uri.partition(':')[2]}",
            "other scheme": f"com.example.cantin:{uri.partition(':')[2]}",
        }
    host, slash, path = rest.partition("/")
    tail, hosts = slash + path, _hosts(host, urlsplit(uri).hostname or "")
    other = "http" if scheme == "https" else "https"
    return {
        **{f"host {name}": f"{scheme}://{changed}{tail}" for name, changed in hosts.items()},
        "other scheme": f"{other}://{rest}",
        "relative": f"//{rest}",
        "one slash": f"{scheme}:/{rest}",
        "no slash": f"{scheme}:{rest}",
        "three slashes": f"{scheme}:///{rest}",
        "view source": f"view-source:{uri}",
        "blob": f"blob:{uri}",
        "only path": tail,
        "script": f"javascript:alert(1)//{rest}",
        "data": f"data:text/html,{uri}",
        "behind evil": f"https://{EVIL}/{uri}",
        "as parameter": f"https://{EVIL}/?u={uri}",
        "as fragment": f"https://{EVIL}/#{uri}",
    }


def _hosts(host: str, bare: str) -> Mapping[str, str]:
    """Another authority. `host` with its port, `bare` without."""
    return {
        "subdomain": f"x.{host}",
        "suffix": f"{host}.{EVIL}",
        "prefix": f"evil{host}",
        "dot": f"{bare}.",
        "leading dot": f".{host}",
        "user": f"{EVIL}@{host}",
        "as user": f"{host}@{EVIL}",
        "as password": f"a:{host}@{EVIL}",
        "encoded at": f"{host}%40{EVIL}",
        "backslash at": f"{EVIL}\\@{host}",
        "backslash": f"{EVIL}\\.{host}",
        "hash": f"{EVIL}#{host}",
        "query": f"{EVIL}?{host}",
        "encoded dot": f"{host}%2e{EVIL}",
        "ideographic": host.replace(".", "\u3002", 1),
        "encoded slash": f"{EVIL}%2f{host}",
        "port": f"{bare}:8443" if ":8443" not in host else f"{bare}:443",
        "empty port": f"{bare}:",
        "zero port": f"{bare}:0",
        "long port": f"{bare}:08443",
        "big port": f"{bare}:99999",
        "letters": f"{bare}:x",
        "name": "localhost",
        "v6": "[::1]",
        "mapped": "[::ffff:127.0.0.1]",
        "decimal": "2130706433",
        "hex": "0x7f000001",
        "short": "127.1",
        "other": EVIL,
        "zone": "[::1%25eth0]",
        "any": "0.0.0.0",
        "wildcard": "*.example",
        "capital": host.capitalize() if host[0].isalpha() else "127.0.0.01",
    }


def _paths(uri: str) -> Mapping[str, str]:
    """Another path that some reader resolves to the registered one, or that is beside it."""
    head, _, last = uri.rpartition("/")
    return {
        "dot segment": f"{head}/./{last}",
        "climb": f"{head}/x/../{last}",
        "climb after": f"{uri}/..",
        "climb away": f"{uri}/../../evil",
        "climb encoded": f"{head}/x/%2e%2e/{last}",
        "climb backslash": f"{head}/x\\..\\{last}",
        "climb semicolon": f"{uri}/..;/evil",
        "before semicolon": f"{head}/..;/{last}",
        "double slash": f"{head}//{last}",
        "below": f"{uri}/x",
        "beside": f"{head}/evil",
        "above": f"{head}/",
        "without": head,
        "matrix": f"{head}/;a=b/{last}",
        "upper path": f"{head}/{last.upper()}x",
        "overlong": f"{head}/%c0%af{last}",
        "wildcard": f"{head}/*",
        "encoded dot": f"{head}/%2e/{last}",
    }


FOREIGN = {
    "evil": f"https://{EVIL}/retour",
    "oob": "urn:ietf:wg:oauth:2.0:oob",
    "star": "*",
    "null": "null",
    "about": "about:blank",
    "neighbour": "https://bourses.example/retour",
    "ours": "https://preau.example/",
    "file": "file:///etc/passwd",
    "undefined": "undefined",
    "ftp": f"ftp://{EVIL}/",
    "mail": f"mailto:a@{EVIL}",
    "intent": f"intent://{EVIL}#Intent;end",
    "gopher": f"gopher://{EVIL}/",
    "digits": "0",
    "bracket": "https://[",
    "percent": "%",
    "curly": "https://{host}/",
}


def spoilt_addresses() -> tuple[Spoilt, ...]:
    """All of them, shape by shape."""
    return tuple(each for shape in SHAPES for each in spoilt(shape))
