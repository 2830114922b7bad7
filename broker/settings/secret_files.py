"""Files that hold one secret each: how they are read, and what makes one unusable."""

from __future__ import annotations

from pathlib import Path


def read_secret(path: Path) -> str:
    """The secret a file holds, without the line end that editors add."""
    return path.read_text(encoding="utf-8").rstrip("\r\n")


def secret_fault(path: Path) -> str:
    """Why the file holds no secret that can be used; empty when it holds one."""
    try:
        secret = read_secret(path)
    except OSError as fault:
        return f"cannot be read ({fault.strerror})"
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    return "" if secret.strip() else "is empty"
