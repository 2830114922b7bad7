"""The installation's master secret: sealed private keys at rest, and one derived key for each other purpose.

The file is the one thing a copy of the database cannot open. Losing it loses the signing keys, never a person's links.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.domain.errors import SettingsError

SECRET_BYTES = 32
MOST_BYTES = 4096
NONCE_BYTES = 12
_VERSION = b"\x01"


class UnsealError(Exception):
    """Sealed bytes were altered, are for another purpose, or were sealed under another master secret."""


@dataclass(frozen=True, slots=True)
class MasterSecret:
    """At least 32 random bytes that never leave this object; `repr` does not show them."""

    _secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self._secret) < SECRET_BYTES:
            raise ValueError("a master secret has at least 32 bytes")

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose (RFC 5869): keys of different purposes say nothing of each other."""
        return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=b"preau:" + purpose.encode()).derive(
            self._secret
        )

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """Encrypt under AES-256-GCM, bound to `purpose`: version byte, 96-bit random nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._cipher().encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes:
        """Decrypt what `seal` made for the same purpose. Raises `UnsealError`."""
        version, nonce, body = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if version != _VERSION or len(nonce) != NONCE_BYTES:
            raise UnsealError("not sealed here")
        try:
            return self._cipher().decrypt(nonce, body, purpose.encode())
        except InvalidTag as error:
            raise UnsealError("altered, or sealed for another purpose or under another secret") from error

    def _cipher(self) -> AESGCM:
        return AESGCM(self.derive("sealing"))


@dataclass(frozen=True, slots=True)
class HintSeal:
    """Seals what a source wants back at the sign-out (an ID token, a name), for the one session that it belongs to.

    A copy of the database then tells nobody's ID token, and none that was moved to another session opens there.
    """

    master: MasterSecret

    def seal(self, hint: str, *, sid: str) -> str:
        """Text to be kept with the session; nothing for nothing."""
        if not hint:
            return ""
        return base64.b64encode(self.master.seal(hint.encode(), purpose=_hint_of(sid))).decode()

    def unseal(self, kept: str, *, sid: str) -> str:
        """What was sealed; empty for what was not sealed here: the sign-out goes on without it."""
        try:
            return self.master.unseal(base64.b64decode(kept, validate=True), purpose=_hint_of(sid)).decode()
        except (UnsealError, ValueError):
            return ""


def _hint_of(sid: str) -> str:
    return f"source hint {sid}"


@dataclass(frozen=True, slots=True)
class FactorSeal:
    """Seals the key of a one-time code for the one account that it belongs to: the database alone makes no code."""

    master: MasterSecret

    def seal(self, key: str, account_id: str) -> str:
        """Text to be kept."""
        return base64.b64encode(self.master.seal(key.encode(), purpose=_factor_of(account_id))).decode()

    def unseal(self, kept: str, account_id: str) -> str:
        """What was sealed; empty for what was not sealed here, or for another account: it makes no code then."""
        try:
            return self.master.unseal(base64.b64decode(kept, validate=True), purpose=_factor_of(account_id)).decode()
        except (UnsealError, ValueError):
            return ""


def _factor_of(account_id: str) -> str:
    return f"second factor {account_id}"


class HeadSigner:
    """Signs and checks the heads of audit chains, with an Ed25519 key (RFC 8032) derived from the master secret."""

    def __init__(self, master: MasterSecret) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(master.derive("audit head"))
        self._public = self._key.public_key()

    def sign(self, message: bytes) -> str:
        """Return the signature in base64url without padding."""
        return base64.urlsafe_b64encode(self._key.sign(message)).rstrip(b"=").decode()

    def check(self, message: bytes, signature: str) -> bool:
        """Tell whether this installation signed the message."""
        try:
            self._public.verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), message)
        except (InvalidSignature, ValueError):
            return False
        return True


def load_master_secret(path: Path) -> MasterSecret:
    """Read the master secret, or draw and keep one when the file does not exist.

    Raises `SettingsError` when the file is too short, not a plain file, or open to others than this user: a secret
    that others could read is no secret any more, and starting on would hide that.
    """
    try:
        return read_master_secret(path)
    except FileNotFoundError:
        _create(path)
        return read_master_secret(path)


def read_master_secret(path: Path) -> MasterSecret:
    """Read the master secret that is there and make none.

    Raises `FileNotFoundError`, else as `load_master_secret`, which reads with this: one rule for both.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SettingsError((f"{path}: cannot be read ({type(error).__name__})",)) from error
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise SettingsError((f"{path}: is not a plain file",))
        if state.st_mode & 0o077 or state.st_uid not in {0, os.geteuid()}:
            raise SettingsError((f"{path}: is open to others than this user; give it mode 0600 and a new secret",))
        content = os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if not SECRET_BYTES <= len(content) <= MOST_BYTES:
        raise SettingsError((f"{path}: must hold {SECRET_BYTES} to {MOST_BYTES} random bytes",))
    return MasterSecret(content)


def _create(path: Path) -> None:
    """Write a fresh secret beside the place and link it in: of two processes one wins, and neither sees half a file."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(descriptor)
        os.link(fresh, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError((f"{path}: cannot be written ({type(error).__name__})",)) from error
    finally:
        fresh.unlink(missing_ok=True)
