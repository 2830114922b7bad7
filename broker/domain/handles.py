"""Identifiers and one-time handles: how they are drawn, typed and stored.

Every handle carries a prefix naming its kind, so that one kind can never be replayed as another
(the class of LemonLDAP::NG's CVE-2026-19349: a `state` accepted as a session).
"""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum


class Handle(StrEnum):
    """Prefix of each kind of secret handle. 256 random bits follow; only the SHA-256 is stored."""

    SESSION = "pse_"
    BROWSER = "pbr_"
    INTERACTION = "pin_"
    STATE = "pst_"
    REQUEST = "prq_"
    PUSHED = "ppu_"
    CODE = "pco_"
    ACCESS_TOKEN = "pat_"  # noqa: S105 - a prefix, not a secret
    REFRESH_TOKEN = "prt_"  # noqa: S105
    DEVICE_CODE = "pdc_"
    CHILD_TOKEN = "pkt_"  # noqa: S105 - k: for a kid
    SERVICE_TOKEN = "pmt_"  # noqa: S105 - m: of a machine
    CSRF = "pcs_"
    FAREWELL = "pfw_"
    DEVICE = "pdv_"
    CLIENT_SECRET = "pcl_"  # noqa: S105
    REGISTRATION = "prg_"
    WAY_IN = "pwi_"
    """A code being followed up to a new secret."""
    SECOND = "psf_"
    """A second factor being asked for."""


class Id(StrEnum):
    """Prefix of each kind of public identifier. 128 random bits follow; an id opens nothing by itself."""

    PERSON = "prs_"
    ACCOUNT = "acc_"
    ATTACHMENT = "att_"
    GRANT = "grt_"
    SESSION = "sid_"
    IMPORT = "imp_"
    RESTRICTION = "rst_"
    CLIENT = "clt_"
    CODE = "cod_"
    CREDENTIAL = "crd_"
    CONTACT = "cnt_"
    DESK_POST = "dkp_"
    DESK_REQUEST = "dkr_"
    BATCH = "bat_"


USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8
CLASS_CODE_LENGTH = 6


def new_handle(kind: Handle) -> str:
    """Draw a fresh secret handle: prefix + 256 random bits, URL-safe, 47 characters."""
    return kind + secrets.token_urlsafe(32)


def new_id(kind: Id) -> str:
    """Draw a fresh identifier: prefix + 128 random bits, URL-safe."""
    return kind + secrets.token_urlsafe(16)


def new_user_code() -> str:
    """Draw what a person copies from a screen: 8 of 20 consonants (34 bits), which spell no word (RFC 8628 §6.1)."""
    return "".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(USER_CODE_LENGTH))


def read_user_code(typed: str) -> str:
    """The code that was typed, whatever its case, dashes and blanks; empty when it cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter not in " -\u2010\u2011\u2013\u00a0")
    shaped = len(letters) == USER_CODE_LENGTH and set(letters) <= set(USER_CODE_ALPHABET)
    return letters if shaped else ""


def new_class_code() -> str:
    """Draw what a teacher writes on the board: 6 of 20 consonants, 64 million. It proves nothing (`domain.young`)."""
    return "".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(CLASS_CODE_LENGTH))


def read_code_of_class(typed: str) -> str:
    """The code of a class that was typed, whatever its case and blanks; empty when it cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter not in " -\u2010\u2011\u2013\u00a0")
    shaped = len(letters) == CLASS_CODE_LENGTH and set(letters) <= set(USER_CODE_ALPHABET)
    return letters if shaped else ""


def new_subject() -> str:
    """Draw a subject identifier: 128 random bits in lower-case hex, safe in every protocol and in file names."""
    return secrets.token_hex(16)


def is_handle(kind: Handle, value: str) -> bool:
    """Tell whether `value` has the shape of a handle of this kind (the gate before any look-up)."""
    return value.startswith(kind) and len(value) == len(kind) + 43 and value.isascii()


def digest(value: str) -> str:
    """SHA-256 of a random secret, in hex: what the database keeps. Safe for 256-bit random values only."""
    return hashlib.sha256(value.encode()).hexdigest()
