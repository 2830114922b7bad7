"""Two hundred families more, the same at every run: drawn from a fixed seed.

Fill rates are those measured on real exports (AAF): no guardian has a birth date, half of the 2D ones and a third of
the 1D ones have a mail, 96 % and 76 % a mobile; contacts of one human differ between feeds, and sometimes names do.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, replace

from broker.demo.book import Book, at, home, phone
from broker.demo.families import FIRST_INE
from broker.demo.names import FAMILY, GIVEN_HERS, GIVEN_HIS, STREETS
from broker.demo.people import Adult, Degree, Family, Home, Place, Pupil, School, Tie
from broker.demo.schools import EMBRUNS, MARRONNIERS, PHARE, TILLEULS, VIEUX_MOULIN

SEED = 20_260_905
HOW_MANY = 200
MAIL = {Degree.FIRST: 0.32, Degree.SECOND: 0.50}
MOBILE = {Degree.FIRST: 0.76, Degree.SECOND: 0.96}
SMS_CONSENT = 0.16
THIRD_ADULT = 0.31
IN_THE_NEIGHBOURING_TOWN = 0.35
MISSPELT = 0.04
ALONE_IN_FEED = 0.047
"""Pupils of the 2D feed that carry no relation at all (13 of 277 in the measured set)."""
_FIRST_KEYS = {"adult-1D": 620_001, "adult-2D": 510_001, "pupil-1D": 101_001, "pupil-2D": 201_001}
_FIRST_PHONE = 1_000


@dataclass(frozen=True, slots=True)
class _Guardian:
    """An adult of a household, and the ties with which they stand beside the children in each feed."""

    adult: Adult
    link: str
    legal: str


class Generator:
    """Draws households one after the other; every number it hands out is used once."""

    def __init__(self, year: int, *, seed: int = SEED) -> None:
        self._draw = random.Random(seed)
        self._book = Book(year, first_ine=FIRST_INE + 500)
        self._next = dict(_FIRST_KEYS)
        self._phone = _FIRST_PHONE

    def family(self, number: int) -> Family:
        """Return the next household."""
        far = self._draw.random() < IN_THE_NEIGHBOURING_TOWN
        where = self._home(far=far)
        ref = f"g{number}"
        places = self._places(far=far)
        guardians = self._guardians(ref, where, degrees={school.degree for school, _ in places})
        pupils = tuple(self._pupil(f"{ref}-e{n}", where, school, room, guardians=guardians)
                       for n, (school, room) in enumerate(places, start=1))  # fmt: skip
        named = {tie.adult for pupil in pupils for place in pupil.places for tie in place.ties}
        return Family("", "", tuple(g.adult for g in guardians if g.adult.ref in named), pupils)

    def _places(self, *, far: bool) -> list[tuple[School, str]]:
        primary, middle = (VIEUX_MOULIN, PHARE) if far else (MARRONNIERS, TILLEULS)
        count = self._draw.choices((1, 2, 3, 4), weights=(40, 40, 17, 3))[0]
        rooms = [(school, room.code) for school in (primary, middle, EMBRUNS) for room in school.classes]
        usual = [place for place in rooms if not place[1].startswith("BTS")]
        return self._draw.sample(usual, count)

    def _home(self, *, far: bool) -> Home:
        return home(f"{self._draw.randint(1, 90)} {self._draw.choice(STREETS)}", far=far)

    def _guardians(self, ref: str, where: Home, *, degrees: set[Degree]) -> list[_Guardian]:
        shape = self._draw.choices(("couple", "apart", "hers", "his", "two mothers"), weights=(62, 16, 15, 4, 3))[0]
        his, hers = self._draw.choice(FAMILY), self._draw.choice(FAMILY)
        elsewhere = self._home(far=self._draw.choice((True, False))) if shape == "apart" else where
        found = []
        if shape != "his":
            used = self._usage_name(hers, his) if shape == "couple" else hers
            found.append(self._guardian(f"{ref}-a1", "Mme", used, where, link="10", degrees=degrees, birth_name=hers))
        if shape in {"couple", "apart", "his"}:
            found.append(self._guardian(f"{ref}-a2", "M.", his, elsewhere, link="20", degrees=degrees, birth_name=his))
        if shape == "two mothers":
            found.append(self._guardian(f"{ref}-a2", "Mme", his, where, link="10", degrees=degrees, birth_name=his))
        if Degree.SECOND in degrees and self._draw.random() < THIRD_ADULT:
            found.append(self._contact(f"{ref}-a3", self._draw.choice((hers, his))))
        return found

    def _usage_name(self, hers: str, his: str) -> str:
        return self._draw.choices((his, f"{hers}-{his}", hers), weights=(55, 15, 30))[0]

    def _guardian(self, ref: str, civility: str, name: str, where: Home, *, link: str, degrees: set[Degree],
                  birth_name: str, legal: str = "1") -> _Guardian:  # fmt: skip
        given = self._draw.choice(GIVEN_HERS if civility == "Mme" else GIVEN_HIS)
        ordered = sorted(degrees)
        keys = {degree: self._key(f"adult-{degree}") for degree in ordered}
        number, self._phone = phone(self._phone), self._phone + 1
        address = f"{_ascii(given)}.{_ascii(name)}{self._phone}@example.org"
        mobile = {degree: number for degree in ordered if self._draw.random() < MOBILE[degree]}
        mail = {degree: address for degree in ordered if self._draw.random() < MAIL[degree]}
        bare = _without_accents(given).replace("-", " ")
        spelled = {Degree.FIRST: bare} if self._draw.random() < MISSPELT and Degree.FIRST in degrees else {}
        adult = Adult(ref, given, name, civility, keys, where, birth_name, mobile, mail, spelled)
        return _Guardian(replace(adult, sms_consent=self._draw.random() < SMS_CONSENT), link, legal)

    def _contact(self, ref: str, name: str) -> _Guardian:
        link, civility = self._draw.choice(("39", "39", "39", "90", "38")), self._draw.choice(("Mme", "M."))
        return self._guardian(ref, civility, name, self._home(far=False), link=link, degrees={Degree.SECOND},
                              birth_name=name, legal="0")  # fmt: skip

    def _pupil(self, ref: str, where: Home, school: School, room: str, *, guardians: list[_Guardian]) -> Pupil:
        civility = self._draw.choice(("Mme", "M."))
        given = self._draw.choice(GIVEN_HERS if civility == "Mme" else GIVEN_HIS)
        last = guardians[min(1, len(guardians) - 1)] if guardians[0].link == "10" else guardians[0]
        family = (guardians[0] if last.legal == "0" else last).adult.birth_name
        day = f"{self._draw.randint(1, 28):02d}/{self._draw.randint(1, 12):02d}"
        payer = self._draw.randrange(2)
        ties = tuple(_tie(g, pays=place == payer) for place, g in enumerate(guardians) if _known(g, school))
        if school.degree is Degree.SECOND and self._draw.random() < ALONE_IN_FEED:
            ties = ()
        place: Place = at(school.key, room, self._key(f"pupil-{school.degree}"), *ties)
        return self._book.pupil(ref, f"{civility} {given} {family}", day, where, place)

    def _key(self, series: str) -> str:
        key = self._next[series]
        self._next[series] = key + 1
        return str(key)


def generated(year: int, *, seed: int = SEED) -> tuple[Family, ...]:
    """Return the two hundred families of a school year."""
    generator = Generator(year, seed=seed)
    return tuple(generator.family(number) for number in range(1, HOW_MANY + 1))


def _known(guardian: _Guardian, school: School) -> bool:
    return school.degree in guardian.adult.keys


def _tie(guardian: _Guardian, *, pays: bool) -> Tie:
    if guardian.legal == "0":
        return Tie(guardian.adult.ref, guardian.link, legal="0", contact=True)
    return Tie(guardian.adult.ref, guardian.link, pays=pays, receives=pays)


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _ascii(text: str) -> str:
    return "".join(c for c in _without_accents(text).lower() if "a" <= c <= "z") or "x"
