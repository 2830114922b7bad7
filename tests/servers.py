"""Real servers for the tests: PostgreSQL, Redis, slapd, each on a private loopback port and in a private folder.

Every server runs under a warden (`tests/warden.py`) that stops it and removes its folder when this process closes the
pipe or dies. Each xdist worker starts its own. As root, servers run as an unprivileged user, as their packages do.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO, TypeVar

import psycopg
from psycopg import sql

from tests.certificates import ServerCertificate, ThrowAwayCa

Server = TypeVar("Server")
Command = Sequence[str | Path]

SLAPD_FILES = Path(__file__).parent / "services" / "slapd"
SKIP_VARIABLE = "PREAU_SKIP_SERVICES"
START_SECONDS = 60.0
"""Two cores shared with other work: generous, and only ever waited for when something is wrong."""
TRIES = 3
"""A free port can be taken by another process between choosing and binding."""


class ServerMissing(RuntimeError):
    """The machine lacks a server the tests need: a failure, unless the caller asked to skip services."""


class ServerFailed(RuntimeError):
    """A server did not come up; the message carries its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a server runs as; `None` when the tests are not root."""

    uid: int | None
    gid: int | None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running PostgreSQL; `url` names one of its databases for SQLAlchemy."""

    port: int
    password: str

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://preau:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template0") -> str:
        """Create a database as a copy of another and return its URL."""
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(database), sql.Identifier(template)
            )
        )
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, connections to it included."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def answers(self) -> bool:
        """Tell whether it takes a login (it listens before it does)."""
        try:
            self._administer(sql.SQL("SELECT 1").format())
        except psycopg.OperationalError:
            return False
        return True

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="preau", password=self.password, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Slapd:
    """A running slapd. `url` is its only listener, ldaps; nothing is readable without a bind."""

    host: str
    port: int
    ca: Path
    admin_password: str
    base: str = "dc=ent-test,dc=fr"
    admin_dn: str = "cn=admin,dc=ent-test,dc=fr"

    @property
    def url(self) -> str:
        """Return the ldaps URL."""
        return f"ldaps://{self.host}:{self.port}"


def find_binary(name: str, *, folders: Sequence[str] = ()) -> Path:
    """Find a server's binary in PATH or where Debian puts it; raises `ServerMissing`."""
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", *folders]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise ServerMissing(f"{name} is not installed (Debian: redis-server, slapd, postgresql)")
    return Path(found)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unprivileged(*names: str) -> Account:
    """Choose the first of these system users when we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return Account(None, None)
    for name in (*names, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServerMissing("no unprivileged system user to run servers as")


@contextmanager
def private_folder(name: str, account: Account) -> Iterator[Path]:
    """Make a folder only the server's user reads; the warden removes it, this block does when none was started."""
    folder = Path(tempfile.mkdtemp(prefix=f"preau-{name}-"))
    try:
        give(folder, account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give(path: Path, account: Account) -> None:
    """Hand a path over to the server's user."""
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid)


def run_as(account: Account, command: Command, *, folder: Path) -> None:
    """Run a set-up command as the server's user. Raises `ServerFailed` with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=START_SECONDS,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else (),
    )
    if done.returncode:
        raise ServerFailed(f"{command[0]}: {(done.stdout + done.stderr).decode(errors='replace')}")


@contextmanager
def guarded(
    command: Command, *, folder: Path, account: Account, stop: Sequence[str], answers: Callable[[], bool]
) -> Iterator[None]:
    """Run a server under a warden until the block ends; enters once `answers` says so. Raises `ServerFailed`."""
    log = folder / "server.log"
    order = {
        "folder": str(folder),
        "command": [str(part) for part in command],
        "user": account.uid,
        "group": account.gid,
        "log": str(log),
        "stop": list(stop),
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as warden:
        try:
            assert warden.stdin
            assert warden.stdout
            warden.stdin.write(json.dumps(order).encode() + b"\n")
            warden.stdin.flush()
            _await(warden.stdout, answers, log)
            yield
        finally:
            warden.communicate()


def _await(said: IO[bytes], answers: Callable[[], bool], log: Path) -> None:
    """Wait until the server answers; the warden speaks only to say that it ended."""
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        ended, _, _ = select.select([said], [], [], 0.02)
        if ended or time.monotonic() > deadline:
            raise ServerFailed(log.read_text(errors="replace") if log.exists() else "its warden did not start it")


def accepts(host: str, port: int) -> bool:
    """Tell whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def started(stack: ExitStack, start: Callable[[], AbstractContextManager[Server]]) -> Server:
    """Enter a server into the stack, again when its port was taken between choosing and binding."""
    for attempt in range(1, TRIES + 1):
        try:
            return stack.enter_context(start())
        except ServerFailed:
            if attempt == TRIES:
                raise
    raise AssertionError


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL without durability: what a test writes need not survive a power cut."""
    initdb = find_binary("initdb", folders=_postgres_folders())
    account = unprivileged("postgres")
    with private_folder("postgres", account) as folder:
        server = Postgres(port=free_port(), password=secrets.token_hex(16))
        _initialise(initdb, server, folder=folder, account=account)
        with guarded(
            [initdb.with_name("postgres"), "-D", folder / "data", *_postgres_options(server, folder)],
            folder=folder,
            account=account,
            stop=["SIGINT", "SIGQUIT"],
            answers=server.answers,
        ):
            yield server


def _postgres_folders() -> list[str]:
    """Debian keeps the server's binaries out of PATH, one folder a version; the newest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(folder) for folder in sorted(found, key=lambda path: int(path.parent.name), reverse=True)]


def _initialise(initdb: Path, server: Postgres, *, folder: Path, account: Account) -> None:
    secret = folder / "password"
    secret.write_text(server.password)
    give(secret, account)
    place: Command = ["-D", folder / "data", "-U", "preau", "-A", "scram-sha-256", f"--pwfile={secret}"]
    run_as(account, [initdb, *place, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"], folder=folder)


def _postgres_options(server: Postgres, folder: Path) -> list[str]:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": server.port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "shared_buffers": "64MB",
        "max_connections": 120,
        "timezone": "UTC",
    }
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


@contextmanager
def redis_server(*, port: int = 0, password: str = "") -> Iterator[str]:
    """Run a Redis that keeps nothing on disk; yields its URL. A given port and password bring it back where it was."""
    binary = find_binary("redis-server")
    account = unprivileged("redis")
    with private_folder("redis", account) as folder:
        port, password = port or free_port(), password or secrets.token_hex(16)
        settings = folder / "redis.conf"
        lines = [f"port {port}", "bind 127.0.0.1", f"requirepass {password}", f"dir {folder}", 'save ""']
        settings.write_text("\n".join([*lines, "appendonly no", "databases 4", "maxmemory-policy noeviction", ""]))
        give(settings, account)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        with guarded(
            [binary, settings],
            folder=folder,
            account=account,
            stop=["SIGTERM"],
            answers=lambda: accepts("127.0.0.1", port),
        ):
            yield url


@contextmanager
def slapd(ca: ThrowAwayCa) -> Iterator[Slapd]:
    """Run an OpenLDAP over ldaps with one family in the national schema's shape."""
    binary = find_binary("slapd")
    account = unprivileged("openldap")
    with private_folder("slapd", account) as folder:
        server = Slapd(host="127.0.0.1", port=free_port(), ca=folder / "ca.pem", admin_password=secrets.token_hex(16))
        program = _slapd_folder(binary, server, ca.issue(stem="slapd"), ca=ca, folder=folder, account=account)
        load: Command = [program, "-T", "add", "-f", folder / "slapd.conf", "-l", folder / "family.ldif"]
        run_as(account, load, folder=folder)
        with guarded(
            [program, "-d", "0", "-f", folder / "slapd.conf", "-h", server.url],
            folder=folder,
            account=account,
            stop=["SIGTERM"],
            answers=lambda: accepts(server.host, server.port),
        ):
            yield server


def _slapd_folder(
    binary: Path, server: Slapd, certificate: ServerCertificate, *, ca: ThrowAwayCa, folder: Path, account: Account
) -> Path:
    """Fill the folder and return the program to run: a copy, because AppArmor ties Ubuntu's slapd to /etc/ldap."""
    program = folder / "slapd"
    shutil.copy(binary, program)
    shutil.copy(ca.certificate, server.ca)
    shutil.copy(certificate.certificate, folder / "server.pem")
    shutil.copy(certificate.key, folder / "server.key")
    for name in ("sdet.schema", "family.ldif"):
        shutil.copy(SLAPD_FILES / name, folder / name)
    template = Template((SLAPD_FILES / "slapd.conf").read_text())
    settings = template.substitute(folder=folder, base=server.base, admin=server.admin_dn, secret=server.admin_password)
    (folder / "slapd.conf").write_text(settings)
    (folder / "data").mkdir()
    for path in folder.iterdir():
        give(path, account)
    return program
