"""A real slapd with the national schema for the LDAP source and feed, and a stranger who records who calls."""

from __future__ import annotations

import secrets
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from string import Template
from typing import Any

from connectors.ldap import LdapDirectory, LdapFeed, LdapLimits, LdapSource
from connectors.ldap.names import parse_dn
from tests import servers
from tests.certificates import ServerCertificate, ThrowAwayCa
from tests.ldap_double import Answer, Double, double

FILES = Path(__file__).parent / "services" / "ldap"
BASE = "dc=ent-test,dc=fr"
PEOPLE = parse_dn(f"ou=people,{BASE}")
STRUCTURES = parse_dn(f"ou=structures,{BASE}")
ELSEWHERE = parse_dn(f"ou=renvoi,{BASE}")
READER = f"cn=lecteur,{BASE}"
NOW = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)
TODAY = date(2026, 9, 7)


def anybody(_account: str) -> bool:
    """A gate that stands open: for what is said of a source by itself."""
    return True


ACADEMIES = {"AC-TEST": "99"}


@dataclass(frozen=True, slots=True)
class Ent:
    """A running directory: `url` is ldaps, `plain_url` takes StartTLS."""

    host: str
    port: int
    plain_port: int
    ca: Path
    secret: str

    @property
    def url(self) -> str:
        return f"ldaps://{self.host}:{self.port}"

    @property
    def plain_url(self) -> str:
        return f"ldap://{self.host}:{self.plain_port}"

    def directory(self, **changes: Any) -> LdapDirectory:
        wanted: dict[str, Any] = {
            "url": self.url,
            "reader_dn": READER,
            "reader_password": self.secret,
            "ca_file": self.ca,
            "limits": LdapLimits(connect=5, receive=5, whole=20.0),
        }
        return LdapDirectory(**{**wanted, **changes})

    def source(self, **changes: Any) -> LdapSource:
        wanted: dict[str, Any] = {
            "source_id": "ent",
            "url": self.url,
            "directory": self.directory(),
            "people": PEOPLE,
            "releases_references": True,
            "academies": ACADEMIES,
        }
        return LdapSource(**{**wanted, **changes})

    def feed(self, **changes: Any) -> LdapFeed:
        wanted: dict[str, Any] = {
            "name": self.url,
            "directory": self.directory(),
            "people": PEOPLE,
            "structures": STRUCTURES,
            "today": lambda: TODAY,
            "academies": ACADEMIES,
        }
        return LdapFeed(**{**wanted, **changes})


@contextmanager
def ent(ca: ThrowAwayCa, *, certificate: ServerCertificate | None = None, stranger: int = 9) -> Iterator[Ent]:
    """Run the directory. `stranger` is the port its branch `ou=renvoi` refers to."""
    binary = servers.find_binary("slapd")
    account = servers.unprivileged("openldap")
    with servers.private_folder("ent", account) as folder:
        server = Ent("127.0.0.1", servers.free_port(), servers.free_port(), folder / "ca.pem", secrets.token_hex(16))
        program = _folder(binary, server, certificate or ca.issue(stem="ent"), ca=ca, folder=folder, stranger=stranger)
        for path in folder.iterdir():
            servers.give(path, account)
        load: servers.Command = [program, "-T", "add", "-f", folder / "slapd.conf", "-l", folder / "ent.ldif"]
        servers.run_as(account, load, folder=folder)
        with servers.guarded(
            [program, "-d", "0", "-f", folder / "slapd.conf", "-h", f"{server.url} {server.plain_url}"],
            folder=folder,
            account=account,
            stop=["SIGTERM"],
            answers=lambda: (
                servers.accepts(server.host, server.port) and servers.accepts(server.host, server.plain_port)
            ),
        ):
            yield server


def _folder(
    binary: Path, server: Ent, certificate: ServerCertificate, *, ca: ThrowAwayCa, folder: Path, stranger: int
) -> Path:
    """Fill the folder and return the program to run: a copy, because AppArmor ties Ubuntu's slapd to /etc/ldap."""
    program = folder / "slapd"
    copies = {binary: program, ca.certificate: server.ca, certificate.certificate: folder / "server.pem"}
    copies |= {certificate.key: folder / "server.key", servers.SLAPD_FILES / "sdet.schema": folder / "sdet.schema"}
    for origin, copy in copies.items():
        shutil.copy(origin, copy)
    for name in ("slapd.conf", "ent.ldif"):
        template = Template((FILES / name).read_text(encoding="utf-8"))
        filled = template.substitute(folder=folder, secret=server.secret, stranger=stranger)
        (folder / name).write_text(filled, encoding="utf-8")
    (folder / "data").mkdir()
    return program


QUICK = LdapLimits(connect=1, receive=1, whole=1.5, page_whole=1.5, most_bytes=1 << 16, page=2, most_entries=6)


@dataclass(slots=True)
class Answering:
    """Starts doubles that answer as told, each with our own directory over it."""

    stack: ExitStack
    ca: ThrowAwayCa

    def __call__(self, answer: Answer, *, start_tls: bool = False, **changes: Any) -> tuple[Double, LdapDirectory]:
        certificate = None if start_tls else self.ca.issue(stem="double")
        one = self.stack.enter_context(double(answer, certificate=certificate))
        url = f"{'ldap' if start_tls else 'ldaps'}://127.0.0.1:{one.port}"
        wanted: dict[str, Any] = {"url": url, "reader_dn": READER, "reader_password": "secret", "limits": QUICK}
        return one, LdapDirectory(**{**wanted, "ca_file": self.ca.certificate, **changes})


@dataclass(slots=True)
class Recorder:
    """Somebody else's port: takes every call and keeps what was sent to it. It must stay empty."""

    port: int = 0
    calls: int = 0
    heard: bytearray = field(default_factory=bytearray)

    def listen(self, listener: socket.socket, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                caller, _ = listener.accept()
            except TimeoutError:
                continue
            self.calls += 1
            with closing(caller):
                caller.settimeout(0.2)
                try:
                    self.heard += caller.recv(4096)
                except TimeoutError:
                    continue


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Listen as a stranger until the block ends."""
    ended = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.05)
        stranger = Recorder(port=listener.getsockname()[1])
        thread = threading.Thread(target=stranger.listen, args=(listener, ended), daemon=True)
        thread.start()
        try:
            yield stranger
        finally:
            ended.set()
            thread.join()
