"""Two écoles, two collèges and a lycée in Port-Fictif and its neighbour Saint-Inventé.

UAI numbers start with 999, which no département has; their check letters hold. Levels are MEFSTAT4 codes.
"""

from __future__ import annotations

from broker.demo.people import ClassRoom, Degree, School, uai

PORT = ("PORT-FICTIF", "29999")
NEIGHBOUR = ("SAINT-INVENTE", "29998")

LEVELS = {
    "PS": ("1111", 3), "MS": ("1112", 4), "GS": ("1113", 5), "CP": ("1121", 6), "CE1": ("1122", 7), "CE2": ("1123", 8),
    "CM1": ("1124", 9), "CM2": ("1125", 10), "6EME": ("2111", 11), "5EME": ("2112", 12), "4EME": ("2115", 13),
    "3EME": ("2116", 14), "2NDE": ("2211", 15), "1ERE": ("2212", 16), "TERM": ("2213", 17), "BTS1": ("3221", 18),
}  # fmt: skip
"""Level as schools write it → MEFSTAT4, and the age reached in the calendar year the school year begins."""

_MEF = {
    "6EME": "10010012110", "5EME": "10110001110", "4EME": "10210001110", "3EME": "10310019110",
    "2NDE": "20010018110", "1ERE": "20110019110", "TERM": "20211018110", "BTS1": "31122000110",
}  # fmt: skip
"""Eleven characters each, as `ENTEleveMEF` wants them; `3EME` and `1ERE` are real codes, the others only look so."""


def _primary(code: str, label: str, level: str) -> ClassRoom:
    return ClassRoom(code, label, LEVELS[level][0], level)


def _secondary(code: str, level: str) -> ClassRoom:
    return ClassRoom(code, code, LEVELS[level][0], level, _MEF[level])


MARRONNIERS = School(
    "9001", uai(9990001), Degree.FIRST, "ECOLE LES MARRONNIERS", "ECOLE", "151", *PORT, "2 RUE DE L'ENCLOS",
    "École Les Marronniers",
    (
        _primary("30401", "PS-MS MME ROSTAING", "PS"), _primary("30402", "GS M. D'ALMEIDA", "GS"),
        _primary("30403", "CP MME KERVELLA", "CP"), _primary("30412", "CE1-CE2 MME TEST", "CE1"),
        _primary("30413", "CE2 M. OUEDRAOGO", "CE2"), _primary("30414", "CM1 MME ZIELINSKA", "CM1"),
        _primary("30415", "CM2 M. L'HOSTIS", "CM2"),
    ),
)  # fmt: skip
VIEUX_MOULIN = School(
    "9004", uai(9990004), Degree.FIRST, "ECOLE DU VIEUX MOULIN", "ECOLE", "151", *NEIGHBOUR, "7 PLACE DU FOUR",
    "École du Vieux Moulin",
    (
        _primary("30501", "MS-GS MME SANTONI", "MS"), _primary("30502", "CP-CE1 M. BAYRAK", "CP"),
        _primary("30503", "CE2-CM1 MME LY", "CE2"), _primary("30504", "CM2 MME FERRIER", "CM2"),
    ),
)  # fmt: skip
TILLEULS = School(
    "9002", uai(9990002), Degree.SECOND, "DES TILLEULS", "COLLEGE", "340", *PORT, "15 BOULEVARD DES EMBRUNS",
    "Collège des Tilleuls",
    (
        _secondary("6A", "6EME"), _secondary("6B", "6EME"), _secondary("5A", "5EME"), _secondary("5B", "5EME"),
        _secondary("4A", "4EME"), _secondary("3A", "3EME"), _secondary("3B", "3EME"),
    ),
)  # fmt: skip
PHARE = School(
    "9005", uai(9990005), Degree.SECOND, "DU PHARE", "COLLEGE", "340", *NEIGHBOUR, "1 CHEMIN DE LA JETEE",
    "Collège du Phare",
    (_secondary("6C", "6EME"), _secondary("5C", "5EME"), _secondary("4C", "4EME"), _secondary("3C", "3EME")),
)  # fmt: skip
EMBRUNS = School(
    "9003", uai(9990003), Degree.SECOND, "DES EMBRUNS", "LYCEE", "300", *PORT, "40 AVENUE DU LARGE",
    "Lycée des Embruns",
    (
        _secondary("2NDE 1", "2NDE"), _secondary("2NDE 2", "2NDE"), _secondary("1G1", "1ERE"),
        _secondary("1G2", "1ERE"), _secondary("TG1", "TERM"), _secondary("BTS1 CG", "BTS1"),
    ),
)  # fmt: skip

SCHOOLS = (MARRONNIERS, VIEUX_MOULIN, TILLEULS, PHARE, EMBRUNS)
BY_KEY = {school.key: school for school in SCHOOLS}
