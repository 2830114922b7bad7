"""Signed metadata as a stream: what is handed on is what was signed, and nothing else ever is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker.wire.saml import aggregate as reading
from broker.wire.saml.aggregate import SignedHead, read_signed
from broker.wire.saml.metadata import parse_kept_provider
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.signing import signature_template
from tests.aggregates import PARTIES, SOON, aggregate, believed, entities, federation_key, lone, signed
from tests.saml_party import Party, key_of

GOOD = aggregate().decode()
Spoil = Callable[[str], str]


def read(octets: bytes) -> tuple[SignedHead, dict[str, bytes]]:
    found: dict[str, bytes] = {}
    head = read_signed(octets, (believed(),), found.__setitem__)
    return head, found


def test_every_entity_is_handed_on_as_it_was_signed() -> None:
    head, found = read(aggregate())
    assert head.until == SOON
    assert list(found) == [party.entity_id for party in PARTIES]
    for party in PARTIES:
        provider = parse_kept_provider(head.start + found[party.entity_id] + head.end, party.entity_id)
        assert (provider.entity_id, provider.default_acs.location) == (party.entity_id, party.acs)
        assert (provider.until, provider.is_kept, provider.signing) == (SOON, True, party.declared().signing)


def test_one_entity_may_sign_for_itself() -> None:
    head, found = read(lone())
    provider = parse_kept_provider(head.start + found[PARTIES[0].entity_id] + head.end, PARTIES[0].entity_id)
    assert provider.until == SOON


def test_an_entity_that_ends_sooner_ends_with_itself() -> None:
    sooner = entities()[0].replace(" entityID", ' validUntil="2026-09-15T00:00:00Z" entityID', 1)
    head, found = read(aggregate([sooner]))
    provider = parse_kept_provider(head.start + next(iter(found.values())) + head.end, PARTIES[0].entity_id)
    assert provider.until is not None
    assert provider.until < head.until


@pytest.mark.parametrize(
    "inside",
    [
        [],
        ["<md:Extensions><x xmlns='urn:x' a='b>c'>é ]]&gt;</x></md:Extensions>", *entities()],
        ["<!-- a word -->", *entities()],
        [entities()[0].replace("</md:EntityDescriptor>", "<!-- </md:EntityDescriptor> --></md:EntityDescriptor>")],
        [entities()[0].replace("md:", "m:").replace(":md=", ":m=")],
        [entities()[0].replace("</md:EntityDescriptor>", "</md:EntityDescriptor\n >")],
        [entities()[0].replace("<md:SPSSO", "\r\n\t<md:SPSSO").replace("cantine", "cantîne")],
    ],
)
def test_however_it_is_written_it_verifies_as_xmlsec_signed_it(inside: list[str]) -> None:
    _, found = read(aggregate(inside))
    assert len(found) == sum("EntityDescriptor" in each for each in inside)


def _without_signature(text: str) -> str:
    start, end = text.index("<ds:Signature"), text.index("</ds:Signature>") + len("</ds:Signature>")
    return text[:start] + text[end:]


def _signature(text: str) -> str:
    return text[text.index("<ds:Signature") : text.index("</ds:Signature>") + len("</ds:Signature>")]


EVIL = Party("evil").metadata().decode()
END = "</md:EntitiesDescriptor>"
SPOILT: dict[str, tuple[Spoil, Refusal]] = {
    "no signature": (_without_signature, Refusal.UNSIGNED),
    "an entity changed, the first": (lambda t: t.replace(PARTIES[0].acs, "https://evil.example/acs"), Refusal.DIGEST),
    "an entity changed, the last": (lambda t: t.replace(PARTIES[2].acs, "https://evil.example/acs"), Refusal.DIGEST),
    "an entity more": (lambda t: t.replace(END, EVIL + END), Refusal.DIGEST),
    "an entity more, before all": (lambda t: t.replace("<ds:Signature", EVIL + "<ds:Signature", 1), Refusal.UNSIGNED),
    "an entity less": (lambda t: t.replace(entities()[2], ""), Refusal.DIGEST),
    "another validUntil": (lambda t: t.replace("validUntil=\"2026", "validUntil=\"2036"), Refusal.DIGEST),
    "a blank more": (lambda t: t.replace(END, " " + END), Refusal.DIGEST),
    "text between": (lambda t: t.replace(END, "x" + END), Refusal.SCHEMA),
    "a carriage return between": (lambda t: t.replace(END, "&#13;" + END), Refusal.SCHEMA),
    "something else between": (lambda t: t.replace(END, "<x/>" + END), Refusal.SCHEMA),
    "a group in it": (lambda t: t.replace(END, f"<md:EntitiesDescriptor>{EVIL}{END}{END}"), Refusal.SCHEMA),
    "two signatures": (lambda t: t.replace(END, _signature(t) + END), Refusal.SCHEMA),
    "wrapped in another": (
        lambda t: f'<md:EntitiesDescriptor xmlns:md="{reading.md("x")[1:-2]}" ID="_evil">{EVIL}'
        + t[t.index("<md:Entities") :] + END, Refusal.UNSIGNED,
    ),
    "wrapped, its signature first": (
        lambda t: f'<md:EntitiesDescriptor xmlns:md="{reading.md("x")[1:-2]}" ID="_evil">{_signature(t)}{EVIL}{END}',
        Refusal.REFERENCE,
    ),
    "a document type": (lambda t: t.replace("<md:Entities", "<!DOCTYPE x><md:Entities", 1), Refusal.MARKUP),
    "an instruction": (lambda t: t.replace(END, "<?x y?>" + END), Refusal.MARKUP),
    "cut": (lambda t: t[:-30], Refusal.XML),
    "cut between entities": (lambda t: t[: t.rindex("</md:EntityDescriptor>") + 22], Refusal.XML),
    "two roots": (lambda t: t + "<x/>", Refusal.XML),
    "another root": (lambda t: t.replace("EntitiesDescriptor", "EntityDescriptors"), Refusal.ROOT),
    "another namespace": (lambda t: t.replace("SAML:2.0:metadata", "SAML:1.0:metadata"), Refusal.ROOT),
    "nothing": (lambda _: "", Refusal.ROOT),
    "a reference to the document": (lambda t: t.replace('URI="#_all"', 'URI=""'), Refusal.REFERENCE),
    "SHA-1": (lambda t: t.replace("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"), Refusal.ALGORITHM),
    "another transform": (lambda t: t.replace("#enveloped-signature", "#base64"), Refusal.TRANSFORMS),
    "an object in the signature": (
        lambda t: t.replace("</ds:Signature>", "<ds:Object/></ds:Signature>"), Refusal.SCHEMA,
    ),
    "another value": (lambda t: t.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), Refusal.SIGNATURE),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_nothing_is_believed_of_what_was_not_signed_so(name: str) -> None:
    spoil, reason = SPOILT[name]
    assert spoil(GOOD) != GOOD
    with pytest.raises(SamlRefused) as refused:
        read(spoil(GOOD).encode())
    assert refused.value.reason is reason
    assert len(read(GOOD.encode())[1]) == len(PARTIES)


def test_the_key_that_it_brings_along_proves_nothing() -> None:
    with pytest.raises(SamlRefused) as refused:
        read(aggregate(key=key_of("evil")))
    assert refused.value.reason is Refusal.SIGNATURE


@pytest.mark.parametrize("octets", [aggregate(until=None), lone(until=None)])
def test_what_has_no_end_is_refused(octets: bytes) -> None:
    with pytest.raises(SamlRefused) as refused:
        read(octets)
    assert refused.value.reason is Refusal.TIME


@pytest.mark.parametrize("end", ["2026-10-01T00:00:00", "soon", ""])
def test_an_end_that_is_no_instant_is_refused(end: str) -> None:
    with pytest.raises(SamlRefused) as refused:
        read(aggregate(until=None, attributes=f' validUntil="{end}"'))
    assert refused.value.reason is Refusal.TIME


def test_a_lone_entity_is_refused_for_what_an_aggregate_is() -> None:
    good = lone().decode()
    for spoilt in (_without_signature(good), good.replace(PARTIES[0].acs, "https://evil.example/acs"),
                   good.replace("</ds:Signature>", "<ds:Object/></ds:Signature>")):  # fmt: skip
        with pytest.raises(SamlRefused):
            read(spoilt.encode())


def test_bounds_hold_before_anything_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ENTITIES", 2)
    with pytest.raises(SamlRefused) as refused:
        read(aggregate())
    assert refused.value.reason is Refusal.SIZE
    monkeypatch.setattr(reading, "MOST_ENTITIES", 3)
    monkeypatch.setattr(reading, "MOST_AGGREGATE", len(GOOD) - 1)
    with pytest.raises(SamlRefused):
        read(GOOD.encode())
    monkeypatch.undo()
    large = entities()[0].replace("<md:SPSSO", f"<!-- {'x' * reading.MOST_ENTITY} --><md:SPSSO")
    with pytest.raises(SamlRefused) as refused:
        read(aggregate([]).decode().replace(END, large + END).encode())
    assert refused.value.reason is Refusal.SIZE


def test_the_tree_of_it_is_never_held_whole() -> None:
    """What is still in the tree when the last entity is taken: that one."""
    many = aggregate([Party(f"s{number}").metadata().decode() for number in range(50)])
    held = []
    for child in reading._children(many):
        root = child.getparent()
        assert root is not None
        held.append(len(root))
        for before in root[:-1]:
            root.remove(before)
    assert max(held) <= 2


def test_a_prefix_that_is_listed_as_inclusive_is_signed_with_it() -> None:
    key = federation_key()
    text = _without_signature(aggregate([]).decode())
    bare = text[text.index("<md:Entities") :]
    template = signature_template("_all", key)
    listed = template.replace(
        'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>',
        'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces '
        'xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs"/></ds:Transform></ds:Transforms>',
    )
    assert listed != template
    start = bare.index(">") + 1
    again = bare[: start - 1] + ' xmlns:xs="http://www.w3.org/2001/XMLSchema">' + listed + bare[start:]
    read(signed(again, key))
