"""Messages put together as FormatMessage does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.messages.formatting import MAX_LENGTH, Insert, parts, render

# Text, insertion strings, message: what Microsoft's pages on FormatMessage and on message text files say.
RULES = {
    "strings in any order": ("%2 went before %1.", ["EXNODE1", "EXNODE2"], "EXNODE2 went before EXNODE1."),
    "one string twice": ("%1, %1", ["a"], "a, a"),
    "two digits": ("%12 and %1", [str(n) for n in range(1, 13)], "12 and 1"),
    "at most two digits": ("%100", [str(n) for n in range(1, 13)], "100"),
    "a string as written": ("%1!s!|%1!S!|%1!ls!", ["text"], "text|text|text"),
    "wide strings": ("%1!6s!|%1!-6s!|%1!.2s!|%1!5.2s!", ["text"], "  text|text  |te|   te"),
    "numbers are texts": ("%1!d! %1!08x! %1!lu!", ["42"], "42 42 42"),
    "an exclamation mark of the text": ("%1! and %2!", ["Stop", "go"], "Stop! and go!"),
    "line breaks": ("a%nb%rc", [], "a\r\nb\rc"),
    "blanks": ("a%tb%bc%  d", [], "a\tb c  d"),
    "marks": ("%.start%! 100%%", [], ".start! 100%"),
    "another letter stands for itself": ("%q%A", [], "qA"),
    "nothing behind the end": ("no break%0\r\nunseen %1", ["x"], "no break"),
    "an end at once": ("%0text", [], ""),
    "a percent sign at the end": ("100%", [], "100%"),
    "the break at the end": ("whole.\r\n", [], "whole."),
    "breaks inside": ("one\r\ntwo\r\n", [], "one\r\ntwo"),
    "a string that is missing": ("%1 failed with %2 (%3!08x!).", ["copy"], "copy failed with %2 (%3!08x!)."),
    "an empty string": ("[%1]", [""], "[]"),
    "no value": ("[%1]", [None], "[]"),
    "escapes of a string": ("%1 %2", ["100% %n%2", "%%1234"], "100% %n%2 %%1234"),
    "more strings than places": ("%1", ["a", "b"], "a"),
}


@pytest.mark.parametrize(("text", "strings", "message"), RULES.values(), ids=RULES)
def test_rules(text, strings, message):
    """Each rule of FormatMessage gives what is documented; what is missing stays visible."""
    assert render(text, strings) == message


@given(st.text(st.characters(exclude_characters="%")), st.lists(st.text()))
def test_text_without_escapes_is_itself(text, strings):
    """A text without a percent sign is the message, but for the break at its end."""
    assert render(text, strings) == text.rstrip("\r\n")


@given(st.text(st.sampled_from("%!0123456789sdxnrtb.- *")), st.lists(st.text(max_size=5), max_size=3))
def test_nothing_is_lost(text, strings):
    """Any text at all gives a message, and all that it is made of is literal text or a place written in it."""
    render(text, strings)
    for part in parts(text):
        assert part.written in text if isinstance(part, Insert) else part


def test_messages_are_bounded():
    """A hostile text that names a long string a thousand times gives a message that ends, and shows that it was cut."""
    message = render("%1" * 20_000, ["x" * 65_535])
    assert len(message) == MAX_LENGTH
    assert message.endswith("x\N{HORIZONTAL ELLIPSIS}")
    assert len(render("%1!9999s!" * 1000, ["x"])) == MAX_LENGTH
    assert render("%1", ["x" * MAX_LENGTH]) == "x" * MAX_LENGTH
