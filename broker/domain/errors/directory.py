"""Refusals of a feed, an import, an act on the directory (PRE-4xxx)."""

from __future__ import annotations

import logging

from broker.domain.errors.tree import PreauError
from broker.domain.imports import ImportDifference


class DirectoryError(PreauError):
    """A feed or an import was refused."""

    code = "PRE-4000"
    level = logging.ERROR


class FeedRefused(DirectoryError):
    """A file set cannot be read as a whole: wrong name, mixed sets, an archive that escapes or explodes."""

    code = "PRE-4001"


class ImportHeld(DirectoryError):
    """The mass-change guard holds the import until a human confirms; `difference` is what it would change."""

    code = "PRE-4002"
    level = logging.WARNING

    def __init__(self, cause: str = "", difference: ImportDifference | None = None) -> None:
        super().__init__(cause)
        self.difference = difference


class ImportBusy(DirectoryError):
    """Another import is running, of this feed or of another one."""

    code = "PRE-4003"


class ImportStale(DirectoryError):
    """The files are older than the last ones applied."""

    code = "PRE-4004"


class NoSuchSubject(DirectoryError):
    """A command names a person, a link or a school that is not there."""

    code = "PRE-4005"
    status = 404
