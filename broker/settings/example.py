"""`preau.example.toml`, printed from the settings classes: what a docstring says, an administrator reads."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from broker.settings import message_values, values
from broker.settings.message_values import LetterSettings, MailSettings, SmsSettings
from broker.settings.values import (
    FederationSettings,
    FeedSettings,
    HashingSettings,
    RegistrationSettings,
    SecretSettings,
    Settings,
    SourceSettings,
    TenantSettings,
)

_WIDTH = 110
_HEAD = """\
# Préau: settings. Printed from the settings classes by `preau settings example`; a test keeps it so.
# Copy it to preau.toml and change what is yours. Lines that begin with "# " and a key show a default.
# Any single value may come from the environment: PREAU_DATABASE_URL, PREAU_SECRETS__MASTER_FILE,
# PREAU_SOURCES__ENT_1__URL (double underscore between levels, the id names the entry of a list).
"""

_SHOWN: Mapping[type[Any], tuple[Mapping[str, object], ...]] = {
    Settings: ({"issuer": "https://sso.example.fr"},),
    SecretSettings: ({"master_file": "secrets/master"},),
    RegistrationSettings: ({},),
    MailSettings: ({},),
    SmsSettings: ({},),
    LetterSettings: ({},),
    HashingSettings: ({},),
    TenantSettings: ({"id": "ac-fictive", "name": "Académie fictive"},),
    FeedSettings: (
        {"id": "99-2d", "tenant": "ac-fictive", "academie": "99", "degree": "2D"},
        {"id": "99-1d", "tenant": "ac-fictive", "academie": "99", "degree": "1D"},
        {"id": "onde", "tenant": "ac-fictive", "kind": "onde", "guardians": "contact"},
        {"id": "siecle", "tenant": "ac-fictive", "kind": "siecle"},
        {
            "id": "cantine",
            "tenant": "ac-fictive",
            "kind": "csv",
            "people": "guardians",
            "columns": {"login": "Identifiant", "family": "Nom", "given": "Prenom", "mail": "Courriel"},
        },
    ),
    SourceSettings: (
        {
            "id": "educonnect",
            "kind": "oidc",
            "tenant": "ac-fictive",
            "label": {"fr": "EduConnect", "en": "EduConnect", "ar": "EduConnect"},
            "issuer": "https://educonnect.example.fr",
            "client_id": "preau",
            "client_secret_file": "secrets/educonnect",
            "profile": "educonnect",
            "releases_references": True,
            "feeds": ["99-1d", "99-2d"],
            "assurance": "standard",
        },
        {
            "id": "ent-1",
            "kind": "cas",
            "tenant": "ac-fictive",
            "label": {"fr": "Mon ENT", "en": "My school portal", "ar": "بوابة المدرسة"},
            "url": "https://ent.example.fr/cas",
            "releases_references": True,
            "feeds": ["99-2d"],
            "academies": {"AC-FICTIVE": "99"},
        },
        {
            "id": "annuaire",
            "kind": "ldap",
            "tenant": "ac-fictive",
            "label": {"fr": "Mon lycée", "en": "My lycée", "ar": "ثانويتي"},
            "url": "ldaps://annuaire.example.fr",
            "reader_dn": "cn=lecteur,dc=ent,dc=example",
            "reader_password_file": "secrets/annuaire",
            "people_dn": "ou=people,dc=ent,dc=example",
            "releases_references": True,
            "feeds": ["99-2d"],
            "academies": {"AC-FICTIVE": "99"},
        },
        {
            "id": "maison",
            "kind": "own",
            "tenant": "ac-fictive",
            "label": {
                "fr": "J'ai un code ou un accès créé ici",
                "en": "I have a code or an access made here",
                "ar": "لدي رمز أو دخول أُنشئ هنا",
            },
        },
    ),
    FederationSettings: (
        {
            "id": "education",
            "tenant": "ac-fictive",
            "certificate_file": "secrets/federation.pem",
            "metadata_url": "https://metadata.example.fr/services.xml",
        },
    ),
}
"""What stands in the example: one table for each mapping, in this order."""

_TABLES: Mapping[str, type[Any]] = {
    "secrets": SecretSettings,
    "registration": RegistrationSettings,
    "mail": MailSettings,
    "sms": SmsSettings,
    "letters": LetterSettings,
    "hashing": HashingSettings,
    "tenants": TenantSettings,
    "feeds": FeedSettings,
    "sources": SourceSettings,
    "federations": FederationSettings,
}
_ONCE = frozenset({"secrets", "registration", "mail", "sms", "letters", "hashing"})
"""Tables of which there is one; the others are lists."""
_ASLEEP = frozenset({"federations"})
"""Tables that few installations have: shown, and not in force."""


def render_example() -> str:
    """The whole file: every setting there is, with its docstring above it."""
    docs = _attribute_docs()
    parts = [_HEAD, *_lines_of(Settings, _SHOWN[Settings][0], docs, documented=True)]
    for name, kind in _TABLES.items():
        for number, shown in enumerate(_SHOWN[kind]):
            parts.append("")
            if number == 0:
                parts += _comment(inspect.getdoc(kind) or "")
            table = [f"[{name}]" if name in _ONCE else f"[[{name}]]"]
            table += _lines_of(kind, shown, docs, documented=number == 0)
            parts += [line if name not in _ASLEEP or line.startswith("#") else f"# {line}" for line in table]
    return "\n".join(parts) + "\n"


def _lines_of(
    kind: type[Any], shown: Mapping[str, object], docs: Mapping[tuple[str, str], str], *, documented: bool
) -> Iterator[str]:
    for item in (item for item in fields(kind) if item.name not in _TABLES or kind is not Settings):
        if documented:
            yield from _comment(docs[kind.__name__, item.name])
        if item.name in shown:
            yield f"{item.name} = {_toml(shown[item.name])}"
        elif documented:
            yield f"# {item.name} = {_toml(_default(item))}"


def _default(item: Field[Any]) -> object:
    value = item.default if item.default_factory is MISSING else item.default_factory()
    return "" if value is None else value


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }" if value else "{}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]


def _attribute_docs() -> Mapping[tuple[str, str], str]:
    """The literal that follows each field; Python throws it away, the source keeps it."""
    docs: dict[tuple[str, str], str] = {}
    for kind in (
        each for module in (values, message_values) for each in ast.walk(ast.parse(inspect.getsource(module)))
    ):
        if not isinstance(kind, ast.ClassDef):
            continue
        for before, after in zip(kind.body, kind.body[1:], strict=False):
            if (
                isinstance(before, ast.AnnAssign)
                and isinstance(before.target, ast.Name)
                and isinstance(after, ast.Expr)
            ):
                docs[kind.name, before.target.id] = inspect.cleandoc(ast.literal_eval(after.value))
    return docs
