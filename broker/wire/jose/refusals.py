"""Why a token or a key was refused: a closed list, for the log and for tests. Callers show their own page."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The one thing that was wrong, in the order in which things are looked at."""

    SIZE = "size"
    ENCODING = "encoding"
    HEADER = "header"
    ALG = "alg"
    TYP = "typ"
    KEY = "key"
    SIGNATURE = "signature"
    PAYLOAD = "payload"
    TIME = "time"
    ISS = "iss"
    AUD = "aud"
    AZP = "azp"
    SUB = "sub"
    NONCE = "nonce"
    AT_HASH = "at_hash"
    JTI = "jti"
    HTM = "htm"
    HTU = "htu"
    ATH = "ath"


class TokenRefused(Exception):
    """A token or key did not pass. `reason` says which look failed; nothing of the token is repeated."""

    def __init__(self, reason: Refusal, cause: str = "") -> None:
        super().__init__(f"{reason}: {cause}" if cause else reason.value)
        self.reason = reason
