"""A directory that answers whatever a test wants: what a hostile or broken server says, and what was said to it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from tests.certificates import ServerCertificate

BIND, SEARCH, EXTENDED, UNBIND = 0x60, 0x63, 0x77, 0x42
START_TLS = b"1.3.6.1.4.1.1466.20037"
_PAGED = b"1.2.840.113556.1.4.319"

Answer = Callable[["Heard"], Sequence[bytes]]
"""What to send back for a message; an empty message closes the connection."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in: its number, its operation's tag, its octets."""

    number: int
    operation: int
    octets: bytes


@dataclass(slots=True)
class Double:
    """A running double. `heard` is everything said to it, on every connection; `calls` counts connections."""

    port: int
    answer: Answer
    sealed: ssl.SSLContext | None
    heard: list[Heard] = field(default_factory=list)
    calls: int = 0
    raw: bytearray = field(default_factory=bytearray)
    threads: list[threading.Thread] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until every caller has gone: what they said last is then heard."""
        for thread in self.threads:
            thread.join(timeout=5)

    def operations(self) -> list[int]:
        return [one.operation for one in self.heard]

    def serve(self, caller: socket.socket) -> None:
        with suppress(OSError, IndexError), closing(caller):  # what comes may be no LDAP at all
            caller.settimeout(10)
            stream = self.sealed.wrap_socket(caller, server_side=True) if self.sealed else caller
            with closing(stream):
                while message := _message(stream):
                    self.raw += message
                    heard = _heard(message)
                    self.heard.append(heard)
                    for answer in self.answer(heard):
                        if not answer:
                            return
                        stream.sendall(answer)


@contextmanager
def double(answer: Answer, *, certificate: ServerCertificate | None) -> Iterator[Double]:
    """Serve until the block ends; without certificate in clear (for StartTLS)."""
    sealed = None
    if certificate:
        sealed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        sealed.load_cert_chain(certificate.certificate, certificate.key)
    ended = threading.Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.02)
        server = Double(listener.getsockname()[1], answer, sealed)
        thread = threading.Thread(target=_accept, args=(server, listener, ended), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            thread.join()


def _accept(server: Double, listener: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(TimeoutError):
            caller, _ = listener.accept()
            server.calls += 1
            server.threads.append(threading.Thread(target=server.serve, args=(caller,), daemon=True))
            server.threads[-1].start()
    server.settle()


def _message(stream: socket.socket) -> bytes:
    head = _exactly(stream, 2)
    if len(head) < 2:
        return b""
    if head[1] < 0x80:
        return head + _exactly(stream, head[1])
    length = _exactly(stream, head[1] & 0x7F)
    return head + length + _exactly(stream, int.from_bytes(length, "big"))


def _exactly(stream: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := stream.recv(size - len(found))):
        found += more
    return found


def _heard(message: bytes) -> Heard:
    """`30 len 02 len number op …`; numbers of a test run stay short."""
    start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    size = message[start + 1]
    number = int.from_bytes(message[start + 2 : start + 2 + size], "big")
    return Heard(number, message[start + 2 + size], message)


# ---- answers, in BER ---------------------------------------------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes(4, "big")
    return bytes([tag, 0x84]) + size + content


def message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    octets = number.to_bytes((number.bit_length() // 8) + 1, "big")
    return tlv(0x30, tlv(0x02, octets), operation, controls)


def _result(code: int, referrals: Sequence[str]) -> list[bytes]:
    refer = [tlv(0xA3, *(tlv(0x04, one.encode()) for one in referrals))] if referrals else []
    return [tlv(0x0A, bytes([code])), tlv(0x04), tlv(0x04, b"words of the server"), *refer]


def bound(heard: Heard, code: int = 0, referrals: Sequence[str] = ()) -> bytes:
    return message(heard.number, tlv(0x61, *_result(code, referrals)))


def extended(heard: Heard, code: int = 0) -> bytes:
    return message(heard.number, tlv(0x78, *_result(code, ())))


def found(heard: Heard, dn: str | bytes, attributes: Mapping[str, Sequence[str | bytes]]) -> bytes:
    listed = [
        tlv(0x30, tlv(0x04, name.encode()), tlv(0x31, *(tlv(0x04, _octets(value)) for value in values)))
        for name, values in attributes.items()
    ]
    return message(heard.number, tlv(0x64, tlv(0x04, _octets(dn)), tlv(0x30, *listed)))


def referred(heard: Heard, uri: str) -> bytes:
    return message(heard.number, tlv(0x73, tlv(0x04, uri.encode())))


def done(heard: Heard, code: int = 0, *, referrals: Sequence[str] = (), cookie: bytes | None = None) -> bytes:
    control = b""
    if cookie is not None:
        value = tlv(0x30, tlv(0x02, b"\0"), tlv(0x04, cookie))
        control = tlv(0xA0, tlv(0x30, tlv(0x04, _PAGED), tlv(0x04, value)))
    return message(heard.number, tlv(0x65, *_result(code, referrals)), control)


def _octets(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


ALINE = "uid=T99000a1,ou=people,dc=ent-test,dc=fr"
ALINES = {"uid": ["T99000a1"], "ENTPersonJointure": ["AC-TEST$500101"], "displayName": ["Aline"]}


def well_behaved(heard: Heard) -> Sequence[bytes]:
    """Everybody may bind; every search finds one mother."""
    if heard.operation == BIND:
        return [bound(heard)]
    if heard.operation == SEARCH:
        return [found(heard, ALINE, ALINES), done(heard, cookie=b"")]
    return [b""]


def but(operation: int, answer: Answer) -> Answer:
    """A well-behaved directory but for one operation."""
    return lambda heard: answer(heard) if heard.operation == operation else well_behaved(heard)
