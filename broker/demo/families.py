"""The twelve families that the tests, the sandbox and the demo share, and family 1b.

Each exercises one thing (its `title`). Keys are fixed: `610777` in the 1D feed and `500101` in the 2D feed are one
mother. Everything is invented; telephone numbers are of the range kept for fiction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from broker.demo.book import Book, adult, at, father, home, mother
from broker.demo.people import Account, Degree, Family, Post, Site, Staff, Tie

FIRST_INE = 990_000_001


def twelve(year: int) -> tuple[Family, ...]:
    """Return the twelve families and 1b, for the school year that begins in `year`."""
    book = Book(year, first_ine=FIRST_INE)
    return tuple(write(book) for write in _WRITERS)


def _three_schools(book: Book) -> Family:
    where = home("4 RUE DES LICES")
    aline = adult("1-mere", "Mme Aline QUEMENEUR", where, k1="610777", k2="500101", mobile=1, birth_name="LE GOFF")
    goulven = adult("1-pere", "M. Goulven QUEMENEUR", where, k1="610778", k2="500102", mobile=2,
                    mail="goulven.test@example.org")  # fmt: skip
    tante = adult("1-tante", "Mme Nolwenn LE GOFF", home("11 RUE DU GUET"), k2="500103", mobile=3)
    parents = (mother("1-mere"), father("1-pere"))
    aunt = Tie("1-tante", "39", legal="0", contact=True)
    pupils = (
        book.pupil("1-titouan", "M. Titouan QUEMENEUR", "02/06", where, at("9001", "30412", "100345", *parents)),
        book.pupil("1-maelys", "Mme Maëlys QUEMENEUR", "14/03", where, at("9002", "3A", "200345", *parents, aunt)),
        book.pupil("1-ewen", "M. Ewen QUEMENEUR", "27/09", where, at("9003", "1G1", "200346", *parents)),
    )
    told = replace(aline, story="une seule connexion EduConnect réunit école, collège et lycée", sms_consent=True)
    unaware = replace(tante, has_educonnect=False, has_ent=False)
    return Family("1", "Deux parents, trois enfants, trois écoles", (told, goulven, unaware), pupils)


def _never_used(book: Book) -> Family:
    where = home("18 RUE DES SALINES")
    noemie = adult("1b-mere", "Mme Noémie ROUSSEL-DIOP", where, k1="610781", k2="500111", mobile=11,
                   birth_name="ROUSSEL")  # fmt: skip
    pere = adult("1b-pere", "M. Ousmane DIOP", where, k2="500112", mobile=12, mail="o.diop@example.org")
    pupils = (
        book.pupil("1b-aissa", "Mme Aïssa DIOP", "19/01", where, at("9001", "30403", "100351", mother("1b-mere"))),
        book.pupil("1b-malick", "M. Malick DIOP", "08/11", where,
                   at("9002", "5A", "200351", mother("1b-mere"), father("1b-pere"))),
        book.pupil("1b-fanta", "Mme Fanta DIOP", "30/04", where,
                   at("9003", "2NDE 1", "200352", mother("1b-mere"), father("1b-pere"))),
    )  # fmt: skip
    told = replace(
        noemie, has_educonnect=False, story="n'a jamais activé EduConnect : chaque ENT ne montre que ses enfants"
    )
    return Family("1b", "Même situation, sans EduConnect", (told, pere), pupils)


def _no_mail(book: Book) -> Family:
    where = home("3 IMPASSE DU CHANTIER")
    zahra = adult("2-mere", "Mme Zahra BEN SALAH", where, k1="610782", k2="500121", mobile=21, birth_name="HAMMAMI")
    pupils = (
        book.pupil("2-ilyes", "M. Ilyès BEN SALAH", "11/02", where, at("9001", "30415", "100361", mother("2-mere"))),
        book.pupil("2-sirine", "Mme Sirine BEN SALAH", "23/07", where, at("9002", "4A", "200361", mother("2-mere"))),
    )
    told = replace(zahra, story="sans courriel, téléphone prépayé, lit l'arabe")
    return Family("2", "Mère sans courriel, en arabe", (told,), pupils)


def _two_homes(book: Book) -> Family:
    hers, his = home("9 QUAI DES BRUMES"), home("22 ROUTE DU MOULIN", far=True)
    ines = adult("3-mere", "Mme Inês FERREIRA DA COSTA", hers, k1="610783", k2="500131", mobile=31,
                 mail="ines.fdc@example.org")  # fmt: skip
    loic = adult("3-pere", "M. Loïc KERBRAT", his, k1="610784", k2="500132", mobile=32, mail="l.kerbrat@example.org")
    parents = (mother("3-mere"), father("3-pere"))
    pupils = (
        book.pupil("3-lena", "Mme Léna KERBRAT", "05/05", hers, at("9001", "30414", "100371", *parents)),
        book.pupil("3-tiago", "M. Tiago KERBRAT", "16/12", hers, at("9002", "6A", "200371", *parents)),
    )
    story = "divorcés, autorité conjointe : chacun voit les deux enfants"
    return Family("3", "Divorcés, deux maisons", (replace(ines, story=story), replace(loic, story=story)), pupils)


def _no_authority(book: Book) -> Family:
    hers, his = home("31 RUE DE LA CORDERIE"), home("6 RUE BASSE", far=True)
    sophie = adult("4-mere", "Mme Sophie L'HÉRITIER", hers, k2="500141", mobile=41, mail="s.lheritier@example.org")
    marc = adult("4-pere", "M. Marc-Antoine SANTONI", his, k2="500142", mobile=42)
    beau = adult("4-beau-pere", "M. Đức NGUYỄN", hers, k2="500143", mobile=43)
    ties = (mother("4-mere"), Tie("4-pere", "20", legal="0"), Tie("4-beau-pere", "90", legal="0", contact=True))
    pupils = (book.pupil("4-livia", "Mme Livia SANTONI", "21/08", hers, at("9002", "5B", "200381", *ties)),)
    told = replace(marc, story="père sans autorité parentale : contact seulement, ne voit rien ici")
    return Family("4", "Père sans autorité, beau-père", (sophie, told, replace(beau, has_educonnect=False)), pupils)


def _restricted(book: Book) -> Family:
    """Restricted by a court: the 2D feed holds him as a mere contact, last year's 1D feed still as legal guardian."""
    hers, his = home("2 VENELLE DES LAVOIRS"), home("57 ROUTE NEUVE", far=True)
    camille = adult("5-mere", "Mme Camille DELAUNAY", hers, k1="610791", k2="500151", mobile=51)
    bruno = adult("5-pere", "M. Bruno VASSEUR", his, k1="610792", k2="500152", mobile=52, mail="b.v@example.org")
    both = (mother("5-mere"), father("5-pere"))
    contact = Tie("5-pere", "20", legal="0")
    pupils = (
        book.pupil("5-lila", "Mme Lila VASSEUR", "03/10", hers,
                   at("9002", "6B", "200391", mother("5-mere"), contact), at("9001", "30415", "100391", *both)),
        book.pupil("5-noe", "M. Noé VASSEUR", "25/03", hers, at("9001", "30402", "100392", *both)),
    )  # fmt: skip
    told = replace(bruno, story="décision du juge : la page d'un inconnu, par toutes les portes")
    return Family("5", "Restriction par décision de justice", (camille, told), pupils)


def _third_party(book: Book) -> Family:
    where = home("14 RUE DES TISSERANDS")
    tante = adult("6-tante", "Mme Adélaïde MBOUMBA", where, k2="500161", mobile=61, mail="a.mboumba@example.org")
    ase = adult("6-educateur", "M. Rémi CHASTAGNIER", home("1 PLACE DU MARCHE"), k2="500162")
    ties = (Tie("6-tante", "39", legal="2", pays=True, contact=True), Tie("6-educateur", "51", legal="0", contact=True))
    pupils = (book.pupil("6-joris", "M. Joris MBOUMBA", "12/06", where, at("9002", "4A", "200401", *ties)),)
    told = replace(tante, story="tiers digne de confiance (personne en charge) : voit si l'académie l'a décidé")
    return Family("6", "Enfant confié, tiers par jugement", (told, replace(ase, has_educonnect=False)), pupils)


def _coming_of_age(book: Book) -> Family:
    where = home("8 SQUARE DES GOELANDS")
    mere = adult("7-mere", "Mme Meryem YILDIRIM", where, k2="500171", mobile=71, mail="m.yildirim@example.org")
    pere = adult("7-pere", "M. Kadir YILDIRIM", where, k2="500172", mobile=72)
    soi = adult("7-deniz-majeure", "Mme Deniz YILDIRIM", where, k2="500173", mobile=73)
    parents = (mother("7-mere"), father("7-pere"))
    emre = book.pupil("7-emre", "M. Emre YILDIRIM", "14/03", where, at("9003", "TG1", "200411", *parents))
    deniz = book.pupil("7-deniz", "Mme Deniz YILDIRIM", "09/01", where,
                       at("9003", "BTS1 CG", "200412", Tie("7-deniz-majeure", "70", pays=True)))  # fmt: skip
    pupils = (
        replace(emre, story="aura 18 ans le 14 mars"),
        replace(deniz, grown=True, story="majeure : elle est sa propre responsable"),
    )
    return Family("7", "18 ans le 14 mars ; une élève majeure", (mere, pere, soi), pupils)


def _teacher_and_mother(book: Book) -> Family:
    where = home("5 ALLEE DES CHARMES")
    nadia = adult("8-mere", "Mme Nadia BERRAHAL", where, k2="500181", mobile=81, mail="n.berrahal@example.org")
    pere = adult("8-pere", "M. Yann BERRAHAL", where, k2="500182", mobile=82)
    post = Post("9002", "ENS", "ENSEIGNEMENT", "L1300", "MATHEMATIQUES", ("4A", "5A"))
    staff = Staff("8-professeure", "Nadia", "BERRAHAL", "Mme", date(1984, 5, 17), Degree.SECOND, "700181", (post,),
                  birth_name="CHERIF", story="la même, côté professionnel : un autre espace")  # fmt: skip
    pupils = (
        book.pupil("8-samy", "M. Samy BERRAHAL", "28/10", where,
                   at("9002", "4A", "200421", mother("8-mere"), father("8-pere"))),
    )  # fmt: skip
    told = replace(nadia, birth_name="CHERIF", story="mère d'un élève du collège où elle enseigne")
    return Family("8", "Mère et professeure", (told, pere), pupils, (staff,))


def _homonyms(book: Book) -> Family:
    """Three women of one name; the first one's EduConnect account was grouped with the second's record by error."""
    one, two, three = home("10 RUE DU PORT"), home("44 RUE DU PORT"), home("12 RUE DES FORGES")
    marie = adult("9a-mere", "Mme Marie MARTIN", one, k1="610811", mobile=91, mail="marie.m@example.org")
    autre = adult("9b-mere", "Mme Marie MARTIN", two, k2="500192", mobile=92)
    usage = adult("9c-mere", "Mme Marie MARTÍN", three, k1="610813", k2="500193", mobile=93, birth_name="LEFÈVRE")
    pupils = (
        book.pupil("9a-jules", "M. Jules MARTIN", "07/07", one, at("9001", "30413", "100431", mother("9a-mere"))),
        book.pupil("9b-jade", "Mme Jade MARTIN", "18/04", two, at("9002", "3B", "200431", mother("9b-mere"))),
        book.pupil("9c-eloise", "Mme Éloïse MARTÍN", "29/11", three, at("9003", "2NDE 2", "200432", mother("9c-mere"))),
        book.pupil("9c-hugo", "M. Hugo MARTÍN", "15/02", three, at("9001", "30414", "100432", mother("9c-mere"))),
    )
    mixed = replace(marie, released=("610811", "500192"),
                    story="EduConnect lui donne par erreur le dossier d'une autre : à annuler")  # fmt: skip
    return Family("9", "Trois Marie Martin", (mixed, autre, usage), pupils)


def _created_twice(book: Book) -> Family:
    where = home("20 RUE DES ECLUSES", far=True)
    letter = adult("10-pere-lettre", "M. Jean-Yves ABGRALL", where, k2="500201", mobile=101)
    state = adult("10-pere-fc", "M. Jean-Yves ABGRALL", where, k2="500202", mobile=101)
    pupils = (
        book.pupil("10-zoe", "Mme Zoé ABGRALL", "06/09", where, at("9005", "4C", "200441", father("10-pere-lettre"))),
        book.pupil("10-malo", "M. Malo ABGRALL", "13/05", where, at("9003", "1G2", "200442", father("10-pere-fc"))),
    )
    told = replace(letter, story="le même père, compte créé par courrier : voit Zoé")
    again = replace(state, story="le même père, compte créé par FranceConnect : voit Malo", origin="FC")
    return Family("10", "Le même père créé deux fois", (told, again), pupils)


def _one_tablet(book: Book) -> Family:
    where = home("33 RUE DES MARAICHERS", far=True)
    mere = adult("11-mere", "Mme Oksana KOVALENKO", where, k1="610821", k2="500211", mobile=111)
    pere = adult("11-pere", "M. Sivakumar RAMANATHAN", where, k1="610822", k2="500212", mobile=112)
    parents = (mother("11-mere"), father("11-pere"))
    pupils = (
        book.pupil("11-anjali", "Mme Anjali RAMANATHAN-KOVALENKO", "01/12", where,
                   at("9004", "30504", "100451", *parents)),
        book.pupil("11-taras", "M. Taras RAMANATHAN-KOVALENKO", "20/02", where,
                   at("9005", "3C", "200451", *parents)),
    )  # fmt: skip
    told = replace(mere, story="une seule tablette pour quatre personnes")
    return Family("11", "Une tablette, deux parents, deux élèves", (told, pere), pupils)


def _grandmother(book: Book) -> Family:
    where = home("1 CHEMIN CREUX", far=True)
    grand = adult("12-grand-mere", "Mme Marcelline D'ALBIGNAC", where, k1="610831", k2="500221", birth_name="FAURE")
    pupils = (
        book.pupil("12-tom", "M. Tom D'ALBIGNAC", "17/06", where,
                   at("9004", "30502", "100461", Tie("12-grand-mere", "50"))),
        book.pupil("12-clara", "Mme Clara D'ALBIGNAC", "04/08", where,
                   at("9005", "6C", "200461", Tie("12-grand-mere", "38", pays=True, contact=True, receives=True))),
    )  # fmt: skip
    told = replace(grand, story="grand-mère tutrice, sans téléphone ni courriel")
    return Family("12", "Grand-mère tutrice, sans internet", (told,), pupils)


def strangers() -> tuple[Account, ...]:
    """Return accounts that no directory record answers to."""
    return (
        Account(Site.EDUCONNECT, "camille.ailleurs", "inconnue", "responsable", "Camille", "AILLEURS", "Mme",
                ("599999",), ("resp2d",)),
    )  # fmt: skip


RESTRICTED = ("5-pere", ("5-lila", "5-noe"))
"""The adult and children of the court's decision: entered at the broker after the import, whatever the feeds say."""

_WRITERS: tuple[Callable[[Book], Family], ...] = (
    _three_schools, _never_used, _no_mail, _two_homes, _no_authority, _restricted, _third_party, _coming_of_age,
    _teacher_and_mother, _homonyms, _created_twice, _one_tablet, _grandmother,
)  # fmt: skip
