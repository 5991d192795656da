"""Words, names and near misses, in any script."""

import pytest

from lab.words import distinct_share, main_names, near_misses, word_share, words

BOOK = (
    "Then Wren ran. The bell, said Wren, and Oskar heard Wren; so Oskar said the bell. I saw Oskar, and the Bell rang. "
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It's 5 o'clock, isn't it?", ["It's", "o'clock", "isn't", "it"]),
        ("snake_case x2y --- 'quoted'", ["snake", "case", "x", "y", "quoted"]),
        ("Åsa läser, Ωμέγα!", ["Åsa", "läser", "Ωμέγα"]),
        ("漢字 العربية", ["漢字", "العربية"]),
        ("नमस्ते, e\u0301te\u0301", ["नमस्ते", "e\u0301te\u0301"]),
        ("<|$\\>", []),
    ],
)
def test_words_are_runs_of_letters_of_any_script(text, found):
    assert words(text) == found


def test_the_share_of_known_words_ignores_case_single_letters_and_the_last_word_which_may_be_cut_off():
    known = {"the", "bell"}
    assert word_share("The a Bell xq the be", known) == 3 / 4
    assert word_share("", known) == word_share("a b c", known) == word_share("the", known) == 0


def test_the_share_of_distinct_words_ignores_case():
    assert distinct_share("The the bell THE") == 2 / 4
    assert distinct_share("... 12") == 0


def test_names_are_capitalised_inside_sentences_and_never_written_small():
    assert main_names(BOOK * 3) == ["Wren", "Oskar"]
    assert main_names(BOOK * 3, count=1) == ["Wren"]
    assert main_names("漢字 " * 50) == main_names("") == []


def test_near_misses_are_unknown_capitalised_words_that_look_like_a_name_closest_first():
    text = "Wrenn and Oskat met Wren, wrenx, Zebra and Oskarrr"
    assert near_misses(text, ["Wren", "Oskar"], {"wren", "oskar", "and", "met"}) == [
        ("Wrenn", "Wren"),
        ("Oskarrr", "Oskar"),
        ("Oskat", "Oskar"),
    ]
