"""Debian's Apache: in the foreground, over https, from a folder of its own, on loopback addresses of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from broker.demo.prepared import Tls
from tests.certificates import trusting
from tests.servers import ServerMissing, find_binary, give, guarded, private_folder, unprivileged

MODULES = Path("/usr/lib/apache2/modules")
_ALWAYS = ("mpm_event", "authz_core", "ssl")

_SERVER = """\
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
LogLevel warn
{modules}
SSLSessionCache none
DocumentRoot {folder}/site
{settings}
"""
_HOST = """\
Listen {place}
<VirtualHost {place}>
  ServerName {origin}
  SSLEngine on
  SSLCertificateFile {folder}/server.pem
  SSLCertificateKeyFile {folder}/server.key
  {directives}
</VirtualHost>
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A virtual host: where it answers, and its directives."""

    origin: str
    directives: str


@contextmanager
def apache(
    hosts: Sequence[Host],
    tls: Tls,
    *,
    modules: Sequence[str],
    settings: str = "",
    files: Mapping[str, str] | None = None,
    ready: str = "/",
) -> Iterator[None]:
    """Run it until the block ends; `{folder}` in settings is its own, which holds `ca.pem`, `site/` and `files` (a name
    that ends in a slash: an empty folder).

    Enters once the first host answers anything at the path `ready`. Raises `ServerMissing`, `ServerFailed`.
    """
    missing = [name for name in modules if not (MODULES / f"mod_{name}.so").is_file()]
    if missing:
        raise ServerMissing(f"Apache's {', '.join(missing)} is not installed (make interop installs it)")
    binary = find_binary("apache2")
    account = unprivileged("www-data")
    with private_folder("apache", account) as folder:
        (folder / "site").mkdir()
        for name, text in (files or {}).items():
            if name.endswith("/"):
                (folder / name).mkdir()
            else:
                (folder / name).write_text(text, encoding="utf-8")
        for name, file in (("ca.pem", tls.authority), ("server.pem", tls.certificate), ("server.key", tls.key)):
            shutil.copy(file, folder / name)
        loaded = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in (*_ALWAYS, *modules))
        server = _SERVER.format(folder=folder, modules=loaded, settings=settings.replace("{folder}", str(folder)))
        (folder / "apache.conf").write_text("\n".join([server, *(_host(host, folder) for host in hosts)]))
        for path in folder.rglob("*"):
            give(path, account)
        with guarded(
            [binary, "-D", "FOREGROUND", "-f", folder / "apache.conf"],
            folder=folder,
            account=account,
            stop=["SIGTERM"],
            answers=lambda: _answers(hosts[0].origin + ready, tls),
        ):
            yield


def _host(host: Host, folder: Path) -> str:
    place = urlsplit(host.origin).netloc
    directives = host.directives.replace("{folder}", str(folder))
    return _HOST.format(place=place, origin=host.origin, folder=folder, directives=directives)


def _answers(page: str, tls: Tls) -> bool:
    """It listens for a moment before it gives up on a bad configuration: only an answer counts."""
    try:
        httpx.get(page, timeout=5, trust_env=False, verify=trusting(tls.authority))
    except httpx.TransportError:
        return False
    return True
