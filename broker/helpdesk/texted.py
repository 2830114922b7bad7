"""A code like a letter's, by SMS to the number on file. Sent now or not at all, kept nowhere in clear.

It never goes by the stored notices, whose rows would hold it, nor to a number that anybody types: an agent who works
for a thief gains nothing by it. The page still asks what only the family knows. The rules refuse it for staff, and no
code by SMS lets staff in (`Activation`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from broker.accounts.hashing import Hashing
from broker.domain.access_notices import NoticeKind
from broker.domain.audit import Action
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind, ContactKind, LetterCode, new_letter_code
from broker.domain.errors import DeskRefused, PreauError, StorageUnavailable
from broker.domain.handles import Id, new_id
from broker.domain.names import family_words
from broker.domain.notices import MessageUnsent
from broker.domain.ports import Codes
from broker.domain.ports.notify import Channels, CodeSender
from broker.helpdesk.acts import ActAsked, check
from broker.helpdesk.gate import CONTACT_MOVED, Gate
from policies import CodeTable, HelpdeskAct
from policies.explain import N_

log = logging.getLogger(__name__)

NO_GATEWAY = N_("Aucun envoi de SMS n'est réglé ici. Ouvrez quelques minutes, ou imprimez une lettre.")
NO_MOBILE = N_("L'école ne connaît aucun mobile de cette personne. Ouvrez quelques minutes, ou imprimez une lettre.")
OF_OTHERS_TOO = N_("Ce numéro est aussi celui d'une autre famille. Ouvrez quelques minutes, ou imprimez une lettre.")
NOT_SENT = N_("Le SMS n'est pas parti, son code ne marche pas. Réessayez, ou imprimez une lettre.")

_DRAWS = 8


@dataclass(frozen=True, slots=True)
class DeskTexts:
    """Sends such codes. `sender` None: no source keeps its secrets here."""

    gate: Gate
    channels: Channels
    codes: Codes
    hashing: Hashing
    sender: CodeSender | None

    @property
    def are_set_up(self) -> bool:
        """Whether there is a way to send any."""
        return self.sender is not None and self.sender.reaches(ContactKind.MOBILE)

    def send(self, asked: ActAsked) -> None:
        """Send one. Raises `DeskRefused`, also where it is known not to have gone out: then its code is ended."""
        check(self.gate, HelpdeskAct.SMS, asked)
        try:
            self._send(asked)
        except DeskRefused:
            self.gate.limits.was_not_opened(asked.target.person_id)
            raise

    def _send(self, asked: ActAsked) -> None:
        if self.sender is None or not self.are_set_up:
            raise DeskRefused(NO_GATEWAY)
        table = self.gate.policies.current().of(asked.agent.tenant).codes
        to = self._mobile(asked, table)
        code_id, drawn = self._issue(asked, to, table)
        minutes = int(table.sms_life / timedelta(minutes=1))
        try:
            self.sender.send_letter(to, drawn, minutes=minutes, uai=asked.uai)
        except (PreauError, MessageUnsent) as fault:
            log.warning("a code was not sent: %s trace=%s", type(fault).__name__, asked.trace)
            self.codes.end(code_id, now=asked.now, audit=asked.event(Action.SHORT_CODE_UNSENT, code=code_id))
            raise DeskRefused(NOT_SENT) from fault

    def _mobile(self, asked: ActAsked, table: CodeTable) -> str:
        """The number on file; none while another is held, which may be for longer than the gate looks back."""
        reached = self.channels.reached(asked.target.person_id, now=asked.now)
        if reached.held:
            raise DeskRefused(CONTACT_MOVED)
        known = [each.to for each in reached.channels if each.kind is ContactKind.MOBILE]
        if not known:
            raise DeskRefused(NO_MOBILE)
        if self._is_of_others_too(known[0], asked):
            raise DeskRefused(OF_OTHERS_TOO)
        why = self.gate.limits.claim_text(known[0], table.of_number, now=asked.now)
        if why:
            raise DeskRefused(why)
        return known[0]

    def _is_of_others_too(self, number: str, asked: ActAsked) -> bool:
        """Whether a stranger's records name it too: a school's own number in the place of one, or a slip of typing.

        Whoever bears a family name of theirs is no stranger: one parent of two schools stands in two records at first.
        """
        gate, person_id = self.gate, asked.target.person_id
        holders = {*gate.contacts.holders(ContactKind.MOBILE, number, now=asked.now), *gate.search.by_mobile(number)}
        names = gate.names_of_family(person_id, now=asked.now)
        beyond = (gate.people.person(each, now=asked.now) for each in holders - gate.family(person_id))
        return any(each and not names & family_words(each.name.family) for each in beyond)

    def _issue(self, asked: ActAsked, to: str, table: CodeTable) -> tuple[str, LetterCode]:
        for _ in range(_DRAWS):
            drawn, code_id = new_letter_code(), new_id(Id.CODE)
            code = Code(
                code_id=code_id, kind=CodeKind.SMS, person_id=asked.target.person_id,
                secret=self.hashing.hash_in_turn(drawn.secret), uai=asked.uai, issued_at=asked.now,
                expires_at=asked.now + table.sms_life, tries=0, most_tries=int(table.letter_tries),
                locator=drawn.locator,
            )  # fmt: skip
            event = asked.event(Action.SHORT_CODE_SENT, code=code_id, end=to[-2:], by="desk")
            told = asked.notice(NoticeKind.CODE_TEXTED)
            if not self.codes.issue(IssueCodes((code,), asked.agent.person_id, "", (event,), (told,), asked.answers)):
                return code_id, drawn
        raise StorageUnavailable("no locator is free")
