"""One event's XML into a tree: the standard library agrees where XML is XML; what Windows writes is read too."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.evtx.binxml import Element
from parsers.exports.markup import MAX_DEPTH, MAX_NODES, read_markup
from parsers.exports.xmlevents import read_event

NAMES = st.sampled_from(["a", "B", "Data", "_x.y-1", "Größe"])
# What XML 1.0 allows, without CR, which its parsers turn into LF.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
LINES = st.lists(TEXTS, max_size=3).map("\n\t".join)


def trees(depth: int = 2) -> st.SearchStrategy[str]:
    """Elements as text, with attributes in both kinds of quotes, and text, CDATA and comments inside."""
    attributes = st.dictionaries(NAMES, TEXTS, max_size=3).map(
        lambda found: "".join(f" {name} = {quoteattr(value)}" for name, value in found.items())
    )
    inner = st.one_of(
        LINES.map(escape),
        LINES.filter(lambda text: "]]>" not in text).map(lambda text: f"<![CDATA[{text}]]>"),
        st.just("<!-- a <b> & c -->"),
        TEXTS.map(lambda text: "".join(f"&#{ord(char)};&#x{ord(char):x};" for char in text)),
    )
    if depth:
        inner = st.one_of(inner, trees(depth - 1))
    return st.builds(
        lambda name, given, parts: f"<{name}{given}>{''.join(parts)}</{name} >" if parts else f"<{name}{given} />",
        NAMES,
        attributes,
        st.lists(inner, max_size=4),
    )


def shape(element: Element) -> tuple:
    """An element as plain data, as `expected` gives it."""
    parts = [shape(child) if isinstance(child, Element) else child for child in element.children]
    return element.name, {name: "".join(map(str, value)) for name, value in element.attributes}, parts


def expected(element: ET.Element) -> tuple:
    parts: list[object] = [element.text] if element.text else []
    for child in element:
        parts.append(expected(child))
        parts += [child.tail] if child.tail else []
    return element.tag, dict(element.attrib), parts


@settings(max_examples=150, deadline=None)
@given(trees())
def test_well_formed_elements_are_read_as_xml(text: str) -> None:
    """Any element that XML allows gives the tree that the standard library's parser gives."""
    tree = read_markup(text)
    assert (tree.whole, tree.faults) == (True, [])
    assert tree.root is not None
    assert shape(tree.root) == expected(ET.fromstring(text))  # noqa: S314  (written above)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text("<>/&;='\"ab![]-? #x1", max_size=80)))
def test_any_text_gets_an_answer(text: str) -> None:
    """No text raises, and a tree that is not whole says so by a fault or by the flag."""
    tree = read_markup(text)
    assert tree.whole <= (tree.root is not None)


@given(trees(), st.data())
def test_a_cut_element_keeps_what_stands_before_the_cut(text: str, data: st.DataObject) -> None:
    """Whatever is left of a cut element begins as the whole one does, and is not called whole."""
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    tree, full = read_markup(cut), read_markup(text)
    assert not tree.whole
    if tree.root is not None and full.root is not None:
        assert tree.root.name == full.root.name
        assert len(tree.root.children) <= len(full.root.children) + 1


@pytest.mark.parametrize("char", ["\x00", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\r", "\r\n"])
def test_characters_that_xml_forbids_are_kept(char: str) -> None:
    """Control characters, half surrogates and line ends of event strings stay as they are, written or numbered."""
    numbered = "".join(f"&#{ord(one)};" for one in char)
    tree = read_markup(f"<a>x{char}y<b k='{char}'>{numbered}</b></a>")
    assert tree.faults == []
    assert shape(tree.root) == ("a", {}, [f"x{char}y", ("b", {"k": char}, [char])])


@pytest.mark.parametrize(
    ("text", "kept"), [("&nbsp;", "&nbsp;"), ("a & b", "a & b"), ("&#x110000;", "&#x110000;"), ("&lol9;", "&lol9;")]
)
def test_references_to_nothing_stay_and_are_told(text: str, kept: str) -> None:
    """An entity that is declared nowhere, or a bare ampersand, is kept as written and is a fault."""
    tree = read_markup(f"<a>{text}</a>")
    assert shape(tree.root) == ("a", {}, [kept])
    assert tree.faults == ["a reference to what is declared nowhere"]


def test_nothing_is_included_and_nothing_unfolds() -> None:
    """A declaration within an event is damage: no file is opened, no entity grows."""
    bomb = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    for declared in (
        f"<!DOCTYPE a [<!ENTITY l0 'lol'>{bomb}]>",
        '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
    ):
        tree = read_markup(f"<a>{declared}&l9;&f;</a>")
        assert tree.faults
        assert "root:" not in str(tree.root)
        assert len(str(tree.root)) < 2_000


def test_deep_and_wide_events_are_bounded() -> None:
    """More elements than an event can have, beside or within each other, end the reading quickly, with a fault."""
    started = time.process_time()
    for text in ("<a>" * 300_000, "<a>" + "<b/>" * 300_000 + "</a>", "<a" + " b='1'" * 300_000 + "/>"):
        tree = read_markup(text)
        assert tree.faults or text.endswith("/>")
    assert time.process_time() - started < 5
    at_limit = "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH
    assert read_markup(at_limit).whole
    assert not read_markup(f"<a>{at_limit}</a>").whole
    assert read_markup("<a>" + "<b/>" * (MAX_NODES - 1) + "</a>").whole


@pytest.mark.parametrize("text", ["<a><b></c></a>", "<a><b></a></b>", "<a><b x=1/></a>", "<a>1 < 2</a>", "<a><b></a>"])
def test_tags_that_do_not_fit_are_damage(text: str) -> None:
    """Crossed, foreign and broken tags end the reading with a fault, never with a plausible tree."""
    tree = read_markup(text)
    assert not tree.whole
    assert tree.faults


def test_an_event_without_its_system_part_is_none() -> None:
    """Of an event whose System element is cut there is no record; with it there is one, and the rest is told."""
    whole = "<Event><System><EventID>7036</EventID><TimeCreated SystemTime='2008-01-10T12:00:35Z'/></System><EventData>"
    assert read_event(whole[: whole.index("</System>")], cut=True)[0] is None
    record, faults = read_event(whole + "<Data>a</Data><Da", cut=True)
    assert record is not None
    assert (record.event_id, list(record.strings)) == (7036, ["a"])
    assert faults
