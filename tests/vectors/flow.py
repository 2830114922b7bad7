"""The state machine of OAuth: requests with one fault, handles in the wrong slot, steps in the wrong order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from broker.domain.handles import Handle
from broker.domain.services import Service
from broker.protocol.oidc import authorize_checks as asked
from broker.protocol.oidc import pushed
from broker.protocol.oidc import token_checks as redeemed
from tests.oidc_stand import SECRET, VERIFIER, authorization, challenge_of, service

Check = Callable[..., None]
PAR_ONLY = "portail"


def served() -> tuple[Service, ...]:
    """A client that renews its tokens, another, and one that must push its requests."""
    plain = service(PAR_ONLY)
    pushing = replace(plain, parties=(replace(plain.parties[0], par=True),))
    return (service(more_scopes=("offline_access",)), service("bourses", more_scopes=("offline_access",)), pushing)


# ---- authorization requests ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """A request with one fault. `pairs` keeps what comes twice; `check` is what stops it first."""

    id: str
    pairs: tuple[tuple[str, str], ...]
    check: Check | None


FAULTS: tuple[tuple[Check, str, tuple[str | None, ...]], ...] = (
    (asked.check_response_type, "response_type",
     ("token", "id_token", "code token", "code id_token", "id_token token", "code id_token token", "none", "Code",
      "CODE", "code code", "code ", "password", "", None)),
    (asked.check_response_mode, "response_mode",
     ("fragment", "web_message", "jwt", "query.jwt", "form_post.jwt", "fragment.jwt", "FORM_POST", "query ", "none")),
    (asked.check_openid, "scope", ("profile", "OPENID", "Openid", "openid,profile", "open id", "children", "", None)),
    (asked.check_scope, "scope",
     ("openid email", "openid admin", "openid *", "openid birthdate", "openid PROFILE", "openid profile,school",
      "openid directory", "openid address", "openid openid2")),
    (asked.check_challenge_method, "code_challenge_method",
     ("plain", "PLAIN", "s256", "S512", "S256 ", "none", "S256,plain", "RS256", "", None)),
    (asked.check_challenge_shape, "code_challenge",
     ("a" * 42, "a" * 44, "a" * 42 + "+", "a" * 42 + "/", "a" * 42 + "=", "a" * 42 + ".", " " + "a" * 42, "a" * 128,
      "a" * 42 + "\u00e9", challenge_of(VERIFIER) + "=", "", None)),
    (asked.check_prompt, "prompt", ("create", "NONE", "login,consent", "unknown", "none2", "Login", "consent create")),
    (asked.check_prompt_alone, "prompt",
     ("none login", "login none", "none consent", "consent none", "none select_account", "none consent login")),
    (asked.check_max_age, "max_age",
     ("-1", "+500", " 500", "1.5", "x", "0x10", "1e3", "\u0663", "9" * 10, "1_000", "NaN")),
    (asked.check_claims, "claims",
     ("[]", "x", "{", "null", "1", '"openid"', '{"userinfo":[]}', '{"id_token":1}', "true")),
    (asked.check_request, "request", ("e30.e30.", "x", "eyJhbGciOiJub25lIn0.e30.", "a.b.c", "{}")),
    (asked.check_request_uri, "request_uri",
     ("https://cantine.example/r", "http://127.0.0.1/", "file:///etc/passwd", "x", "//evil.example/", "URN:x")),
    (asked.check_registration, "registration", ("{}", "x", '{"redirect_uris":["https://evil.example/"]}', "null")),
    (asked.check_state, "state", ("s" * 4097, "s" * 8000)),
    (asked.check_nonce, "nonce", ("n" * 513, "n" * 5000)),
    (asked.check_key, "dpop_jkt", ("k", "k" * 42, "k" * 44, "k" * 42 + "=", "k" * 42 + "+", "k" * 42 + " ")),
    (asked.check_redirect_uri, "redirect_uri",
     ("https://bourses.example/retour", "https://cantine.example/retour/", None)),
)  # fmt: skip
NOBODY = ("", "inconnu", "CANTINE", "cantine ", "cantine\u200b", "cantine%00", "*", "cantine,bourses", None)
TWICE = (
    "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt",
    "max_age", "acr_values", "ui_locales", "claims", "login_hint", "display", "anything",
)  # fmt: skip
ONE_ONLY = frozenset({"response_type", "redirect_uri", "scope", "code_challenge", "code_challenge_method"})
"""Of these a second one leaves none, which other checks stop too."""


def requests() -> Iterator[Request]:
    """Every parameter, absent or wrong or twice; nobody's client; a client that may only push."""
    for check, name, values in FAULTS:
        for number, value in enumerate(values):
            yield _request(f"{name}/{check.__name__}/{number}", check, **{name: value})
    for number, client_id in enumerate(NOBODY):
        yield _request(f"client_id/{number}", None, client_id=client_id)
    for name in TWICE:
        first = authorization().get(name, "")
        pairs = (*(pair for pair in authorization().items() if pair[0] != name), (name, first), (name, "x"))
        yield Request(f"twice/{name}", pairs, None if name in ONE_ONLY else asked.check_repeated)
    own = {"client_id": PAR_ONLY, "redirect_uri": f"https://{PAR_ONLY}.example/retour"}
    for number, more in enumerate(({}, {"prompt": "none"}, {"response_mode": "form_post"}, {"max_age": "9000"})):
        yield _request(f"openly/{number}", asked.check_pushed, **own, **more)


def _request(label: str, check: Check | None, **changes: str | None) -> Request:
    return Request(label, tuple(authorization(**changes).items()), check)


URN = "urn:ietf:params:oauth:request_uri:"
REFERENCES = ("https://cantine.example/r", "x", URN + "ppu_x", URN)


def pushed_requests() -> Iterator[Request]:
    """The same by the back channel, and a reference to yet another request."""
    yield from (each for each in requests() if each.check not in {asked.check_pushed, asked.check_request_uri})
    for number, uri in enumerate(REFERENCES):
        yield _request(f"reference/{number}", pushed.check_no_reference, request_uri=uri)


# ---- redemptions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Redeeming:
    """A redemption with one fault: what is changed in the form, who asks, and after how many seconds."""

    id: str
    changes: Mapping[str, str | None]
    check: Check | None = None
    client_id: str = "cantine"
    secret: str = SECRET
    later: int = 0
    asked_with: tuple[tuple[str, str], ...] = ()


GRANTS = (
    "password", "client_credentials", "implicit", "Authorization_Code", "authorization_code ", "code", "", None,
    "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:saml2-bearer", "*",
)  # fmt: skip
SECRETS = ("", " ", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), SECRET + " ", "*", "%00", "null", "undefined")
ELSEWHERE = (
    "https://cantine.example/retour/", "https://cantine.example/retour?", "https://bourses.example/retour", "", None,
    "https://cantine.example/Retour", "https://evil.example/", "https://cantine.example/retour#", "null", "*",
)  # fmt: skip
OTHER = (challenge_of(VERIFIER), "w" * 43, VERIFIER + "v", VERIFIER[:-1] + "V", "v" * 128, "~" * 43, "." * 43)
BEYOND = ("openid school", "children", "email", "openid offline_access children", "OPENID", "*")
SHORT = ("court", "v" * 42, "v" * 129, "v" * 42 + "!", "v" * 42 + " ", "v" * 42 + "+", "v" * 200, "v")


def code_redemptions() -> Iterator[Redeeming]:
    """One fault in the redemption of a good code."""
    for number, grant_type in enumerate(GRANTS):
        yield Redeeming(f"code/grant type/{number}", {"grant_type": grant_type})
    for number, secret in enumerate(SECRETS):
        yield Redeeming(f"code/secret/{number}", {}, secret=secret)
    for number, uri in enumerate(ELSEWHERE):
        yield Redeeming(f"code/redirect_uri/{number}", {"redirect_uri": uri}, redeemed.check_redirect_uri)
    for number, verifier in enumerate(
        (challenge_of(VERIFIER), "w" * 43, VERIFIER + "v", VERIFIER[:-1] + "V", "v" * 128)
    ):
        yield Redeeming(f"code/verifier/{number}", {"code_verifier": verifier}, redeemed.check_verifier)
    for number, verifier in enumerate(SHORT):
        with_it = (("code_challenge", challenge_of(verifier)),)
        change = {"code_verifier": verifier}
        yield Redeeming(f"code/short/{number}", change, redeemed.check_verifier_shape, asked_with=with_it)
    for number, verifier in enumerate(("", None)):
        yield Redeeming(f"code/no verifier/{number}", {"code_verifier": verifier})
    yield Redeeming("code/key", {}, redeemed.check_key, asked_with=(("dpop_jkt", "k" * 43),))
    yield Redeeming("code/another client", {}, client_id="bourses")
    yield from (Redeeming(f"code/late/{seconds}", {}, later=seconds) for seconds in (60, 61, 600, 86_400))


def refresh_redemptions() -> Iterator[Redeeming]:
    """One fault in the redemption of a good refresh token."""
    for number, grant_type in enumerate(GRANTS):
        yield Redeeming(f"refresh/grant type/{number}", {"grant_type": grant_type})
    for number, secret in enumerate(SECRETS):
        yield Redeeming(f"refresh/secret/{number}", {}, secret=secret)
    for number, scope in enumerate(
        ("openid school", "children", "email", "openid offline_access children", "OPENID", "*")
    ):
        yield Redeeming(f"refresh/scope/{number}", {"scope": scope}, redeemed.check_scope)
    yield Redeeming("refresh/another client", {}, client_id="bourses")
    yield from (Redeeming(f"refresh/late/{hours}", {}, later=hours * 3600) for hours in (12, 13, 720, 10_000))


# ---- handles -------------------------------------------------------------------------------------------------------

SLOTS: Mapping[str, Handle] = {
    "code": Handle.CODE, "refresh": Handle.REFRESH_TOKEN, "userinfo": Handle.ACCESS_TOKEN,
    "introspect": Handle.ACCESS_TOKEN, "request_uri": Handle.PUSHED, "resume": Handle.REQUEST,
    "logout resume": Handle.REQUEST, "session": Handle.SESSION, "secret": Handle.DEVICE,
}  # fmt: skip
"""Where a handle is shown, and which kind belongs there. No handle is a client's secret."""

TEXTS: Mapping[str, Callable[[str], str]] = {
    "longer": lambda text: text + "x", "shorter": lambda text: text[:-1], "swapped": str.swapcase, "upper": str.upper,
    "reversed": lambda text: text[::-1], "twice": lambda text: text * 2, "bare": lambda text: text[4:],
    "changed": lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"), "padded": lambda text: text + "=",
    "prefix only": lambda text: text[:4], "blank": lambda text: text[:9] + " " + text[9:],
    "dash": lambda text: text.replace("_", "-", 1),
    "zeros": lambda text: text[:4] + "0" * 43,
}  # fmt: skip


def crossings() -> Iterator[tuple[str, Handle, str]]:
    """Slot, kind of a live handle, how its text is changed: all but the right one, as they are and disguised."""
    for slot, kind in product(SLOTS, Handle):
        if SLOTS[slot] is not kind or slot in {"logout resume", "secret"}:
            yield slot, kind, "as it is"
        if SLOTS[slot] is not kind:
            yield slot, kind, "disguised"
    for slot, kind in SLOTS.items():
        yield from ((slot, kind, text) for text in TEXTS)


def flow_ids() -> Iterator[str]:
    """A name for each vector of this family; a request is one by GET and another by POST."""
    yield from (f"{route}/{each.id}" for each in requests() for route in ("get", "post"))
    yield from (f"push/{each.id}" for each in pushed_requests())
    yield from (each.id for each in (*code_redemptions(), *refresh_redemptions()))
    yield from (f"handle/{slot}/{kind.name}/{how}" for slot, kind, how in crossings())
    yield from (f"row/{'/'.join(row)}" for row in rows())


# ---- orders --------------------------------------------------------------------------------------------------------

STEPS = ("redeem", "sign out", "expire", "revoke", "other client")
LONGEST_ROW = 3


def rows() -> Iterator[tuple[str, ...]]:
    """Rows of steps after which a code must give nothing. A client's attempt that is not its own spends nothing."""
    for length in range(1, LONGEST_ROW + 1):
        for row in product(STEPS, repeat=length):
            if {"redeem", "sign out", "expire"} & set(row):
                yield row
