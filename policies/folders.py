"""Folders of policies: which entries are read, which are left alone, and which are refused: nobody would read them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from policies.bounds import LARGEST_FILE

NOT_TENANTS = frozenset({"examples"})
"""Folders beside a layer's files that hold something else: examples are read by `policies.examples`."""


def is_left_alone(name: str) -> bool:
    """Hidden entries and private folders (`.git`, `__pycache__`), and what editors leave: `x~`, `#x#`, `x.swp`."""
    return name.startswith((".", "_", "#")) or name.endswith(("~", ".swp", ".swo"))


def tenant_places(overrides: Path) -> tuple[Path, ...]:
    """The folders within a folder of overrides that must be tenants', symbolic links among them."""
    return tuple(path for path in entries(overrides) if path.is_dir() and path.name not in NOT_TENANTS)


def followed(overrides: Path) -> tuple[Path, ...]:
    """Every entry that says something about policies, so that a change of any is seen."""
    return tuple(each for place in (overrides, *tenant_places(overrides)) for each in entries(place))


def entries(folder: Path) -> tuple[Path, ...]:
    """What stands in a folder and is not left alone, by name; nothing where it cannot be listed."""
    try:
        return tuple(sorted(path for path in folder.iterdir() if not is_left_alone(path.name)))
    except OSError:
        return ()


def read_texts(folder: Path, problems: list[str], *, label: str, wanted: Collection[str]) -> dict[str, str]:
    """The wanted files that are there, by name; what cannot be read goes to `problems`."""
    texts: dict[str, str] = {}
    if not folder.is_dir():
        problems.append(f"{folder}: no such folder")
        return texts
    if not os.access(folder, os.R_OK | os.X_OK):
        problems.append(f"{folder}: cannot be read")
        return texts
    for path in (path for path in entries(folder) if path.name in wanted):
        content = _content(path, problems, place=f"{label}{path.name}")
        if content is None:
            continue
        try:
            texts[path.name] = content.decode("utf-8")
        except UnicodeDecodeError as fault:
            line = content.count(b"\n", 0, fault.start) + 1
            problems.append(f"{label}{path.name}:{line}: cannot be read as UTF-8 text")
    return texts


def unknown_files(folder: Path, wanted: Collection[str]) -> Iterator[str]:
    """Entries beside the wanted files that are no folders: a slip in a name would change nothing, unseen."""
    return (f"{path}: unknown policy file" for path in entries(folder) if path.name not in wanted and not path.is_dir())


def unknown_folders(folder: Path, wanted: Sequence[str]) -> Iterator[str]:
    """Folders within a tenant's own, other than its examples."""
    return (
        f"{path}: a tenant's folder holds no folder but examples"
        for path in tenant_places(folder)
        if path.name not in wanted  # those are told already: no files
    )


def _content(path: Path, problems: list[str], *, place: str) -> bytes | None:
    """A pipe or a device is never opened: reading one may never end."""
    if not path.is_file():
        problems.append(f"{place}:1: is no regular file")
        return None
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError:
        problems.append(f"{place}:1: cannot be read")
        return None
    if len(content) > LARGEST_FILE:
        problems.append(f"{place}:1: larger than {LARGEST_FILE // 1024} KiB")
        return None
    return content
