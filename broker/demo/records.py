"""From the town's people to AAF records: the 2D words and the 1D words, which differ for the same things.

2D: `sn`, `ENTElevePersRelEleve` in six parts. 1D: `ENTPersonNom`, `ENTEleveAutoriteParentale` in two parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.demo.aaf import Attributes, Category, Entry
from broker.demo.people import Adult, Degree, Family, Home, Place, Population, Pupil, School, Staff, Tie
from broker.demo.schools import BY_KEY, LEVELS

ACADEMIE = "99"
_CYCLES = {"111": "1$CYCLE I", "1121": "2$CYCLE II", "1122": "2$CYCLE II", "1123": "2$CYCLE II", "112": "3$CYCLE III"}
_AGE = dict(LEVELS.values())


def entries_of(population: Population, degree: Degree) -> list[Entry]:
    """Return every record of one feed, in the order people were drawn."""
    write = _FIRST if degree is Degree.FIRST else _SECOND
    found = [Entry(Category.SCHOOL, s.key, write.school(s)) for s in population.schools if s.degree is degree]
    if degree is Degree.SECOND:
        found += [Entry(Category.MEF, mef, words) for mef, words in _mefs(population).items()]
    for family in population.families:
        found += _of_family(family, degree)
    members = [*population.staff, *(member for family in population.families for member in family.staff)]
    found += [Entry(Category.STAFF, m.key, write.staff(m)) for m in members if m.degree is degree]
    return found


def _of_family(family: Family, degree: Degree) -> Iterator[Entry]:
    write = _FIRST if degree is Degree.FIRST else _SECOND
    keys = {adult.ref: adult.keys.get(degree, "") for adult in family.adults}
    children: dict[str, list[str]] = {ref: [] for ref in keys}
    for pupil in family.pupils:
        for place in (place for place in pupil.places if place.degree is degree):
            for tie in place.ties:
                children[tie.adult].append(place.key)
            yield Entry(Category.PUPIL, place.key, write.pupil(pupil, place, keys))
    for adult in (adult for adult in family.adults if degree in adult.keys):
        yield Entry(Category.GUARDIAN, adult.keys[degree], write.guardian(adult, tuple(children[adult.ref])))


def _mefs(population: Population) -> dict[str, Attributes]:
    """The table of training programmes: eleven characters each, and the statistical code whose head tells the level."""
    rooms = {room.mef: room for school in population.schools for room in school.classes if room.mef}
    return {
        mef: {
            "ENTMefJointure": (mef,),
            "ENTLibelleMef": (room.level_label,),
            "ENTMEFRattach": (mef,),
            "ENTMEFSTAT11": (f"{room.level}0000000",),
        }
        for mef, room in rooms.items()
    }


def yes_no(value: bool) -> tuple[str, ...]:
    """Return O or N."""
    return ("O" if value else "N",)


def _address(where: Home) -> Attributes:
    return {
        "ENTPersonAdresse": (f"{where.street}$$$",),
        "ENTPersonCodePostal": (where.postcode,),
        "ENTPersonVille": (where.town,),
        "ENTPersonPays": ("FRANCE",),
    }


class _Second:
    """The 2D words."""

    def school(self, school: School) -> Attributes:
        kind = {"COLLEGE": "CLG", "LYCEE": "LYC"}[school.kind]
        return {
            "ENTStructureJointure": (school.key,),
            "ENTStructureUAI": (school.uai,),
            "ENTStructureSIREN": (f"19{school.uai[:7]}00011",),
            "ENTStructureNomCourant": (f"{kind}${school.name}${school.town}",),
            "ENTStructureTypeStruct": (school.kind,),
            "ENTStructureCodeTypeStruct": (school.type_code,),
            "ENTEtablissementMinistereTutelle": ("MINISTERE DE L'EDUCATION NATIONALE",),
            "ENTEtablissementCodeMinistereTutelle": ("06",),
            "ENTEtablissementContrat": ("PU",),
            "street": (school.street,),
            "postalCode": (school.postcode,),
            "l": (school.town,),
            "ENTStructureMailSI": (f"ce.{school.uai.lower()}@example.org",),
            "ENTServAcAcademie": ("TEST",),
            "ENTServAcCodeAcademie": ("099",),
            "ENTStructureClasses": tuple(f"{room.code}${room.level_label}${room.mef}" for room in school.classes),
            "ENTStructureGroupes": (),
        }

    def pupil(self, pupil: Pupil, place: Place, keys: Mapping[str, str]) -> Attributes:
        room = BY_KEY[place.school].classroom(place.room)
        entry = f"{place.school}$01/09/{pupil.born.year + _AGE[room.level]}${place.room}"
        attributes: Attributes = {
            "ENTPersonJointure": (place.key,),
            "ENTEleveINE": (pupil.ine,),
            "ENTEleveStructRattachId": (str(700_000 + int(place.key) % 100_000),),
            "ENTPersonDateNaissance": (f"{pupil.born:%d/%m/%Y}",),
            "ENTPersonNomPatro": (pupil.birth_name,),
            "sn": (pupil.family,),
            "givenName": (pupil.given,),
            "ENTPersonAutresPrenoms": (pupil.given, *pupil.other_names),
            "personalTitle": (pupil.civility,),
            "ENTElevePersRelEleve": tuple(_six_parts(tie, keys) for tie in place.ties),
            "ENTEleveBoursier": ("N",),
            "ENTEleveRegime": ("DP DAN",),
            "ENTEleveTransport": ("N",),
            **_address(pupil.home),
            "ENTEleveStatutEleve": ("SCOLAIRE",),
            "ENTEleveMEF": (room.mef,),
            "ENTEleveLibelleMEF": (room.level_label,),
            "ENTEleveNivFormation": (room.level_label,),
            "ENTPersonStructRattach": (place.school,),
            "ENTEleveDateEntreeClasses": (entry,),
            "ENTEleveClasses": (f"{place.school}${place.room}",),
            "ENTEleveGroupes": (),
        }
        return {**attributes, **({"ENTEleveMajeur": ("O",)} if pupil.grown else {})}

    def guardian(self, adult: Adult, children: tuple[str, ...]) -> Attributes:
        mobile = adult.mobile.get(Degree.SECOND, "")
        return {
            "ENTPersonJointure": (adult.keys[Degree.SECOND],),
            "ENTPersonDateNaissance": (),
            "ENTPersonNomPatro": (adult.birth_name,),
            "sn": (adult.family,),
            "givenName": (adult.spelled.get(Degree.SECOND, adult.given),),
            "personalTitle": (adult.civility,),
            "ENTAuxPersRelEleveEleve": children,
            "homePhone": (),
            "telephoneNumber": (),
            "mobile": (mobile,),
            "mail": (adult.mail.get(Degree.SECOND, ""),),
            **_address(adult.home),
            "ENTPersonAdresseDiffusion": ("N",),
            "ENTPersonMobileSMS": (mobile if adult.sms_consent else "",),
        }

    def staff(self, member: Staff) -> Attributes:
        post = member.posts[0]
        teaches = post.code == "ENS"
        return {
            "ENTPersonJointure": (member.key,),
            "ENTPersonDateNaissance": (f"{member.born:%d/%m/%Y}",),
            "ENTPersonNomPatro": (member.birth_name,),
            "sn": (member.family,),
            "givenName": (member.given,),
            "personalTitle": (member.civility,),
            "mail": (f"agent.{member.key}@example.org",),
            "ENTPersonStructRattach": (post.school,),
            "ENTPersonFonctions": tuple(
                f"{p.school}${p.code}${p.label}${p.subject_code or '-'}${p.subject or '-'}" for p in member.posts
            ),
            "ENTAuxEnsClasses": tuple(f"{p.school}${room}" for p in member.posts for room in p.classes),
            "ENTPersonCategorieEnseignant": yes_no(teaches),
            "PersEducNatPresenceDevantEleves": yes_no(teaches),
        }


class _First:
    """The 1D words."""

    def school(self, school: School) -> Attributes:
        return {
            "ENTStructureJointure": (school.key,),
            "ENTStructureUAI": (school.uai,),
            "ENTStructureSIREN": (f"21{school.uai[:7]}00011",),
            "ENTStructureNomCourant": (school.name,),
            "ENTStructureTypeStruct": ("ECOLE ELEMENTAIRE",),
            "ENTStructureCodeTypeStruct": (school.type_code,),
            "ENTEcoleMinistereTutelle": ("MINISTERE DE L'EDUCATION NATIONALE",),
            "ENTEtablissementContrat": ("PU",),
            "ENTStructureAdresse": (school.street,),
            "ENTStructureCodePostal": (school.postcode,),
            "ENTStructureVille": (school.town,),
            "ENTStructureTelephone": (),
            "ENTStructureEmail": (f"ce.{school.uai.lower()}@example.org",),
            "ENTServAcAcademie": ("TEST",),
            "ENTServAcCodeAcademie": ("099",),
            "ENTEcoleCirconscription": (),
            "ENTEcoleCommune": (school.town,),
            "ENTEcoleRPI": (),
        }

    def pupil(self, pupil: Pupil, place: Place, keys: Mapping[str, str]) -> Attributes:
        room = BY_KEY[place.school].classroom(place.room)
        return {
            "ENTPersonJointure": (place.key,),
            "ENTEleveINE": (pupil.ine,),
            "ENTPersonDateNaissance": (f"{pupil.born:%d/%m/%Y}",),
            "ENTPersonNomPatro": (pupil.birth_name,),
            "ENTPersonNom": (pupil.family,),
            "ENTPersonPrenom": (pupil.given,),
            "ENTPersonAutresPrenoms": (pupil.given, *pupil.other_names),
            "ENTPersonCivilite": (pupil.civility,),
            **_address(pupil.home),
            "ENTEleveAutoriteParentale": tuple(f"{keys[tie.adult]}${tie.link}" for tie in place.ties),
            "ENTEleveNiveau": (f"{room.level}${room.level_label}",),
            "ENTEleveCycle": (_CYCLES.get(room.level) or _CYCLES[room.level[:3]],),
            "ENTEleveTypeClasse": ("11$ORDINAIRE",),
            "ENTPersonStructRattach": (place.school,),
            "ENTPersonClasses": (f"{place.school}$11$ORDINAIRE${room.code}${room.label}",),
            "ENTPersonGroupes": (),
            "ENTEleveRestaurantScolaire": ("O",),
            "ENTEleveTransport": ("N",),
            "ENTEleveGarderieMatin": ("N",),
            "ENTEleveGarderieSoir": ("N",),
            "ENTEleveEtudesSurveillees": ("N",),
        }

    def guardian(self, adult: Adult, children: tuple[str, ...]) -> Attributes:
        return {
            "ENTPersonJointure": (adult.keys[Degree.FIRST],),
            "ENTPersonNomPatro": (adult.birth_name,),
            "ENTPersonNom": (adult.family,),
            "ENTPersonPrenom": (adult.spelled.get(Degree.FIRST, adult.given),),
            "ENTPersonCivilite": (adult.civility,),
            "ENTPersRelEleveEleve": children,
            "ENTPersonTelPerso": (),
            "ENTPersRelEleveTelPro": (),
            "ENTPersRelEleveTelMobile": (adult.mobile.get(Degree.FIRST, ""),),
            "ENTPersonMail": (adult.mail.get(Degree.FIRST, ""),),
            **_address(adult.home),
            "ENTPersonAdresseDiffusion": ("N",),
        }

    def staff(self, member: Staff) -> Attributes:
        post = member.posts[0]
        return {
            "ENTPersonJointure": (member.key,),
            "ENTPersonDateNaissance": (f"{member.born:%d/%m/%Y}",),
            "ENTPersonNomPatro": (member.birth_name,),
            "ENTPersonNom": (member.family,),
            "ENTPersonPrenom": (member.given,),
            "ENTPersonCivilite": (member.civility,),
            "ENTPersonMail": (f"agent.{member.key}@example.org",),
            "ENTPersonStructRattach": (post.school,),
            "ENTPersonFonctions": tuple(f"{p.school}${p.code}${p.label}" for p in member.posts),
            "ENTPersonCategorieEnseignant": yes_no(post.code == "ENS"),
        }


_FIRST, _SECOND = _First(), _Second()


def _six_parts(tie: Tie, keys: Mapping[str, str]) -> str:
    flags = (tie.pays, tie.legal, tie.contact, tie.receives)
    pays, legal, contact, receives = (flag if isinstance(flag, str) else str(int(flag)) for flag in flags)
    return f"{keys[tie.adult]}${tie.link}${pays}${legal}${contact}${receives}"
