"""What a page costs: bytes and requests of a first and a second visit, third parties, headers."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import CDPSession, Page

from tests.ux.lens import PHONE, Lens, Target, origin_of
from tests.ux.lines import Budget, Line

Row = dict[str, Any]


def look(lens: Lens, target: Target, budget: Budget) -> list[Line]:
    """Weigh the page."""
    with lens.blank(target, size=PHONE) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        first, again = _visit(page, devtools, target), _visit(page, devtools, target)
        headers = page.request.get(target.url).headers
    size = sum(row["bytes"] for row in first) / 1000
    repeat = sum(row["bytes"] for row in again if not row["cached"]) / 1000
    script = sum(row["bytes"] for row in first if row["type"] == "Script") / 1000
    others = sorted({origin_of(row["url"]) for row in first} - {origin_of(target.url)})
    document = next((row for row in first if row["type"] == "Document"), {"status": 0})
    return [
        Line("status", document["status"], document["status"] == target.status),
        Line(f"first visit ≤ {budget.kb_first} kB", f"{size:.1f} kB", size <= budget.kb_first),
        Line(f"requests ≤ {budget.requests}", len(first), len(first) <= budget.requests),
        Line(f"second visit ≤ {budget.kb_repeat} kB", f"{repeat:.1f} kB", repeat <= budget.kb_repeat),
        Line(f"script ≤ {budget.script_kb} kB", f"{script:.1f} kB", script <= budget.script_kb),
        Line("no third party", others, not others),
        Line("CSP and no-store", headers.get("cache-control"), _guarded(headers)),
    ]


def _guarded(headers: dict[str, str]) -> bool:
    policy = headers.get("content-security-policy", "")
    return "default-src 'none'" in policy and "no-store" in headers.get("cache-control", "")


def _visit(page: Page, devtools: CDPSession, target: Target) -> list[Row]:
    rows: dict[str, Row] = {}

    def began(event: Any) -> None:
        answer = event["response"]
        rows[event["requestId"]] = {
            "url": answer["url"],
            "type": event["type"],
            "bytes": 0,
            "cached": answer.get("fromDiskCache", False),
            "status": answer["status"],
        }

    def ended(event: Any) -> None:
        if event["requestId"] in rows:
            rows[event["requestId"]]["bytes"] = event["encodedDataLength"]

    devtools.on("Network.responseReceived", began)
    devtools.on("Network.loadingFinished", ended)
    page.goto(target.url, wait_until="networkidle")
    page.wait_for_timeout(100)
    devtools.remove_listener("Network.responseReceived", began)
    devtools.remove_listener("Network.loadingFinished", ended)
    return [row for row in rows.values() if row["url"].startswith("http")]
