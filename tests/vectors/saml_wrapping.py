"""Signature wrapping (XSW 1 to 8, and an evil assertion in every place there is), plain and encrypted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

from lxml import etree

from broker.wire.saml import names
from tests.saml_peer import encrypt, octets, pair, parsed, response_xml
from tests.vectors.saml_documents import HONEST, VICTIM, Vector, evil_assertion, form_of, honest, sealed

Tree = etree._Element
ASSERTION, SIGNATURE = names.saml("Assertion"), names.ds("Signature")


def bare(element: Tree) -> Tree:
    """A copy without its own signature."""
    copy = deepcopy(element)
    for signature in copy.findall(SIGNATURE):
        copy.remove(signature)
    return copy


def corrupt(element: Tree, new_id: str) -> None:
    """The element now speaks of the victim, perhaps under another ID."""
    if new_id:
        element.set("ID", new_id)
    for name in element.iter(names.saml("NameID")):
        name.text = VICTIM


def signature_of(element: Tree) -> Tree:
    found = element.find(SIGNATURE)
    assert found is not None
    return found


def xsw1(root: Tree, new_id: str) -> None:
    """The original response inside the signature of the evil one."""
    original = bare(root)
    corrupt(root, new_id)
    signature_of(root).append(original)


def xsw2(root: Tree, new_id: str) -> None:
    """The original response before the signature of the evil one."""
    original = bare(root)
    corrupt(root, new_id)
    signature_of(root).addprevious(original)


def xsw3(root: Tree, new_id: str) -> None:
    """An evil assertion before the original."""
    original = root.find(ASSERTION)
    evil = bare(original)
    corrupt(evil, new_id)
    original.addprevious(evil)


def xsw4(root: Tree, new_id: str) -> None:
    """The original inside an evil assertion."""
    original = root.find(ASSERTION)
    evil = bare(original)
    corrupt(evil, new_id)
    root.replace(original, evil)
    evil.append(original)


def xsw5(root: Tree, new_id: str) -> None:
    """The signature in the evil assertion, the original without it behind."""
    evil = root.find(ASSERTION)
    original = bare(evil)
    corrupt(evil, new_id)
    root.append(original)


def xsw6(root: Tree, new_id: str) -> None:
    """The original inside the signature inside the evil assertion."""
    evil = root.find(ASSERTION)
    original = bare(evil)
    corrupt(evil, new_id)
    signature_of(evil).append(original)


def xsw7(root: Tree, new_id: str) -> None:
    """The evil assertion among extensions, where schemas let anything stand."""
    original = root.find(ASSERTION)
    evil = bare(original)
    corrupt(evil, new_id)
    extensions = etree.Element(names.samlp("Extensions"))
    extensions.append(evil)
    original.addprevious(extensions)


def xsw8(root: Tree, new_id: str) -> None:
    """The original in an object of the signature of the evil assertion."""
    evil = root.find(ASSERTION)
    original = bare(evil)
    corrupt(evil, new_id)
    etree.SubElement(signature_of(evil), names.ds("Object")).append(original)


WRAPPINGS: tuple[tuple[Callable[[Tree, str], None], str], ...] = (
    (xsw1, "r"),
    (xsw2, "r"),
    (xsw3, "a"),
    (xsw4, "a"),
    (xsw5, "a"),
    (xsw6, "a"),
    (xsw7, "a"),
    (xsw8, "a"),
)
IDS = ("", "_evil", "_response")


def wrapped() -> Iterator[Vector]:
    """Each wrapping, of a response signed in that part alone and in both, with each ID, then encrypted in turn."""
    for wrap, part in WRAPPINGS:
        for parts in (part, "ar"):
            for new_id in IDS:
                root = parsed(honest(parts))
                wrap(root, new_id)
                for which in _choices(root):
                    copy = deepcopy(root)
                    _encrypt(copy, which)
                    told = f"{wrap.__name__} {parts} id={new_id or 'same'} sealed={which}"
                    yield Vector(told, form_of(octets(copy)))


def placed() -> Iterator[Vector]:
    """An evil assertion in every element of an honest response, first and last, with and without its signature."""
    for parts in ("a", "r", "ar"):
        count = len(list(parsed(honest(parts)).iter()))
        for place in range(count):
            for end in (0, 999):
                root = parsed(honest(parts))
                parent = list(root.iter())[place]
                parent.insert(end, evil_assertion())
                name = etree.QName(parent).localname
                yield Vector(f"evil in {place} {name} at {end} of {parts}", form_of(octets(root)))


def moved() -> Iterator[Vector]:
    """The signature taken from where it belongs to every other element."""
    for parts in ("a", "r", "ar"):
        count = len(list(parsed(honest(parts)).iter()))
        for place in range(count):
            root = parsed(honest(parts))
            signature = next(root.iter(SIGNATURE))
            parent = list(root.iter())[place]
            if parent is signature.getparent() or signature in parent.iterancestors() or parent is signature:
                continue
            signature.getparent().remove(signature)
            corrupt(root, "")
            parent.append(signature)
            yield Vector(f"signature of {parts} moved into {place}", form_of(octets(root)))


def swapped() -> Iterator[Vector]:
    """An unsigned evil assertion in the place of the signed one, and beside it, in each form."""
    for parts in ("a", "ae"):
        for keep in (False, True):
            for sealed_too in (False, True):
                root = parsed(sealed(response_xml(HONEST), parts))
                inside = root.find(ASSERTION)
                inside = root.find(names.saml("EncryptedAssertion")) if inside is None else inside
                evil = evil_assertion()
                inside.addprevious(evil)
                if not keep:
                    root.remove(inside)
                if sealed_too:
                    encrypt(evil, pair("sp"))
                yield Vector(f"evil beside {parts} keep={keep} sealed={sealed_too}", form_of(octets(root)))


def _choices(root: Tree) -> Iterator[tuple[int, ...]]:
    """Which of the assertions to encrypt: none, each alone, all; each choice once."""
    count = len(_assertions(root))
    yield from dict.fromkeys(((), *((place,) for place in range(count)), tuple(range(count))))


def _assertions(root: Tree) -> list[Tree]:
    return [each for each in root.iter(ASSERTION) if each.getparent() is not None]


def _encrypt(root: Tree, which: tuple[int, ...]) -> None:
    found = _assertions(root)
    for place in reversed(which):
        encrypt(found[place], pair("sp"))


def wrapping_vectors() -> tuple[Vector, ...]:
    """All of them, each document once."""
    every = (vector for family in (wrapped, placed, moved, swapped) for vector in family())
    return tuple({vector.body: vector for vector in every}.values())
