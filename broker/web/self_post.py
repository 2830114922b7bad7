"""The page that carries an answer to a service by POST (OAuth 2.0 Form Post Response Mode §2)."""

from __future__ import annotations

from flask import Response

from broker.protocol.endpoint import SelfPost
from broker.services.addresses import origin_of
from broker.web.render import page

SEND = 'document.getElementById("onward").submit()'
"""All the script there is: without it the button does the same."""


def self_post_page(post: SelfPost) -> Response:
    """A form to the service that sends itself. Chromium asks the policy where it may go (`form-action`)."""
    return page(
        "self_post.html", return_origins=(origin_of(post.action),), script=SEND, action=post.action, fields=post.fields
    )
