"""A real SMTP relay on loopback: STARTTLS or TLS from the start, logins, and the replies that a test asks for."""

from __future__ import annotations

import base64
import email
import socketserver
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from threading import Thread
from typing import cast

from tests.certificates import ServerCertificate

PASSWORD = "a relay's password"


@dataclass
class Relay:
    """What the relay was told, and what it answers. `replies`: by verb, in the place of its own."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    sealed: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    offers_tls: bool = True
    drips: float = 0.0


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    relay: Relay
    trust: ssl.SSLContext
    at_once: bool

    def get_request(self) -> tuple[ssl.SSLSocket, object]:
        """Seal the connection from its first byte where the relay is one of those."""
        connection, address = super().get_request()
        if self.at_once:
            connection = self.trust.wrap_socket(connection, server_side=True)
        return cast("ssl.SSLSocket", connection), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        relay, self.sealed = self.server.relay, self.server.at_once
        self.sender, self.recipients = "", []
        if relay.drips:
            self._drip()
            return
        self._say("220 relay.test ESMTP")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if reply := relay.replies.get(verb.upper()):
                self._say(reply)
            elif not getattr(self, f"do_{verb.lower()}", self._unknown)(rest):
                return

    def finish(self) -> None:
        """Close what TLS made of the connection, too."""
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def do_ehlo(self, _rest: str) -> bool:
        offers = ["250-relay.test", "250-8BITMIME"]
        offers += ["250-STARTTLS"] if self.server.relay.offers_tls and not self.sealed else []
        return self._say("\r\n".join([*offers, "250 AUTH PLAIN"]))

    def do_starttls(self, _rest: str) -> bool:
        self._say("220 go ahead")
        self.connection = self.request = self.server.trust.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.sealed = True
        return True

    def do_auth(self, rest: str) -> bool:
        _, login, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if password != PASSWORD:
            return self._say("535 5.7.8 no")
        self.server.relay.logins.append(login)
        return self._say("235 welcome")

    def do_mail(self, rest: str) -> bool:
        self.sender = rest.partition("<")[2].partition(">")[0]
        return self._say("250 ok")

    def do_rcpt(self, rest: str) -> bool:
        self.recipients.append(rest.partition("<")[2].partition(">")[0])
        return self._say("250 ok")

    def do_data(self, _rest: str) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        relay = self.server.relay
        relay.mails.append(cast("EmailMessage", email.message_from_bytes(b"".join(lines), policy=SMTP)))
        relay.envelopes.append((self.sender, self.recipients))
        relay.sealed.append(self.sealed)
        return self._say("250 taken")

    def do_rset(self, _rest: str) -> bool:
        return self._say("250 ok")

    def do_quit(self, _rest: str) -> bool:
        self._say("221 bye")
        return False

    def _unknown(self, _rest: str) -> bool:
        return self._say("502 unknown")

    def _say(self, line: str) -> bool:
        self.wfile.write(f"{line}\r\n".encode())
        return True

    def _drip(self) -> None:
        """One letter after another: no single answer is late, and nothing ever comes to an end."""
        with suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b"2")
                time.sleep(self.server.relay.drips)


@contextmanager
def mail_relay(certificate: ServerCertificate, *, at_once: bool = False) -> Iterator[Relay]:
    """A relay that listens until the end of the block; `at_once`: sealed from the first byte."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate.certificate, certificate.key)
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.relay, server.trust, server.at_once = Relay(server.server_address[1]), trust, at_once
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield server.relay
        finally:
            server.shutdown()
            serving.join()
