"""A CAS answer is written in each of the four shapes, read back by our own reader, and the same to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.release_rules import XmlShape
from broker.domain.released import Attribute
from broker.wire.cas_answer import CODES, CasAnswer, Unwritable, write_failure, write_success
from broker.wire.cas_xml import CasFailure, CasSuccess, parse_service_response

NAME = Attribute("nom", ("QUEMENEUR",))
CLASSES = Attribute("ENTEleveClasse", ("6B", "6B LATIN"), many=True, wrap="ENTEleveClasses")
SCHOOLS = Attribute("uai", ("0990002Y", "0990001X"), many=True)
TOLD = (NAME, CLASSES, SCHOOLS)
OPEN = '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess><cas:user>a</cas:user>'
CLOSE = "</cas:authenticationSuccess></cas:serviceResponse>"


def written(*attributes: Attribute, shape: XmlShape = XmlShape.ATTRIBUTES, user: str = "a") -> str:
    return write_success(user, attributes, shape=shape).body.decode()


def read(answer: CasAnswer) -> CasSuccess:
    found = parse_service_response(answer.body)
    assert isinstance(found, CasSuccess)
    return found


@pytest.mark.spec("CAS 3.0.3 §2.5.2")
def test_each_shape_is_written_as_services_of_that_shape_read_it() -> None:
    wrapped = "<cas:l><cas:m>1</cas:m><cas:m>2</cas:m></cas:l>"
    plain = "<l><m>1</m><m>2</m></l>"
    told = Attribute("m", ("1", "2"), many=True, wrap="l")
    inner = {
        XmlShape.ATTRIBUTES: f"<cas:attributes>{wrapped}</cas:attributes>",
        XmlShape.USER_ATTRIBUTES: f"<cas:attributes><cas:userAttributes>{plain}</cas:userAttributes></cas:attributes>",
        XmlShape.DIRECT: wrapped,
        XmlShape.BOTH: f"<cas:attributes>{wrapped}</cas:attributes>{wrapped}",
    }
    for shape in XmlShape:
        assert written(told, shape=shape) == f"{OPEN}{inner[shape]}{CLOSE}"
        assert written(shape=shape) == f"{OPEN}{CLOSE}"


@pytest.mark.parametrize("shape", XmlShape)
def test_every_shape_is_read_back(shape: XmlShape) -> None:
    found = read(write_success("aline.quemeneur", TOLD, shape=shape))
    assert found.user == "aline.quemeneur"
    assert found.attributes == {
        "nom": ("QUEMENEUR",),
        "ENTEleveClasse": ("6B", "6B LATIN"),
        "ENTEleveClasses": ("6B", "6B LATIN"),
        "uai": ("0990002Y", "0990001X"),
    }


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=40)
_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"user", "attributes", "userAttributes", "proxyGrantingTicket", "proxies"}
)


@given(
    user=_TEXT.map(str.strip).filter(bool),
    told=st.dictionaries(_NAMES, st.lists(_TEXT.map(str.strip).filter(bool), min_size=1, max_size=3, unique=True)),
    shape=st.sampled_from(XmlShape),
)
def test_whatever_people_are_called_is_read_back_as_it_was(
    user: str, told: dict[str, list[str]], shape: XmlShape
) -> None:
    attributes = [Attribute(name, tuple(values), many=True) for name, values in told.items()]
    answer = write_success(user, attributes, shape=shape)
    assert answer == write_success(user, attributes, shape=shape)
    assert answer.dropped == ()
    assert read(answer) == CasSuccess(user, {name: tuple(values) for name, values in told.items()})


def test_a_name_that_is_markup_stays_a_name() -> None:
    evil = "</cas:user><cas:user>admin</cas:user>&amp;\"'\r<![CDATA[x]]>"
    found = read(write_success("a", [Attribute("nom", (evil,))], shape=XmlShape.DIRECT))
    assert found == CasSuccess("a", {"nom": (evil,)})


@pytest.mark.parametrize("name", ["user", "attributes", "userAttributes", "proxies", "proxyGrantingTicket"])
def test_no_attribute_wears_the_name_of_a_part_of_the_answer(name: str) -> None:
    for attribute in (Attribute(name, ("admin",)), Attribute("x", ("admin",), wrap=name)):
        with pytest.raises(Unwritable):
            written(attribute, shape=XmlShape.DIRECT)


@pytest.mark.parametrize("name", ["", "1a", "a b", "cas:user", "a>", "é", "a" * 129])
def test_no_attribute_has_a_name_that_is_no_plain_name(name: str) -> None:
    with pytest.raises(Unwritable):
        written(Attribute(name, ("x",)))


@pytest.mark.parametrize("user", ["", " ", " a", "a\n", "a\x00b", "a\ud800", "a\x85b", "a\ufffe", "x" * 256])
def test_a_user_that_readers_would_not_agree_on_is_refused(user: str) -> None:
    with pytest.raises(Unwritable):
        written(user=user)
    assert read(write_success("x" * 255, (), shape=XmlShape.DIRECT)).user == "x" * 255


@pytest.mark.parametrize("value", ["a\x00b", "a\x0bb", "\ud800", "\ufffe", "  "])
def test_a_value_that_xml_cannot_hold_is_left_out_and_named(value: str) -> None:
    answer = write_success("a", [Attribute("nom", (value, "Q")), NAME], shape=XmlShape.ATTRIBUTES)
    assert answer.dropped == ("nom",)
    assert read(answer).attributes == {"nom": ("Q", "QUEMENEUR")}
    alone = write_success("a", [Attribute("m", (value,), wrap="l")], shape=XmlShape.ATTRIBUTES)
    assert read(alone).attributes == {}
    assert b"cas:l" not in alone.body


def test_what_is_no_text_is_not_written() -> None:
    assert written(Attribute("children", ({"sub": "x"},), many=True)) == f"{OPEN}{CLOSE}"


@pytest.mark.spec("CAS 3.0.3 §2.5.3")
@pytest.mark.parametrize("code", sorted(CODES))
def test_a_failure_says_its_code_and_escapes_its_sentence(code: str) -> None:
    answer = write_failure(code, "ST-1 <unknown> & \x00gone")
    assert parse_service_response(answer.body) == CasFailure(code)
    assert b"ST-1 &lt;unknown&gt; &amp; gone" in answer.body


def test_a_failure_has_no_code_but_those_of_the_protocol() -> None:
    with pytest.raises(Unwritable):
        write_failure('INVALID_TICKET" x="', "no")
