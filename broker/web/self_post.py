"""The page that carries an answer to a service by POST (OAuth 2.0 Form Post Response Mode §2)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

from broker.protocol.endpoint import SelfPost
from broker.web.render import page

SEND = 'document.getElementById("onward").submit()'
"""All the script there is: without it the button does the same."""


def self_post_page(post: SelfPost) -> Response:
    """A form to the service that sends itself. Chromium asks the policy where it may go (`form-action`)."""
    target = urlsplit(post.action)
    origin = f"{target.scheme}://{target.netloc}"
    return page("self_post.html", return_origins=(origin,), script=SEND, action=post.action, fields=post.fields)
