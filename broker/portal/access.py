"""The page "Mes accès": the logins linked to a person, what proved each, and whether it can still be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.sessions import SignIn


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One linked login. `can_undo` is what the page offers; the act checks again."""

    account: LinkedAccount
    is_current: bool
    can_undo: bool


@dataclass(frozen=True, slots=True)
class AccessPage:
    """Linked logins, newest first, and the last sign-ins."""

    lines: tuple[AccessLine, ...]
    ended: tuple[AccessLine, ...]
    sign_ins: tuple[SignIn, ...]

    def line(self, account_id: str) -> AccessLine | None:
        """The line of one account of this person, if it can be undone."""
        return next((x for x in self.lines if x.account.account_id == account_id and x.can_undo), None)


def build_access(
    accounts: Sequence[LinkedAccount], sign_ins: Sequence[SignIn], *, current_account: str, now: datetime
) -> AccessPage:
    """Sort a person's accounts into those that sign in and those that no longer do."""
    lines = tuple(
        AccessLine(
            account=account,
            is_current=account.account_id == current_account,
            can_undo=account.state is AccountState.LINKED
            and account.undo_until is not None
            and now < account.undo_until,
        )
        for account in accounts
    )
    linked = tuple(line for line in lines if line.account.state is AccountState.LINKED)
    return AccessPage(linked, tuple(line for line in lines if line not in linked), tuple(sign_ins))
