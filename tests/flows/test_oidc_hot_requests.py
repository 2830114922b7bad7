"""What a hot request costs in the broker as it is served, on PostgreSQL and Redis: counted, never timed.

At most one statement, at most one round trip to Redis, no key imported, no template looked up, no process started.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import pytest
import redis
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.app import Broker
from broker.stores import utc_now
from tests.contract.statements import statements
from tests.oidc_stand import Answer, Browser, authorize_url, basic, redemption
from tests.whole_app import call, open_app, signed_in

pytestmark = pytest.mark.services

COSTLY: tuple[tuple[str, type, str], ...] = (
    ("redis", redis.connection.AbstractConnection, "send_packed_command"),
    ("key import", ECKey, "import_key"),
    ("key import", RSAKey, "import_key"),
    ("key import", OKPKey, "import_key"),
    ("template", jinja2.Environment, "get_template"),
    ("process", subprocess.Popen, "__init__"),
)


@pytest.fixture
def broker(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Broker]:
    with open_app(tmp_path, utc_now, more=f'database_url = "{postgres_url}"\nredis_url = "{redis_url}"\n') as built:
        yield built


@contextmanager
def counted(broker: Broker) -> Iterator[Counter[str]]:
    """How often each costly thing is done meanwhile."""
    seen: Counter[str] = Counter()

    def noting(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **named: Any) -> Any:
            seen[name] += 1
            return plain(*args, **named)

        return noted

    with pytest.MonkeyPatch.context() as patch, statements(broker.stores.engine) as sent:
        for name, owner, method in COSTLY:
            patch.setattr(owner, method, noting(name, getattr(owner, method)))
        yield seen
        seen["statement"] = len(sent)


def issue(broker: Broker, browser: Browser) -> str:
    return call(broker, "GET", authorize_url(), browser).told["code"]


def redeem(broker: Broker, code: str) -> Answer:
    return call(broker, "POST", "/token", form=redemption(code), headers=basic())


def test_each_hot_request_costs_one_statement_and_one_round_trip_at_most(broker: Broker) -> None:
    browser = signed_in(broker, utc_now)
    for _ in range(2):  # the first of a process reads what the next ones remember: subjects, the day's line, copies
        token = redeem(broker, issue(broker, browser)).json["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        call(broker, "GET", "/userinfo", headers=bearer)
    code = issue(broker, browser)
    asked: dict[str, Callable[[], Answer]] = {
        "discovery": lambda: call(broker, "GET", "/.well-known/openid-configuration"),
        "jwks": lambda: call(broker, "GET", "/jwks"),
        "authorize": lambda: call(broker, "GET", authorize_url(), browser),
        "token": lambda: redeem(broker, code),
        "userinfo": lambda: call(broker, "GET", "/userinfo", headers=bearer),
        "introspection": lambda: call(broker, "POST", "/introspect", form={"token": token}, headers=basic()),
    }
    costs = {}
    for name, ask in asked.items():
        with counted(broker) as seen:
            assert ask().status in {200, 303}
        costs[name] = {what: count for what, count in seen.items() if count}
    one = {"statement": 1}
    assert all(cost.pop("redis", 0) <= 1 for cost in costs.values()), costs
    stated = dict.fromkeys(("authorize", "token", "userinfo", "introspection"), one)
    assert costs == {"discovery": {}, "jwks": {}, **stated}


def test_what_is_counted_would_be_seen(broker: Broker) -> None:
    with counted(broker) as seen:
        call(broker, "GET", "/")
        ECKey.import_key(ECKey.generate_key("P-256").as_dict())
        subprocess.run(["true"], check=True)
        broker.ephemeral.put("a", b"x", ttl=1)
    assert all(seen[name] for name in ("template", "key import", "process", "redis"))
