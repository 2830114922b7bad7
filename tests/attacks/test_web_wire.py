"""Requests no browser would send, through the real server: headers that come twice, unclear lengths."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Request

from broker.domain.errors import BadPageRequest
from broker.domain.handles import Handle
from broker.web.edge import Edge
from broker.web.forms import check_origin
from broker.web.visitor import read_visitor
from tests.servers import free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PORT = int(os.environ.get("PREAU_TEST_PORT", "0"))
ISSUER = f"http://127.0.0.1:{PORT}"
START_SECONDS = 30


def _tell(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with what the pages would believe of the request."""
    request = Request(environ)
    visitor = read_visitor(request)
    try:
        check_origin(request.headers.get("Origin"), issuer=ISSUER)
        origin = "own"
    except BadPageRequest:
        origin = "foreign"
    body = f"session={visitor.session_handle} origin={origin}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


app = Edge(_tell, issuer=ISSUER)
"""What the server of this test serves."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    chosen = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(chosen),
        "tests.attacks.test_web_wire:app",
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "PREAU_TEST_PORT": str(chosen)}, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + START_SECONDS
        while not _listens(chosen):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.05)
        yield chosen
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(port: int, *headers: str, method: str = "GET") -> str:
    """Send these header lines as they are; returns the whole answer."""
    lines = [f"{method} /connexion HTTP/1.1", *(line.replace("OWN", f"127.0.0.1:{port}") for line in headers)]
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received.decode()


def test_one_host_of_ours_is_served_and_names_no_server(port: int) -> None:
    answer = send(port, "Host: OWN")
    assert answer.startswith("HTTP/1.1 200")
    assert "granian" not in answer.lower()


@pytest.mark.parametrize(
    "hosts", [("Host: OWN", "Host: evil.example"), ("Host: evil.example", "Host: OWN"), ("Host: OWN", "Host: OWN"), ()]
)
def test_two_hosts_or_none_are_refused(port: int, hosts: tuple[str, ...]) -> None:
    assert send(port, *hosts).startswith(("HTTP/1.1 421", "HTTP/1.1 400"))


def test_two_origins_are_a_foreign_one(port: int) -> None:
    assert "origin=own" in send(port, "Host: OWN", "Origin: http://OWN", method="POST")
    twice = send(port, "Host: OWN", "Origin: http://OWN", "Origin: http://evil.example", method="POST")
    assert "origin=foreign" in twice or twice.startswith("HTTP/1.1 400")


def test_two_cookie_headers_with_one_name_give_no_session(port: int) -> None:
    one, two = (Handle.SESSION + letter * 43 for letter in "ab")
    cookie = "Cookie: __Host-preau-session="
    assert f"session={one}" in send(port, "Host: OWN", cookie + one)
    assert "session= " in send(port, "Host: OWN", cookie + one, cookie + two)


@pytest.mark.parametrize(
    "lengths", [("Content-Length: 5", "Content-Length: 6"), ("Content-Length: -1",), ("Content-Length: x",)]
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(port: int, lengths: tuple[str, ...]) -> None:
    assert send(port, "Host: OWN", *lengths, method="POST").startswith("HTTP/1.1 400")
