"""How a page and a redirect are answered: template, language, headers and cookies in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, g, render_template, request
from markupsafe import Markup

from broker.web.headers import content_policy
from broker.web.languages import FRENCH, Language
from broker.web.visitor import current_visitor

_KEPT_PARAMETERS = ("i", "but")
"""Parameters that a change of language keeps: which login is in progress, and what it is for."""


def page(template: str, *, status: int = 200, return_origins: Iterable[str] = (), **values: Any) -> Response:
    """Answer with a page. `return_origins` are the only other places its forms may lead to."""
    response = Response(render_template(template, **values), status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = content_policy(return_origins)
    response.headers["Content-Language"] = current_visitor().language.code
    return response


def see_other(location: str) -> Response:
    """Answer with a redirect by GET. `location` is a path of ours or an address a connector made."""
    response = Response(status=303)
    response.headers["Location"] = location
    return response


def isolate(text: str, language: str = "") -> Markup:
    """Wrap an imported name so that its direction cannot disturb the text around it (Unicode UAX #9, `bdi`)."""
    if language:
        return Markup('<bdi lang="{}">{}</bdi>').format(language, text)
    return Markup("<bdi>{}</bdi>").format(text)


def left_to_right(text: str) -> Markup:
    """Wrap a number or code that reads from left to right in every language."""
    return Markup('<span dir="ltr">{}</span>').format(text)


def name_in(names: Mapping[str, str], language: Language) -> Markup:
    """A name that exists in several languages: in the reader's, else in French and marked as such."""
    if names.get(language.code):
        return isolate(names[language.code])
    return isolate(names.get(FRENCH.code) or next(iter(names.values()), ""), FRENCH.code)


def language_link(code: str) -> str:
    """Address of the present page in another language; from a page that is no place of its own, the portal's."""
    if request.method != "GET" or request.routing_exception is not None or g.get("is_fault"):
        return f"/?lang={code}"
    kept = {name: request.args[name] for name in _KEPT_PARAMETERS if name in request.args}
    return f"{quote(request.path)}?{urlencode({**kept, 'lang': code})}"
