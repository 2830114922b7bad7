"""Short ways to write families down: adults, ties, places and pupils, as the feeds will hold them."""

from __future__ import annotations

from datetime import date

from broker.demo.people import Adult, Degree, Home, Place, Pupil, Tie, ine
from broker.demo.schools import BY_KEY, LEVELS, NEIGHBOUR, PORT

D1, D2 = Degree.FIRST, Degree.SECOND


def phone(number: int) -> str:
    """Return a mobile number of the range kept for fiction."""
    digits = f"{number:04d}"
    return f"+33 6 39 98 {digits[:2]} {digits[2:]}"


def mother(adult: str) -> Tie:
    """Return the tie of a mother with every right, who pays."""
    return Tie(adult, "10", pays=True, receives=True)


def father(adult: str) -> Tie:
    """Return the tie of a father with every right."""
    return Tie(adult, "20")


def at(school: str, room: str, key: str, *ties: Tie) -> Place:
    """Return a pupil's record at a school."""
    return Place(BY_KEY[school].degree, key, school, room, ties)


def home(street: str, *, far: bool = False) -> Home:
    """Return an address in Port-Fictif, or in Saint-Inventé when `far`."""
    town, postcode = NEIGHBOUR if far else PORT
    return Home(street, postcode, town)


def adult(ref: str, name: str, where: Home, *, k1: str = "", k2: str = "", mobile: int | None = None,
          mail: str = "", birth_name: str = "") -> Adult:  # fmt: skip
    """Return an adult known by `k1` in the 1D feed and `k2` in the 2D feed, with the same contacts in both.

    `name` is "Mme Given FAMILY"; `mobile` the last four digits of a number.
    """
    civility, given, family = split_name(name)
    keys = {degree: key for degree, key in ((D1, k1), (D2, k2)) if key}
    mobiles = {} if mobile is None else dict.fromkeys(keys, phone(mobile))
    mails = dict.fromkeys(keys, mail) if mail else {}
    return Adult(ref, given, family, civility, keys, where, birth_name or family, mobiles, mails)


def split_name(name: str) -> tuple[str, str, str]:
    """Split "Mme Aline LE GOFF" into civility, given and family name: upper-case words are the family's."""
    civility, *words = name.split()
    first = next(place for place, word in enumerate(words) if word.isupper() and len(word) > 1)
    return civility, " ".join(words[:first]), " ".join(words[first:])


class Book:
    """Writes pupils of one school year: birth dates follow from the level, pupil numbers from a counter."""

    def __init__(self, year: int, *, first_ine: int) -> None:
        self.year = year
        self._ine = first_ine

    def pupil(self, ref: str, name: str, day: str, where: Home, *places: Place) -> Pupil:
        """Return a pupil born on `day` (`14/03`), in the year that the level of the first place tells."""
        civility, given, family = split_name(name)
        first = places[0]
        level = BY_KEY[first.school].classroom(first.room).level_label
        month_day = date(2000, int(day[3:]), int(day[:2]))
        born = month_day.replace(year=self.year - LEVELS[level][1])
        number = ine(self._ine)
        self._ine += 1
        return Pupil(ref, given, family, civility, born, number, where, places, birth_name=family)
