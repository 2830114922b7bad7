"""OpenID Connect requests that are prepared while all is open, then tried (`test_disabled_flags`)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from tests.attacks.cas_attempts import Attempt, Town
from tests.oidc_stand import authorization, authorize_url, basic, redemption
from tests.web_stand import UAI


def code_of(location: str) -> str:
    return dict(parse_qsl(urlsplit(location).query)).get("code", "")


def authorize(town: Town) -> Attempt:
    client = town.signed_in()
    return lambda: bool(code_of(client.get(authorize_url()).location))


def posted(town: Town) -> Attempt:
    client = town.signed_in()

    def attempt() -> bool:
        kept = client.post("/authorize", {key: str(value) for key, value in authorization().items()})
        return kept.status == 303 and bool(code_of(client.get(kept.location).location))

    return attempt


def pushed(town: Town) -> Attempt:
    client = town.stand.client()
    asked = {key: str(value) for key, value in authorization().items()}
    return lambda: client.post("/par", asked, **basic()).status == 201


def resume(town: Town) -> Attempt:
    client = town.signed_in()
    kept = client.post("/authorize", {key: str(value) for key, value in authorization().items()})
    assert kept.status == 303
    return lambda: bool(code_of(client.get(kept.location).location))


def token(town: Town) -> Attempt:
    client = town.signed_in()
    code = code_of(client.get(authorize_url()).location)
    assert code
    return lambda: client.post("/token", redemption(code), **basic()).status == 200


def userinfo(method: str) -> Callable[[Town], Attempt]:
    def prepare(town: Town) -> Attempt:
        client = town.signed_in()
        code = code_of(client.get(authorize_url()).location)
        answer = client.post("/token", redemption(code), **basic())
        handle = answer.body.partition('"access_token":')[2].split('"')[1]

        def attempt() -> bool:
            told = client.send(method, "/userinfo", headers={"Authorization": f"Bearer {handle}"})
            return told.status == 200 and '"children"' in told.body and UAI in told.body

        assert attempt()  # a copy of the token now lies outside the database, as in real life
        return attempt

    return prepare


def introspection(town: Town) -> Attempt:
    client = town.signed_in()
    code = code_of(client.get(authorize_url()).location)
    answer = client.post("/token", redemption(code), **basic())
    handle = answer.body.partition('"access_token":')[2].split('"')[1]
    return lambda: '"active":true' in client.post("/introspect", {"token": handle}, **basic()).body
