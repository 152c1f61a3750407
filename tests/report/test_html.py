"""Elements escape what they are given, and only what is HTML already stays as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minicap.report.html import Html, element, escaped, join


def test_an_element_with_attributes_and_children():
    found = element(
        "p", "one & ", element("b", "two"), class_="x", aria_label='say "hi"', hidden=True, id=None
    )
    assert found == '<p class="x" aria-label="say &quot;hi&quot;" hidden>one &amp; <b>two</b></p>'
    assert isinstance(found, Html)


def test_void_elements_have_no_end():
    assert element("img", src="a", alt="") == '<img src="a" alt="">'


def test_children_may_be_nested_and_none_is_left_out():
    assert element("ul", [element("li", str(k)) for k in (1, 2)], None) == "<ul><li>1</li><li>2</li></ul>"
    assert join(["a", None, "<"], " & ") == "a &amp; &lt;"


def test_characters_that_html_forbids_are_replaced():
    assert escaped("a\0b\ud800c\x1b\n") == "a\ufffdb\ufffdc\ufffd\n"


@given(st.text())
def test_no_text_can_open_a_tag_or_leave_an_attribute(text):
    found = element("p", text, title=text)
    assert found.count("<") == 2
    assert found.count('"') == 2
    found.encode("utf-8")
