"""Seam to what the desk reads of persons and classes (adapter in `storage`)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.desk_file import ClassPupil, FiledAdult, FiledChild


class DeskFiles(Protocol):
    """What agents see of the directory. Who may ask for whom is decided before (`helpdesk.gate`)."""

    def children(self, person_id: str) -> tuple[FiledChild, ...]:
        """The children beside whom the person stands."""
        ...

    def adults(self, person_id: str) -> tuple[FiledAdult, ...]:
        """The adults beside a pupil."""
        ...

    def school(self, uai: str) -> str:
        """The name of a school; empty where there is none."""
        ...

    def classes(self, uai: str) -> tuple[str, ...]:
        """The classes of a school that have pupils, by label."""
        ...

    def taught(self, person_id: str) -> frozenset[tuple[str, str]]:
        """The classes that a teacher's records name, by school and label."""
        ...

    def pupils(self, uai: str, class_label: str, *, now: datetime) -> tuple[ClassPupil, ...]:
        """The pupils of a class by name, with the adults who may see each now."""
        ...
