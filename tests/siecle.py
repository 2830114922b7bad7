"""SIECLE exports for tests: entries as text, and files with the parameters that real ones have.

Everybody in them is invented; académie 99 does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

UAI = "9990002Y"
DAY = "08/09/2026"
LEVEL, RANK = "NIVEAU_RESPONSABILITE", "RESP_LEGAL"


def elements(**texts: str) -> str:
    """Elements with these names and texts, the empty ones left out."""
    return "".join(f"<{name}>{text}</{name}>" for name, text in texts.items() if text)


def pupil(
    key: str, *, family: str = "QUEMENEUR", given: str = "Maëlys", born: str = "14/03/2012", ine: str = "",
    left: str = "", more: str = "",
) -> str:  # fmt: skip
    """A pupil; `more` is put into the entry as it is."""
    texts = elements(ID_NATIONAL=ine, NOM_DE_FAMILLE=family, PRENOM=given, DATE_NAISS=born, DATE_SORTIE=left)
    return f'<ELEVE ELEVE_ID="{key}">{texts}{more}</ELEVE>\n'


def classes(key: str, *codes: str, kind: str = "D") -> str:
    """A pupil's classes (D) or groups (G)."""
    parts = "".join(f"<STRUCTURE>{elements(CODE_STRUCTURE=code, TYPE_STRUCTURE=kind)}</STRUCTURE>" for code in codes)
    return f'<STRUCTURES_ELEVE ELEVE_ID="{key}">{parts}</STRUCTURES_ELEVE>\n'


def adult(key: str, *, family: str = "QUEMENEUR", given: str = "Aline", title: str = "MME", more: str = "") -> str:
    """An adult."""
    texts = elements(NOM_DE_FAMILLE=family, PRENOM=given, LC_CIVILITE=title)
    return f'<PERSONNE PERSONNE_ID="{key}">{texts}{more}</PERSONNE>\n'


def relation(child: str, person: str, right: str = "1", *, link: str = "10", by: str = LEVEL, more: str = "") -> str:
    """An adult beside a pupil, in the generation of codes that `by` names."""
    texts = elements(ELEVE_ID=child, PERSONNE_ID=person, CODE_PARENTE=link) + elements(**{by: right})
    return f"<RESPONSABLE_ELEVE>{texts}{more}</RESPONSABLE_ELEVE>\n"


def parameters(*, uai: str = UAI, day: str = DAY, year: str = "2026") -> str:
    """What a file says of itself."""
    return f"<PARAMETRES>{elements(UAJ=uai, ANNEE_SCOLAIRE=year, DATE_EXPORT=day)}</PARAMETRES>\n"


def document(root: str, said: str, *sections: str, encoding: str = "ISO-8859-15", prolog: str = "") -> bytes:
    """A file; a section is its entries one after the other."""
    body = "".join(f"<SECTION>\n{section}</SECTION>\n" for section in sections)
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n{prolog}<{root}>\n{said}<DONNEES>\n{body}</DONNEES>\n</{root}>\n'
    )
    return text.encode(encoding)


def pupils_file(pupils: Iterable[str], places: Iterable[str] = (), *, said: str = "") -> bytes:
    """A `BEE_ELEVES`."""
    return document("BEE_ELEVES", said or parameters(), "".join(pupils), "".join(places))


def adults_file(adults: Iterable[str], relations: Iterable[str], *, places: str = "", said: str = "") -> bytes:
    """A `BEE_RESPONSABLES`."""
    return document("BEE_RESPONSABLES", said or parameters(), "".join(adults), places, "".join(relations))


def write_set(folder: Path, pupils: bytes | None, adults: bytes | None = None) -> Path:
    """A folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("ElevesSansAdresses.xml", pupils), ("ResponsablesAvecAdresses.xml", adults)):
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def family(folder: Path, *, day: str = DAY, uai: str = UAI, pupils: int = 1, father: bool = True) -> Path:
    """A set of so many pupils with two parents each, or one."""
    said = parameters(day=day, uai=uai)
    keys = [str(771200 + number) for number in range(pupils)]
    adults = [adult("880101"), adult("880102", given="Goulven", title="M.")]
    beside = [relation(key, "880101") for key in keys]
    beside += [relation(key, "880102", link="20") for key in keys if father]
    return write_set(
        folder,
        pupils_file(
            [pupil(key, given=f"Maëlys {key}") for key in keys], [classes(key, "3A") for key in keys], said=said
        ),
        adults_file(adults, beside, said=said),
    )
