"""Foreign text made safe: clean, bounded, readable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kfx.notify.text import clean, cut, duration, one_line, tail


def test_terminal_escapes_are_stripped() -> None:
    """Colours, cursor moves, titles and hyperlinks leave their text only."""
    coloured = (
        "\x1b[1;31mError\x1b[0m: \x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b]0;title\x1b\\done\x1b(B \x9b31mred\x1b[K"
    )
    assert clean(coloured) == "Error: link done red"


def test_control_characters_and_half_surrogates_survive_as_text() -> None:
    """NUL, bell, direction overrides go; a half surrogate becomes the replacement character; tabs and lines stay."""
    assert clean("a\x00b\x07c\u202ed\ud83d\te\r\nf\rg") == "abcd\N{REPLACEMENT CHARACTER}\te\nf\ng"


def test_one_line_is_one_line() -> None:
    """A title has no line breaks and no runs of blanks."""
    assert one_line(" a\n\n b\t c ") == "a b c"


@given(st.text(alphabet=st.characters(), max_size=400))
def test_clean_text_encodes_and_is_stable(text: str) -> None:
    """Whatever comes in, the result is valid UTF-8 without escapes, and cleaning again changes nothing."""
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\x1b" not in cleaned
    assert clean(cleaned) == cleaned


@given(st.text(max_size=300), st.integers(min_value=1, max_value=200))
def test_a_cut_text_keeps_the_limit(text: str, limit: int) -> None:
    """The result never counts more than the limit, and a text that fits is untouched."""
    short = cut(text, limit)
    assert len(short) <= limit
    assert short == text if len(text) <= limit else short != text


@given(st.text(alphabet="a&<> ", max_size=300), st.integers(min_value=40, max_value=200))
def test_a_cut_counts_what_escaping_adds(text: str, limit: int) -> None:
    """With a cost per character the escaped result keeps the limit."""
    sizes = {"&": 5, "<": 4, ">": 4}
    short = cut(text, limit, cost=lambda character: sizes.get(character, 1))
    assert sum(sizes.get(character, 1) for character in short) <= limit


def test_a_cut_falls_at_a_word_and_says_what_is_missing() -> None:
    """The last word is whole, and the note counts the characters left out."""
    text = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
    assert cut(text, 50) == "alpha beta gamma delta… (34 more characters)"


def test_a_tail_starts_at_a_line() -> None:
    """The last lines that fit, none of them cut."""
    assert tail("one\ntwo\nthree", 10) == "two\nthree"
    assert tail("short", 10) == "short"


def test_durations_are_worded() -> None:
    """Seconds, minutes, hours and days, two units at most."""
    words = [duration(seconds) for seconds in (0.04, 59.94, 200, 7500, 273_600)]
    assert words == ["0.0 s", "59.9 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"]
