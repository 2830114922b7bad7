"""The master secret: kept for this user alone, and one key for each purpose."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from broker.domain.errors import SettingsError
from broker.storage.sealing import HeadSigner, MasterSecret, UnsealError, load_master_secret

MASTER = MasterSecret(b"m" * 32)


def write(path: Path, content: bytes, *, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_what_was_sealed_opens_for_the_same_purpose_only() -> None:
    sealed = MASTER.seal(b"private key", purpose="key:k1")
    assert b"private key" not in sealed
    assert MASTER.unseal(sealed, purpose="key:k1") == b"private key"
    with pytest.raises(UnsealError):
        MASTER.unseal(sealed, purpose="key:k2")


def test_another_master_secret_opens_nothing() -> None:
    with pytest.raises(UnsealError):
        MasterSecret(b"n" * 32).unseal(MASTER.seal(b"x", purpose="p"), purpose="p")


@pytest.mark.parametrize("place", range(1 + 12 + 1 + 16))
def test_no_byte_can_be_altered(place: int) -> None:
    sealed = bytearray(MASTER.seal(b"x", purpose="p"))
    assert len(sealed) == 1 + 12 + 1 + 16
    sealed[place] ^= 1
    with pytest.raises(UnsealError):
        MASTER.unseal(bytes(sealed), purpose="p")


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20])
def test_cut_bytes_do_not_open(length: int) -> None:
    with pytest.raises(UnsealError):
        MASTER.unseal(MASTER.seal(b"x", purpose="p")[:length], purpose="p")


def test_the_same_text_never_seals_alike() -> None:
    assert MASTER.seal(b"x", purpose="p") != MASTER.seal(b"x", purpose="p")


@pytest.mark.spec("RFC 5869 §3.2")
def test_each_purpose_has_its_own_key_and_keeps_it() -> None:
    keys = {purpose: MASTER.derive(purpose) for purpose in ("cookie", "csrf", "tombstone", "sealing")}
    assert len(set(keys.values())) == 4
    assert all(len(key) == 32 for key in keys.values())
    assert MASTER.derive("cookie") == keys["cookie"]
    assert MasterSecret(b"n" * 32).derive("cookie") != keys["cookie"]


def test_derived_keys_stay_the_same_in_later_versions() -> None:
    """A changed derivation would lose every sealed key and every tombstone."""
    assert MASTER.derive("cookie").hex() == "a8d01fb3d5a07b056c0443310da94e46f4a70e025bb16ce3bc102adeb7107970"


def test_the_secret_is_not_shown() -> None:
    assert "m" * 8 not in repr(MASTER)
    with pytest.raises(ValueError, match="32 bytes"):
        MasterSecret(b"short")


def test_a_first_start_draws_a_secret_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    first = load_master_secret(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert load_master_secret(path) == first
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


def test_processes_that_start_together_end_with_one_secret(tmp_path: Path) -> None:
    gate = Barrier(8)

    def start(_: int) -> MasterSecret:
        gate.wait()
        return load_master_secret(tmp_path / "master.key")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "master.key", b"m" * 32, mode=mode)
    with pytest.raises(SettingsError) as refused:
        load_master_secret(path)
    assert refused.value.code == "PRE-1001"
    assert "0600" in refused.value.problems[0]
    path.chmod(0o600)
    assert load_master_secret(path) == MASTER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_of_another_user_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "master.key", b"m" * 32)
    os.chown(path, 65534, 65534)
    with pytest.raises(SettingsError):
        load_master_secret(path)
    os.chown(path, 0, 0)
    assert load_master_secret(path) == MASTER


@pytest.mark.parametrize("content", [b"", b"m" * 31, b"m" * 4097])
def test_a_secret_of_another_length_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError) as refused:
        load_master_secret(write(tmp_path / "master.key", content))
    assert "32 to 4096" in refused.value.problems[0]


def test_a_place_that_cannot_hold_a_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_master_secret(tmp_path)
    with pytest.raises(SettingsError):
        load_master_secret(write(tmp_path / "file", b"") / "master.key")


@pytest.mark.spec("RFC 8032 §5.1")
def test_a_head_signature_is_checked_to_the_byte() -> None:
    signer = HeadSigner(MASTER)
    signature = signer.sign(b"head")
    assert signer.check(b"head", signature)
    assert not signer.check(b"heae", signature)
    assert not signer.check(b"head", signature[:-4])
    assert not HeadSigner(MasterSecret(b"n" * 32)).check(b"head", signature)
    assert not any(signer.check(b"head", wrong) for wrong in ("", "!", "é", "A", "A" * 86))
