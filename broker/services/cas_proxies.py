"""Who may come in a person's name by CAS, asked anew at each use: what was a proxy once may be none any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from broker.domain.services import Service


def way_through(services: Iterable[Service], target: Service, callbacks: Sequence[str]) -> tuple[Service, ...]:
    """The services that a ticket for `target` came through, the latest first as its `callbacks` are.

    Empty when one of them may not be a proxy any more: it was suspended or has left, its callback is registered no
    longer, or the service after it lets it in no longer. What a proxy got earlier outlives none of these.
    """
    known, found, later = tuple(services), list[Service](), target
    for callback in callbacks:
        earlier = next((each for each in known if _may_come(each, later, callback)), None)
        if earlier is None:
            return ()
        found.append(earlier)
        later = earlier
    return tuple(found)


def _may_come(proxy: Service, later: Service, callback: str) -> bool:
    if proxy.cas is None or later.cas is None or proxy.is_suspended:
        return False
    return callback in proxy.cas.proxy_callbacks and proxy.service_id in later.cas.proxied_by
