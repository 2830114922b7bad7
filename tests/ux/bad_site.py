"""A page with every fault the checker knows, on the loopback: what it must not let through."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXPECTED = (
    "first visit", "requests", "second visit", "script", "no third party", "CSP and no-store",
    "ar axe", "ar language and direction", "ar contrast", "ar title", "ar names isolated", "ar 320 px",
    "works without JavaScript", "fields are labelled", "fields help (paste, autocomplete, size)", "error summary",
    "focus is visible", "focus is not covered", "order of stops", "nothing for the mouse alone", "skip link",
    "text at 200 %", "zoom at 200 %", "text spacing", "pinch zoom allowed", "targets", "print",
    "contrast in dark", "html-validate", "Nu checker",
)  # fmt: skip
"""Lines that fail on this page. Not here: reaching everything, traps, forced colours, which need pages of their own."""

_PAGE = b"""<html dir="rtl"><head><title></title>
<meta name="viewport" content="width=device-width,user-scalable=no,maximum-scale=1">
<style>*{outline:none!important}body{font:11px Arial;width:760px;color:#aaa;background:#fff}
.b{background:#8cf;color:#fff;width:90px;height:18px;overflow:hidden;cursor:pointer}
.x{display:inline-block;width:12px;height:12px;font-size:9px}
.under{position:relative}.lid{position:absolute;inset:0;background:#fff}</style>
<script src="/big.js"></script></head><body><nav>menu</nav><div id=app></div>
<noscript>Veuillez activer JavaScript</noscript>
<script>document.getElementById('app').innerHTML='<img src="/1.png"><img src="/2.png"><img src="HERE2/3.png">'
+'<div>Connexion</div><form><input id=u placeholder="Identifiant">'
+'<input id=p type=password autocomplete="off" onpaste="return false"><button>OK</button></form>'
+'<div class=b onclick="1">VALIDER LE FORMULAIRE ICI</div>'
+'<p class=under><a href="/" class=x>y</a><span class=lid></span></p>'
+'<a href="#" class=x>?</a><a href="javascript:void(0)" class=x>x</a><button tabindex=3 class=x>i</button>';</script>
</body></html>"""


@contextmanager
def serving_bad_page() -> Iterator[str]:
    """Serve the page on a free port of two loopback addresses (the second is the third party)."""
    server = ThreadingHTTPServer(("0.0.0.0", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with something heavy and unguarded."""
        port = self.server.server_address[1]
        body, kind = _PAGE.replace(b"HERE2", f"http://127.0.0.2:{port}".encode()), "text/html"
        if self.path == "/big.js":
            body, kind = b"var z='" + secrets.token_hex(60_000).encode() + b"'", "text/javascript"
        elif self.path.endswith(".png"):
            body, kind = secrets.token_bytes(60_000), "image/png"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
