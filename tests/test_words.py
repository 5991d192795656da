"""Words and names, in any script."""

from types import SimpleNamespace

import pytest

from lab import words as found_in
from lab.words import distinct_share, frequent, main_names, word_count, word_set, word_share, words

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
        ("e\u0300t", ["e\u0300t"]),  # the first mark of all
        ("<|$\\>", []),
    ],
)
def test_words_are_runs_of_letters_of_any_script(text, found):
    assert list(words(text)) == found and word_count(text) == len(found)


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
    assert len(main_names("".join(f"so {letter}nn " * 3 for letter in "ABCDEFGHIJKLMN"))) == 12
    assert main_names("said, Ann. " * 3) == main_names("said Ann. " * 3) == ["Ann"]
    assert main_names("said. Ann " * 3) == main_names("A, Ann " * 3) == main_names("said,Ann " * 3) == []
    assert main_names("漢字 " * 50) == main_names("") == []


@pytest.mark.parametrize(
    ("word", "times", "small", "found"),
    [
        ("Ann", 3, 0, True),
        ("Al", 9, 0, False),  # two letters
        ("Ann", 2, 0, False),  # twice
        ("Rose", 21, 1, True),
        ("Rose", 20, 1, False),  # one in twenty is the flower
        ("BBC", 9, 0, False),
    ],
)
def test_a_name_has_three_letters_occurs_three_times_and_is_hardly_ever_a_common_word(word, times, small, found):
    book = f"so {word} " * times + f"{word.lower()} " * small
    assert main_names(book) == [word] * found


def test_a_word_set_is_in_lower_case():
    assert word_set("The bell, the BELL rang.") == {"the", "bell", "rang"}


def test_the_most_frequent_characters_come_first():
    assert frequent("abcabb", 2) == ["b", "a"]


KNOWN = {"wren", "there", "quickly", "the"}


def test_the_first_long_word_that_is_known_is_found_as_it_is_written():
    assert found_in.long_word("the Thare There quickly", KNOWN) == "There"
    assert found_in.long_word("the Wren", KNOWN) is None and found_in.long_word("the Wren", KNOWN, least=4) == "Wren"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('He "I see\n" said. "Yes," she', '"Yes,"'),
        ("He “I see,” said", "“I see,”"),
        ('a "b" c', None),
        ('"ab" c', '"ab"'),
        ('"' + 80 * "x" + '"', '"' + 80 * "x" + '"'),
        ('"' + 81 * "x" + '"', None),
        ('"never closed', None),
    ],
)
def test_a_quotation_is_closed_in_its_line(text, found):
    assert found_in.quotation(text) == found


@pytest.mark.parametrize(
    ("text", "share"),
    [("He ran. She sat! they slept? I left.", 2 / 3), ('"Go!" he said. 7 of them', 0), ("a.b", 0), ("Ja.\nÅ", 1)],
)
def test_capitals_are_counted_where_a_sentence_begins(text, share):
    assert found_in.capital_share(text) == pytest.approx(share)


@pytest.mark.parametrize("miss", ["thare", "ther", "tere", "theere", "Thxere"])
def test_a_near_miss_is_one_letter_from_a_word(miss):
    assert found_in.near_miss(f"the quickly {miss}", KNOWN, least=4) == (miss, "there")


def test_a_word_two_letters_away_or_known_or_short_is_no_near_miss():
    assert found_in.near_miss("thxxe there th", KNOWN) is None
    assert found_in.near_miss("wrin Thare", KNOWN) == ("Thare", "there")  # five letters, if nothing else is asked


def test_the_first_sample_in_which_something_is_found_has_its_step():
    samples = [SimpleNamespace(step=step, text=text) for step, text in ((0, "x"), (10, "ab"), (20, "ac"))]
    assert found_in.first_found(samples, lambda text: text[1:]) == (10, "b")
    assert found_in.first_found(samples, lambda text: None) is None
