"""Who works at the five schools: heads, teachers of every class, vie scolaire and librarians."""

from __future__ import annotations

import random
from datetime import date

from broker.demo.names import FAMILY, GIVEN_HERS, GIVEN_HIS
from broker.demo.people import Degree, Post, School, Staff
from broker.demo.schools import SCHOOLS

_SEED = 1_882
_FIRST_KEY = {Degree.FIRST: 711_001, Degree.SECOND: 701_001}
_SUBJECTS = (
    ("L0202", "LETTRES MODERNES"), ("L1300", "MATHEMATIQUES"), ("L1000", "HISTOIRE GEOGRAPHIE"), ("L0422", "ANGLAIS"),
    ("L1600", "SCIENCES DE LA VIE ET DE LA TERRE"), ("L1500", "PHYSIQUE ET CHIMIE"),
)  # fmt: skip
_OFFICES = (("DIR", "DIRECTION"), ("EDU", "EDUCATION"), ("DOC", "DOCUMENTATION"))


def staff_of_the_town() -> tuple[Staff, ...]:
    """Return the staff of every school, the same at every run."""
    draw = random.Random(_SEED)
    keys = dict(_FIRST_KEY)
    found = []
    for school in SCHOOLS:
        for post in _posts(school):
            found.append(_member(draw, school.degree, str(keys[school.degree]), post))
            keys[school.degree] += 1
    return tuple(found)


def _posts(school: School) -> list[Post]:
    if school.degree is Degree.FIRST:
        head = Post(school.key, "DIR", "DIRECTION")
        return [head, *(Post(school.key, "ENS", "ENSEIGNEMENT", classes=(room.code,)) for room in school.classes)]
    classes = tuple(room.code for room in school.classes)
    teachers = [Post(school.key, "ENS", "ENSEIGNEMENT", code, label, classes) for code, label in _SUBJECTS]
    return [*(Post(school.key, code, label) for code, label in _OFFICES), *teachers]


def _member(draw: random.Random, degree: Degree, key: str, post: Post) -> Staff:
    civility = draw.choice(("Mme", "M."))
    given = draw.choice(GIVEN_HERS if civility == "Mme" else GIVEN_HIS)
    family = draw.choice(FAMILY)
    born = date(draw.randint(1964, 2000), draw.randint(1, 12), draw.randint(1, 28))
    return Staff(f"p{key}", given, family, civility, born, degree, key, (post,), birth_name=family)
