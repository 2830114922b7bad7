"""How a page and a redirect are answered: template, language, headers and cookies in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, g, render_template, request
from flask_babel import gettext
from markupsafe import Markup

from broker.federation.farewells import FAREWELL, FAREWELL_SECONDS
from broker.services.explain import Said
from broker.web.headers import content_policy
from broker.web.languages import FRENCH, Language
from broker.web.parts import SourceOffer
from broker.web.visitor import current_visitor
from broker.wire.http import parting_headers

_KEPT_PARAMETERS = ("i", "but", "page", "quoi", "de", "voir", "c")
"""Parameters that a change of language keeps: which login is in progress, and what it is for."""


def page(
    template: str,
    *,
    status: int = 200,
    return_origins: Iterable[str] = (),
    script: str = "",
    frame_origins: Iterable[str] = (),
    **values: Any,
) -> Response:
    """Answer with a page.

    `return_origins` are the only other places its forms may lead to, `script` all that runs, `frame_origins` all that
    is framed.
    """
    response = Response(render_template(template, script=script, **values), status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = content_policy(
        return_origins, script=script, frame_origins=frame_origins
    )
    response.headers["Content-Language"] = current_visitor().language.code
    return response


def see_other(location: str) -> Response:
    """Answer with a redirect by GET. `location` is a path of ours or an address a connector made."""
    response = Response(status=303)
    response.headers["Location"] = location
    return response


def parting(farewell: str) -> Response:
    """Empty the browser of who was here and lead it to the page that tells what is closed, by a farewell's handle."""
    response = see_other(FAREWELL)
    for header in parting_headers(farewell, seconds=FAREWELL_SECONDS):
        response.headers.add(*header)
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


def sentence(told: Said, *, sources: Mapping[str, SourceOffer], day: Callable[[date], str]) -> Markup:
    """A sentence of an explanation in the reader's language: each value isolated, a source by its own name."""
    language = current_visitor().language
    shown: dict[str, Markup | str] = {}
    for name, value in told.values.items():
        if isinstance(value, date):
            shown[name] = day(value)
        elif name == "source" and value in sources:
            shown[name] = name_in(sources[value].label, language)
        else:
            shown[name] = isolate(value, FRENCH.code)
    return Markup(gettext(told.msgid)) % shown  # noqa: S704 - the msgid is ours; Markup escapes what fills it in


def stands_at(address: str) -> None:
    """Say where a page is to be read again that was the answer to a form. `address` has a query already."""
    g.place = address


def language_link(code: str) -> str:
    """Address of the present page in another language; from a page that is no place of its own, the portal's."""
    if "place" in g:
        return f"{g.place}&lang={code}"
    if request.method != "GET" or request.routing_exception is not None or g.get("is_fault"):
        return f"/?lang={code}"
    kept = {name: request.args[name] for name in _KEPT_PARAMETERS if name in request.args}
    return f"{quote(request.path)}?{urlencode({**kept, 'lang': code})}"


def web_address(text: str) -> str:
    """An https (or http) address that a link may lead to; empty for anything else, as `javascript:`."""
    return text if text.startswith(("https://", "http://")) else ""
