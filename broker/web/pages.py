"""The pages of the broker as one Flask application: routes, gates before them, cookies after them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request
from flask_babel import Babel, format_date, format_datetime, gettext
from werkzeug.exceptions import HTTPException

from broker.domain.errors import PreauError
from broker.domain.people import Reference
from broker.notify.spans import lasting
from broker.portal.why import mask_reference
from broker.protocol.endpoint import SelfPost
from broker.web import words
from broker.web.access import Access
from broker.web.agree import Agree
from broker.web.assets import StyleSheet, load_style_sheet, templates_folder
from broker.web.cas_warning import CasWarning
from broker.web.child_windows import ChildWindows
from broker.web.cookies import browser_cookie, language_cookie
from broker.web.desk import Desk
from broker.web.desk_classes import DeskClasses
from broker.web.desk_delegations import DeskDelegations
from broker.web.desk_incidents import DeskIncidents
from broker.web.desk_journal import DeskJournalPage
from broker.web.desk_pairs import DeskPairs
from broker.web.device import DevicePage
from broker.web.door import DOOR_ERROR, DOOR_POST
from broker.web.fault_notes import EXTENSION, FaultNotes
from broker.web.faults import show_fault, show_http_fault, show_sign_in, show_unexpected
from broker.web.forms import check_form, check_origin, check_single, form_token
from broker.web.home import Home
from broker.web.idle import StillThere, warn_in_time
from broker.web.integrate import Integrate
from broker.web.languages import BY_CODE, FRENCH, load_catalogues, offered_at
from broker.web.lost import LostPages
from broker.web.means import MeansPages
from broker.web.notices import Notices
from broker.web.own_data import OwnData
from broker.web.parts import FeedLabel, PageParts
from broker.web.passkeys import PasskeyPages
from broker.web.password import PasswordPage
from broker.web.places import PlacesPages
from broker.web.render import isolate, language_link, left_to_right, name_in, see_other, sentence, web_address
from broker.web.second import Second
from broker.web.self_post import self_post_page
from broker.web.sign_in import SignIn
from broker.web.sign_out import SignOut
from broker.web.start import Start
from broker.web.visitor import NotSignedIn, SecondWanted, current_visitor, find_half, second_path
from broker.web.ways_in import WaysInPages
from broker.web.young import Young

MOST_FORM_BYTES = 16 * 1024

_FRENCH_FIRST = re.compile(r"^1 ")
"""French says "le 1er septembre"; the locale data write "1 septembre"."""

Route = tuple[str, str, Callable[..., Response]]


def create_pages(parts: PageParts) -> Flask:
    """Build the application. It serves every path that the protocol door does not."""
    folder = templates_folder()
    style = load_style_sheet(folder)
    app = Flask(__name__, template_folder=str(folder), static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MOST_FORM_BYTES, MAX_FORM_MEMORY_SIZE=MOST_FORM_BYTES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = FaultNotes(parts.login_faults, parts.services, parts.federation, parts.clock)
    _install_languages(app, parts)
    _install_words(app, parts, style)
    for method, path, view in page_routes(parts, style):
        app.add_url_rule(path, f"{method} {path}", view, methods=[method], provide_automatic_options=False)
    _install_gates(app, parts)
    return app


def page_routes(parts: PageParts, style: StyleSheet) -> tuple[Route, ...]:
    """Every page, once."""
    sign_in, access, sign_out = SignIn(parts), Access(parts), SignOut(parts)
    password, device, integrate = PasswordPage(parts), DevicePage(parts), Integrate(parts)
    agree = Agree(parts)
    home, own_data, notices = Home(parts, sign_in), OwnData(parts), Notices(parts, style)
    return (
        ("GET", "/", home.show),
        ("GET", "/pourquoi", home.explain),
        ("GET", "/start/<service_id>", Start(parts).go),
        ("GET", "/accord", agree.ask),
        ("POST", "/accord", agree.say_yes),
        ("GET", "/cas/avertir", CasWarning(parts).show),
        ("GET", "/connexion", sign_in.ask),
        ("POST", "/connexion", sign_in.choose),
        ("GET", "/connexion/<source_id>", password.ask),
        ("POST", "/connexion/<source_id>", password.prove),
        ("GET", "/retour/<source_id>", sign_in.come_back),
        *_secret_routes(parts),
        ("GET", "/acces", access.show),
        ("GET", "/acces/<account_id>/annuler", access.confirm),
        ("POST", "/acces/<account_id>/annuler", access.undo),
        ("POST", "/acces/relier", access.link),
        ("GET", "/donnees", own_data.show),
        ("GET", "/donnees/export", own_data.read),
        ("GET", "/donnees/export.json", own_data.download),
        ("GET", "/device", device.ask),
        ("POST", "/device", device.find),
        ("POST", "/device/reponse", device.decide),
        ("GET", "/deconnexion", sign_out.ask),
        ("POST", "/deconnexion", sign_out.leave),
        ("GET", "/au-revoir", sign_out.farewell),
        ("GET", "/au-revoir/<source_id>", sign_out.leave_source),
        ("GET", "/au-revoir/<source_id>/retour", sign_out.come_back),
        *_desk_routes(parts),
        ("GET", "/integrer", integrate.show),
        ("GET", "/integrer/familles", integrate.families),
        ("GET", "/codes", integrate.codes),
        ("GET", "/codes/<code>", integrate.code),
        ("GET", "/avis", notices.fault),
        ("GET", "/sante", notices.health),
        ("GET", "/robots.txt", notices.robots),
        ("GET", "/static/<name>", notices.style_sheet),
        *_session_routes(parts),
    )


def _session_routes(parts: PageParts) -> tuple[Route, ...]:
    """The pages about sessions: where they are open, what they lack, when they end."""
    places, still_there, second = PlacesPages(parts), StillThere(parts), Second(parts)
    passkeys = PasskeyPages(parts, second)
    return (
        ("GET", "/appareils", places.show),
        ("POST", "/appareils", places.close),
        ("GET", "/passages", places.history),
        ("POST", "/passages", places.not_me),
        ("GET", "/acces-ferme", places.closed),
        ("GET", "/second", second.ask),
        ("POST", "/second", second.prove),
        ("GET", "/second/nouveau", second.offer),
        ("POST", "/second/nouveau", second.confirm),
        ("POST", "/second/retirer", second.remove),
        ("POST", "/connexion/<source_id>/cle", passkeys.sign_in),
        ("GET", "/second/cle/plus-tard", passkeys.later),
        ("POST", "/second/cle", passkeys.show),
        ("GET", "/second/cle/nouvelle", passkeys.offer),
        ("POST", "/second/cle/nouvelle", passkeys.add),
        ("GET", "/toujours-la", still_there.ask),
        ("POST", "/toujours-la", still_there.stay),
    )


def _secret_routes(parts: PageParts) -> tuple[Route, ...]:
    """What leads to a secret of one's own, and in by it; nothing of it is there where no source keeps secrets here."""
    ways = WaysInPages(parts)
    return (
        *_own_routes(ways, LostPages(parts), MeansPages(parts)),
        *_young_routes(Young(parts, ways), ChildWindows(parts)),
    )


def _own_routes(ways: WaysInPages, lost: LostPages, means: MeansPages) -> tuple[Route, ...]:
    """From codes to secrets; no page of them is there where no source keeps its secrets here."""
    return (
        ("GET", "/code", ways.ask_code),
        ("POST", "/code", ways.take_code),
        ("GET", "/code/naissance", ways.ask_birth_date),
        ("POST", "/code/naissance", ways.take_birth_date),
        ("GET", "/code/ouvert", ways.ask_window),
        ("POST", "/code/ouvert", ways.take_window),
        ("GET", "/code/passe", ways.ask_secret),
        ("POST", "/code/passe", ways.take_secret),
        ("GET", "/code/pret", ways.show_done),
        ("GET", "/code/deja", ways.show_used),
        ("POST", "/code/deja", ways.not_me),
        ("GET", "/perdu", lost.ask),
        ("GET", "/perdu/mobile", lost.ask_mobile),
        ("POST", "/perdu/mobile", lost.send),
        ("GET", "/perdu/aide", lost.show_help),
        ("GET", "/perdu/code", lost.ask_digits),
        ("POST", "/perdu/code", lost.take_digits),
        ("GET", "/moyens", means.show),
        ("POST", "/moyens", means.ask),
        ("POST", "/moyens/passe", means.new_secret),
    )


def _young_routes(young: Young, windows: ChildWindows) -> tuple[Route, ...]:
    """For pupils of écoles, who come in by pictures."""
    return (
        ("GET", "/enfants", windows.ask),
        ("POST", "/enfants", windows.open),
        ("GET", "/classe", young.ask_class),
        ("POST", "/classe", young.take_class),
        ("GET", "/classe/<code>", young.ask_name),
        ("GET", "/classe/<code>/<ref>", young.ask_pictures),
        ("POST", "/classe/<code>/<ref>", young.prove),
        ("GET", "/code/images", young.ask_new),
        ("POST", "/code/images", young.take_new),
    )


def _desk_routes(parts: PageParts) -> tuple[Route, ...]:
    """What agents alone see."""
    desk, desk_classes, desk_pairs = Desk(parts), DeskClasses(parts), DeskPairs(parts)
    delegations = DeskDelegations(parts)
    return (
        ("GET", "/guichet", desk.search),
        ("GET", "/guichet/compte/<person_id>", desk.show),
        ("POST", "/guichet/compte/<person_id>", desk.act),
        ("GET", "/guichet/incident/<number>", DeskIncidents(parts).show),
        ("GET", "/guichet/journal", DeskJournalPage(parts).show),
        ("GET", "/guichet/delegations", delegations.show),
        ("POST", "/guichet/delegations", delegations.change),
        ("GET", "/guichet/a-confirmer", desk_pairs.show),
        ("GET", "/guichet/a-confirmer/<request_id>", desk_pairs.ask),
        ("POST", "/guichet/a-confirmer/<request_id>", desk_pairs.answer),
        ("GET", "/guichet/classe", desk_classes.ask),
        ("POST", "/guichet/classe", desk_classes.print_letters),
        ("GET", "/guichet/ma-classe", desk_classes.mine),
        ("POST", "/guichet/ma-classe", desk_classes.open),
    )


def _install_languages(app: Flask, parts: PageParts) -> None:
    babel = Babel(
        app,
        default_locale=FRENCH.code,
        default_timezone=parts.time_zone,
        locale_selector=lambda: current_visitor().language.locale,
    )
    catalogues = load_catalogues(templates_folder())
    with app.app_context():
        babel.domain_instance.cache.update({(locale, "messages"): found for locale, found in catalogues.items()})


def _install_words(app: Flask, parts: PageParts, style: StyleSheet) -> None:
    def token() -> str:
        visitor = current_visitor()
        return form_token(parts.csrf_key, browser=visitor.browser, session=visitor.session_handle)

    @app.context_processor
    def every_page() -> dict[str, Any]:
        return {"language": current_visitor().language, "languages": offered_at(request.path)}

    app.jinja_env.globals.update(
        language_link=language_link, form_token=token, style=style.name,
        isolate=isolate, name_in=name_in, words=words, day=_day, moment=_moment, code=left_to_right,
        web_address=web_address,
        lasting=_lasting, in_minutes=lambda minutes: _lasting(timedelta(minutes=minutes)),
        numbers=lambda tenant="": parts.policies.current().of(tenant),
        masked=lambda key: left_to_right(mask_reference(key)), feed_name=_feed_name,
        said=lambda told: sentence(told, sources=parts.sources, day=_day),
    )  # fmt: skip


def _day(value: Any) -> str:
    written = str(format_date(value, "long", rebase=hasattr(value, "hour")))
    return _FRENCH_FIRST.sub("1er ", written) if current_visitor().language is FRENCH else written


def _lasting(span: timedelta) -> str:
    return lasting(span, current_visitor().language.locale)


def _moment(value: Any) -> str:
    return str(gettext("%(day)s à %(time)s", day=_day(value), time=format_datetime(value, "HH:mm")))


def _feed_name(feeds: Mapping[str, FeedLabel], feed_id: str, reference: Reference) -> str:
    school = feed_id.partition(".")[2].upper()
    if school:
        return str(gettext(words.LIST_OF_SCHOOL, number=school))
    feed = feeds.get(feed_id) or FeedLabel(reference.academie, "")
    if not feed.academie:
        return str(gettext(words.DIRECTORY_OF_ENT))
    text = words.DEGREE.get(feed.degree, words.DEGREE[""])
    return str(gettext(text, number=feed.academie))


def _install_gates(app: Flask, parts: PageParts) -> None:
    @app.before_request
    def gate() -> Response | None:
        fault = request.environ.get(DOOR_ERROR)
        if isinstance(fault, PreauError):
            raise fault
        post = request.environ.get(DOOR_POST)
        if isinstance(post, SelfPost):
            return self_post_page(post)
        check_single(request.args.lists())
        if request.method not in {"GET", "HEAD"} and request.routing_exception is None:
            _check_form(parts)
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        visitor = current_visitor()
        if not response.cache_control.public:
            response.vary.add("Cookie")
        if visitor.is_new and response.mimetype == "text/html":
            response.headers.add(*browser_cookie(visitor.browser))
        if visitor.asked_language in BY_CODE:
            response.headers.add(*language_cookie(visitor.asked_language))
        warn_in_time(response, now=parts.clock())
        return response

    app.register_error_handler(NotSignedIn, lambda fault: _lead_in(parts, fault))
    app.register_error_handler(SecondWanted, lambda _: see_other(second_path(_asked_for())))
    app.register_error_handler(PreauError, show_fault)
    app.register_error_handler(HTTPException, show_http_fault)
    app.register_error_handler(Exception, show_unexpected)


def _lead_in(parts: PageParts, fault: NotSignedIn) -> Response:
    """To the second factor, whoever only lacks that; to the sign-in page, everybody else."""
    return see_other(second_path(_asked_for())) if find_half(parts) else show_sign_in(fault)


def _asked_for() -> str:
    """Where the person was going, to go on there once a second factor was shown."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def _check_form(parts: PageParts) -> None:
    visitor = current_visitor()
    check_origin(request.headers.get("Origin"), issuer=parts.issuer)
    check_single(request.form.lists())
    browser = "" if visitor.is_new else visitor.browser
    check_form(request.form, parts.csrf_key, browser=browser, session=visitor.session_handle)
