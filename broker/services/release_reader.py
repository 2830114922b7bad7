"""The table `[release]` of a descriptor: by what name, under which names and in what shape a service is told.

Read as strictly as the rest: a name that could pass for another part of an answer, a key without its feed, a claim
that the descriptor does not declare, each is a fault on its line. Nothing here can name the INE: it is no claim.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from broker.domain.people import Space
from broker.domain.release_rules import (
    AttributeRule,
    DateFormat,
    IdShape,
    PrincipalKind,
    PrincipalRule,
    ReleaseRules,
    XmlShape,
)
from broker.domain.services import NO_TEXT, ClaimName, Protocol
from broker.services.reading import Reader
from broker.services.release_principal import CLAIM_OF

RELEASE_KEYS = ("principal", "attributes", "xml", "school_parameter", "fixed", "principal_as")
PRINCIPAL_KEYS = ("kind", "source", "feed", "prefix", "shape")
ATTRIBUTE_KEYS = (
    "claim", "name", "protocols", "values", "only_mapped", "wrap", "join", "date", "source", "feed", "prefix",
)  # fmt: skip
RESERVED = frozenset({"user", "attributes", "userAttributes", "proxyGrantingTicket", "proxies", "sub", "iss", "aud"})
"""Names that mean something else in an answer: an attribute called `user` beside the user would be somebody else."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_INE = re.compile(r"(?i)(^|[^a-z])ine([^a-z]|$)|EleveINE")
_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FIXED = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_PREFIX = re.compile(r"[A-Za-z0-9$_:.-]{0,32}")
_WRITTEN = (Protocol.CAS, Protocol.SAML)


def read_release(reader: Reader | None, *, claims: Collection[ClaimName], space: Space) -> ReleaseRules | None:
    """Read the table; None when there is none. Adds to the reader's faults."""
    if reader is None:
        return None
    reader.only(RELEASE_KEYS)
    principal = _principal(reader.inner("principal"), claims=claims, space=space)
    attributes = tuple(_attribute(row, claims=claims) for row in reader.rows("attributes"))
    fixed, again = _fixed(reader.inner("fixed")), _wire_name(reader, "principal_as", optional=True)
    if again and principal.kind not in {PrincipalKind.SUBJECT, PrincipalKind.ID}:
        reader.fault("'principal_as' goes with a pairwise principal: another is a claim", key="principal_as")
    _check_names(reader, attributes, taken=tuple(name for name in (*(name for name, _ in fixed), again) if name))
    return ReleaseRules(
        principal=principal,
        attributes=attributes,
        xml=reader.member("xml", XmlShape, default=XmlShape.ATTRIBUTES),
        school_parameter=_matching(reader, "school_parameter", _PARAMETER),
        fixed=fixed,
        principal_as=again,
    )


def _fixed(reader: Reader | None) -> tuple[tuple[str, str], ...]:
    """Texts that everybody's answer holds, by the names of their attributes."""
    if reader is None:
        return ()
    named = ((_as_wire_name(reader, name, key=name), text) for name, text in reader.table.items())
    found = tuple((name, text) for name, text in named if name)
    if not all(isinstance(text, str) and _FIXED.fullmatch(text) for _, text in found):
        reader.fault("each is a short text of letters, digits and . _ : / -")
        return ()
    return found


def _principal(reader: Reader | None, *, claims: Collection[ClaimName], space: Space) -> PrincipalRule:
    if reader is None:
        return PrincipalRule()
    reader.only(PRINCIPAL_KEYS)
    rule = PrincipalRule(
        kind=reader.member("kind", PrincipalKind, default=PrincipalKind.SUBJECT),
        source=reader.word("source", default=""),
        feed=reader.word("feed", default=""),
        prefix=_matching(reader, "prefix", _PREFIX),
        shape=reader.member("shape", IdShape, default=IdShape.HEX),
    )
    claim = CLAIM_OF.get(rule.kind)
    if claim and claim not in claims:
        reader.fault(f"people are known by '{claim.value}', which 'claims' does not name", key="kind")
    if rule.kind is PrincipalKind.MAIL and space is not Space.STAFF:
        reader.fault('families share addresses: a mail can name staff only (space = "staff")', key="kind")
    if reader.has("shape") and rule.kind is not PrincipalKind.ID:
        reader.fault("'shape' goes with kind = \"id\"", key="shape")
    _check_origin(reader, claim, source=rule.source, feed=rule.feed, prefix=rule.prefix)
    return rule


def _attribute(reader: Reader, *, claims: Collection[ClaimName]) -> AttributeRule:
    reader.only(ATTRIBUTE_KEYS)
    word = reader.word("claim")
    claim = next((known for known in ClaimName if known.value == word), None)
    if word and claim not in claims:
        reader.fault(f"'claim': '{word}' is not among the 'claims' of the service", key="claim")
    rule = AttributeRule(
        claim=claim or ClaimName.NAME,
        name=_wire_name(reader, "name"),
        protocols=frozenset(reader.members("protocols", Protocol) or _WRITTEN),
        values=_values(reader),
        only_mapped=reader.flag("only_mapped"),
        wrap=_wire_name(reader, "wrap", optional=True),
        join=reader.word("join", default=""),
        date=reader.member("date", DateFormat, default=DateFormat.ISO),
        source=reader.word("source", default=""),
        feed=reader.word("feed", default=""),
        prefix=_matching(reader, "prefix", _PREFIX),
    )
    _check_attribute(reader, rule)
    _check_origin(reader, claim, source=rule.source, feed=rule.feed, prefix=rule.prefix)
    return rule


def _check_attribute(reader: Reader, rule: AttributeRule) -> None:
    if rule.claim in NO_TEXT and rule.protocols != {Protocol.OIDC}:
        why = 'is no text: only OpenID Connect can say it (protocols = ["oidc"])'
        reader.fault(f"'{rule.claim.value}' {why}", key="claim")
    if rule.claim in NO_TEXT and (rule.values or rule.join):
        reader.fault(f"'{rule.claim.value}' is no text: it has no 'values' and no 'join'", key="claim")
    if reader.has("date") and rule.claim is not ClaimName.BIRTH_DATE:
        reader.fault("'date' goes with claim = \"birthdate\"", key="date")
    if rule.only_mapped and not rule.values:
        reader.fault("'only_mapped' without 'values' would tell nothing", key="only_mapped")
    if rule.wrap and rule.join:
        reader.fault("'wrap' goes with a list, and a joined text is none", key="wrap")


def _check_origin(reader: Reader, claim: ClaimName | None, *, source: str, feed: str, prefix: str) -> None:
    """A login without its source, or a key without its feed, would be any of the person's."""
    if (claim is ClaimName.LOGIN) is not bool(source):
        reader.fault("'source' goes with a login, and a login with its 'source'", key="source")
    if (claim is ClaimName.EXTERNAL_ID) is not bool(feed):
        reader.fault("'feed' goes with an external_id, and an external_id with its 'feed'", key="feed")
    if prefix and claim is not ClaimName.EXTERNAL_ID:
        reader.fault("'prefix' goes with an external_id", key="prefix")


def _check_names(reader: Reader, rules: Collection[AttributeRule], *, taken: tuple[str, ...]) -> None:
    """Two attributes of one name would be read as one; so would a list that wears the name of another attribute."""
    for protocol in Protocol:
        spoken = [rule for rule in rules if protocol in rule.protocols]
        names = Counter(name for rule in spoken for name in (rule.name, rule.wrap) if name)
        names.update(taken)
        for name in sorted(name for name, count in names.items() if count > 1):
            reader.fault(f"two attributes are called '{name}' in {protocol.value}", key="attributes")


def _values(reader: Reader) -> tuple[tuple[str, str], ...]:
    inner = reader.inner("values")
    if inner is None:
        return ()
    if not all(isinstance(word, str) and word for word in inner.table.values()):
        inner.fault("each value is mapped to a text")
        return ()
    return tuple((value, str(word)) for value, word in inner.table.items())


def _wire_name(reader: Reader, key: str, *, optional: bool = False) -> str:
    return _as_wire_name(reader, reader.word(key, default="" if optional else None), key=key)


def _as_wire_name(reader: Reader, name: str, *, key: str) -> str:
    if name and not _NAME.fullmatch(name):
        reader.fault(f"'{key}' must be a plain name: letters, digits, dot, dash, underscore", key=key)
    if name in RESERVED or name.lower().startswith("xml"):
        reader.fault(f"'{key}': '{name}' means something else in an answer", key=key)
    if _INE.search(name):
        reader.fault(f"'{key}': nothing is ever released as an INE", key=key)
    return name


def _matching(reader: Reader, key: str, shape: re.Pattern[str]) -> str:
    value = reader.word(key, default="")
    if value and not shape.fullmatch(value):
        reader.fault(f"'{key}' has characters that it cannot have", key=key)
    return value
