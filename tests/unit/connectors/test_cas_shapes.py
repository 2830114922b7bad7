"""The four shapes in which real CAS servers write attributes say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.errors import UpstreamRefused
from broker.wire.cas_xml import CasFailure, CasSuccess, parse_service_response
from connectors.cas import CasSource
from tests.upstreams import CAS_SHAPES, cas_envelope, cas_failure, cas_user

Shape = Callable[[str, Mapping[str, tuple[str, ...]]], str]
TOLD = {"ENTPersonJointure": ("AC-TEST$500101", "AC-TEST$610777"), "ENTPersonProfils": ("National_TUT",)}


def parse(document: str) -> CasSuccess:
    found = parse_service_response(document.encode())
    assert isinstance(found, CasSuccess)
    return found


@pytest.mark.parametrize("shape", CAS_SHAPES)
@pytest.mark.spec("CAS 3.0.3 §2.5.2")
def test_every_shape_tells_the_same_user_and_values(shape: Shape) -> None:
    found = parse(shape("aline.quemeneur", TOLD))
    assert found.user == "aline.quemeneur"
    assert {name: found.attributes[name] for name in TOLD} == TOLD


def test_a_wrapped_list_answers_to_both_its_names() -> None:
    found = parse(
        cas_envelope(
            cas_user("a")
            + "<cas:ENTEleveClasses><cas:ENTEleveClasse>3A</cas:ENTEleveClasse>"
            + "<cas:ENTEleveClasse>3B</cas:ENTEleveClasse></cas:ENTEleveClasses>"
        )
    )
    assert found.attributes == {"ENTEleveClasses": ("3A", "3B"), "ENTEleveClasse": ("3A", "3B")}


def test_values_that_come_in_two_shapes_count_once() -> None:
    flat = "<cas:nom>Q</cas:nom>"
    found = parse(cas_envelope(f"{cas_user('a')}<cas:attributes>{flat}</cas:attributes>{flat}<cas:nom>R</cas:nom>"))
    assert found.attributes == {"nom": ("Q", "R")}


def test_the_protocols_own_elements_are_no_attributes() -> None:
    inner = "<cas:proxyGrantingTicket>PGTIOU-1</cas:proxyGrantingTicket><cas:empty/><x:nom xmlns:x='urn:x'>N</x:nom>"
    assert parse(cas_envelope(cas_user(" aline \n") + inner)) == CasSuccess("aline", {})


def test_a_list_inside_a_list_is_left_out() -> None:
    inner = "<cas:a><cas:b><cas:c>1</cas:c></cas:b><cas:d>2</cas:d><cas:e/></cas:a>"
    assert parse(cas_envelope(cas_user("u") + inner)).attributes == {"a": ("2",), "d": ("2",)}


def test_a_members_foreign_namespace_is_left_out() -> None:
    inner = "<cas:a><x:b xmlns:x='urn:x'>1</x:b></cas:a><cas:attributes><x:c xmlns:x='urn:x'>2</x:c></cas:attributes>"
    assert parse(cas_envelope(cas_user("u") + inner)).attributes == {}


@pytest.mark.parametrize(("code", "kept"), [("INVALID_TICKET", "INVALID_TICKET"), ("", ""), ("a b", ""), ("é", "")])
def test_a_failure_is_told_by_its_code_alone(code: str, kept: str) -> None:
    assert parse_service_response(cas_failure(code).encode()) == CasFailure(kept)


def test_an_answer_larger_than_any_real_one_is_not_even_parsed() -> None:
    with pytest.raises(UpstreamRefused, match="large"):
        parse_service_response(cas_envelope(cas_user("a") + " " * 300_000).encode())


def test_a_comment_between_elements_and_a_byte_order_mark_do_no_harm() -> None:
    document = "\ufeff" + cas_envelope("<!-- made by a server -->" + cas_user("aline"))
    assert parse_service_response(document.encode()) == CasSuccess("aline", {})


def test_text_in_cdata_is_text() -> None:
    assert parse(cas_envelope("<cas:user><![CDATA[aline]]></cas:user>")).user == "aline"


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail(noise: bytes) -> None:
    for body in (noise, b"<a>" + noise + b"</a>", cas_envelope("@").encode().replace(b"@", noise)):
        try:
            parse_service_response(body)
        except UpstreamRefused:
            continue


NAMES: list[tuple[dict[str, tuple[str, ...]], str]] = [
    ({"displayName": ("Aline Q",)}, "Aline Q"),
    ({"nom": ("QUEMENEUR",), "prenom": ("Aline",)}, "Aline QUEMENEUR"),
    ({"sn": ("Q",), "givenName": ("A",)}, "A Q"),
    ({"cn": ("Q A",)}, "Q A"),
    ({"nom": ("Q",)}, ""),
]


@pytest.mark.parametrize(("told", "shown"), NAMES)
def test_a_name_is_shown_from_whatever_words_the_server_uses(told: dict[str, tuple[str, ...]], shown: str) -> None:
    from connectors.cas import _display

    assert _display(told) == shown


def test_a_source_that_releases_no_reference_gives_none_and_too_many_are_refused() -> None:
    from connectors.cas import CasConnector

    told = {"ENTPersonJointure": tuple(f"AC-TEST${n}" for n in range(40))}
    quiet = CasSource("ent", "https://cas.example/cas", academies={"AC-TEST": "99"}).open()
    loud = CasConnector(
        CasSource("ent", "https://cas.example/cas", releases_references=True, academies={"AC-TEST": "99"}),
        quiet.outbound,
    )
    assert quiet._references(told) == ()
    with pytest.raises(UpstreamRefused):
        loud._references(told)
    quiet.close()
