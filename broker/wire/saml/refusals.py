"""Why a SAML message was refused: a closed list, for the log and for tests. Callers show their own page."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The one thing that was wrong, in the order in which things are looked at."""

    PARAMETERS = "parameters"
    SIZE = "size"
    ENCODING = "encoding"
    MARKUP = "markup"
    XML = "xml"
    DEPTH = "depth"
    SCHEMA = "schema"
    ROOT = "root"
    IDS = "ids"
    ASSERTIONS = "assertions"
    VALUES = "values"
    NAMESPACES = "namespaces"
    UNSIGNED = "unsigned"
    REFERENCE = "reference"
    TRANSFORMS = "transforms"
    ALGORITHM = "algorithm"
    KEY = "key"
    DIGEST = "digest"
    SIGNATURE = "signature"
    DECRYPTION = "decryption"
    STATUS = "status"
    ISSUER = "issuer"
    DESTINATION = "destination"
    IN_RESPONSE_TO = "in_response_to"
    SUBJECT = "subject"
    CONFIRMATION = "confirmation"
    RECIPIENT = "recipient"
    AUDIENCE = "audience"
    TIME = "time"
    AUTHN = "authn"
    ATTRIBUTES = "attributes"


class SamlRefused(Exception):
    """A message did not pass. `reason` says which look failed; nothing of the message is repeated."""

    def __init__(self, reason: Refusal, cause: str = "") -> None:
        super().__init__(f"{reason}: {cause}" if cause else reason.value)
        self.reason = reason
