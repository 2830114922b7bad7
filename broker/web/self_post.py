"""Pages that carry something away by POST: an answer to a service, a question to a source.

OAuth 2.0 Form Post Response Mode §2, SAML Bindings §3.5.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from broker.federation import WayOut
from broker.protocol.endpoint import SelfPost
from broker.services.addresses import origin_of
from broker.web.render import page, see_other

SEND = 'document.getElementById("onward").submit()'
"""All the script there is: without it the button does the same."""


def self_post_page(post: SelfPost) -> Response:
    """A form to the service that sends itself. Chromium asks the policy where it may go (`form-action`)."""
    return _page("self_post.html", post.action, post.fields)


def lead_away(way: WayOut) -> Response:
    """To the source that a person signs in with: by redirect, or by a form where it takes its question so."""
    return _page("to_source.html", way.url, way.form) if way.form else see_other(way.url)


def _page(template: str, action: str, fields: Mapping[str, str]) -> Response:
    return page(template, return_origins=(origin_of(action),), script=SEND, action=action, fields=fields)
