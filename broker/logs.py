"""Logging: one JSON object a line on standard error, for our loggers and everybody else's.

A line cannot be forged (JSON escapes every control character), and what must not be logged does not get through:
handles, codes and tickets are masked by shape and by name, and of an exception only its kind and place are kept,
because the text of a library's error may hold a statement's values or an address with a ticket in it.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import IO, Any

import structlog

from broker.domain.handles import Handle

MASK = "[masked]"
_HANDLE = re.compile("(" + "|".join(map(re.escape, Handle)) + ")[A-Za-z0-9_-]{20,}")
"""The secret handles, whatever text they stand in."""
_IN_ADDRESS = re.compile(r"\b(ticket|code|state|nonce|token|access_token|id_token|client_secret|password)=[^&\s\"']+")
_SECRET_NAMES = frozenset(
    {"password", "secret", "client_secret", "token", "access_token", "id_token", "code_verifier", "ticket", "cookie",
     "authorization"}
)  # fmt: skip
_TALKATIVE = ("httpx", "httpcore", "alembic", "sqlalchemy", "asyncio", "werkzeug", "urllib3", "_granian")
"""Libraries whose chatter holds whole addresses, statements or nothing of use: their warnings are enough."""
_LONGEST = 2000

Event = MutableMapping[str, Any]


def configure_logging(level: str, *, stream: IO[str] | None = None) -> None:
    """Send every logger of this process through one JSON formatter. `level` is a name as `info`."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[
            _name_and_level,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            place_of_exception,
            mask_secrets,
            structlog.processors.JSONRenderer(sort_keys=True, default=_kind_only),
        ],
    )
    sink = logging.StreamHandler(stream or sys.stderr)
    sink.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(level.upper())
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line tells them
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _name_and_level(_logger: Any, _method: str, event: Event) -> Event:
    record: logging.LogRecord = event["_record"]
    event["logger"], event["level"] = record.name, record.levelname.lower()
    return event


def place_of_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its kind, its causes' kinds and the lines it came through; never its text."""
    fault = event.pop("exc_info", None)
    if isinstance(fault, tuple):
        fault = fault[1]
    if isinstance(fault, BaseException):
        event["exception"] = [_told(each) for each in _chain(fault)]
    return event


def _chain(fault: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = fault
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found


def _told(fault: BaseException) -> dict[str, object]:
    return {"kind": f"{type(fault).__module__}.{type(fault).__qualname__}", "at": _frames(fault.__traceback__)}


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def mask_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Mask what has the name or the shape of a secret, and cut what is too long to be a cause."""
    for name, value in event.items():
        event[name] = MASK if name.lower() in _SECRET_NAMES else _masked(value)
    return event


def masked_text(text: str) -> str:
    """A text without what has the shape of a secret, cut where it is too long to be a cause."""
    bare = _IN_ADDRESS.sub(rf"\1={MASK}", _HANDLE.sub(rf"\1{MASK}", text))
    return bare if len(bare) <= _LONGEST else bare[:_LONGEST] + "…"


def _masked(value: object) -> object:
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, list | tuple):
        return [_masked(part) for part in value]
    if isinstance(value, dict):
        return {key: MASK if str(key).lower() in _SECRET_NAMES else _masked(part) for key, part in value.items()}
    return value


def _kind_only(value: object) -> str:
    """A value that is not plain is told by its kind: its `repr` might hold anything."""
    return f"<{type(value).__qualname__}>"
