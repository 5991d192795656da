"""Sentences with their proof: what is false fails the report that ships, and is left out of all others."""

import re

import pytest
from IPython.display import Markdown

from lab.sweep import RECIPES
from report import say


@pytest.fixture
def said(monkeypatch):
    """The paragraphs that are shown."""
    paragraphs = []
    monkeypatch.setattr(say, "display", lambda paragraph, **_: paragraphs.append(paragraph.data))
    yield paragraphs
    say.settings(**say.SHIPPED | {"book": "another.txt"})


def test_a_paragraph_is_its_sentences_without_those_that_are_empty(said):
    say.say("One.", "", say.claim(True, "Two."), say.claim(False, "Three."), "Four.")
    say.say("", say.claim(False, "Five."))
    assert said == ["One. Two. Four."]


def test_where_nothing_is_to_be_said_no_paragraph_is_shown(said):
    say.say("", say.claim(False, "One."))
    assert said == []


def test_every_name_that_is_offered_exists():
    exec("from report.say import *", {})


def test_a_false_claim_fails_the_report_that_ships_and_names_the_sentence():
    shipped = say.SHIPPED | {"book": f"data/{say.SHIPPED['book']}"}
    assert say.settings(**shipped)
    assert say.claim(True, "It is so.") == "It is so."
    with pytest.raises(AssertionError, match=r"^This claim of the report does not hold: 'It is so\.'"):
        say.claim(False, "It is so.")
    assert not say.settings(**shipped | {"seed": 1})
    assert say.claim(False, "It is so.") == ""


def test_a_sentence_that_cannot_be_built_everywhere_is_built_only_where_it_holds():
    found = {"here": 3}
    assert say.claim("here" in found, lambda: f"It is {found['here']}.") == "It is 3."
    assert say.claim("there" in found, lambda: f"It is {found['there']}.") == ""
    say.settings(**say.SHIPPED)
    with pytest.raises(AssertionError, match=r"does not hold: .*It is \{found\['there'\]\}\."):
        say.claim("there" in found, lambda: f"It is {found['there']}.")


def test_a_place_further_up_gets_the_paragraph():
    class Handle:
        def update(self, paragraph):
            self.shown = paragraph

    handle = Handle()
    say.say("Later.", at=handle)
    assert isinstance(handle.shown, Markdown) and handle.shown.data == "Later."


def test_a_place_can_be_written_later(monkeypatch):
    monkeypatch.setattr(say, "display", lambda paragraph, display_id: (paragraph.data, display_id))
    said, asked = say.place()
    assert (
        re.fullmatch(r"\*The [\w ]+\.\*", said) and asked is True
    )  # Jupyter gives a handle only if it is asked for a name


def test_texts_of_a_book_are_listed_with_exactly_their_characters():
    assert say.listed(["a", "<"]) == "<code>a</code>, <code>&#60;</code>"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"seed": -1}, "seed must be a whole number, 0 or more; it is -1"),
        ({"seed": "abc"}, "seed must be a whole number, 0 or more; it is 'abc'"),
        ({"hidden_size": 1e2}, "hidden_size must be a whole number, 1 or more; it is 100.0"),
        ({"epochs": "3"}, "epochs must be a whole number, 1 or more; it is '3'"),
        ({"epochs": True}, "epochs must be a whole number, 1 or more; it is True"),
        ({"steps": 0}, "steps must be a whole number, 1 or more; it is 0"),
        ({"book": 3}, "book must be the path of a text file, not 3"),
        ({"recipe": "SGD"}, "no recipe 'SGD': choose one of 'AdaGrad 0.1, N"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_named(given, complaint):
    with pytest.raises(ValueError, match=complaint):
        say.settings(**say.SHIPPED | given)


def test_every_recipe_is_said_in_words():
    for way in RECIPES.values():
        assert way["scheme"] in say.SCHEME and way.get("schedule", "constant") in say.SCHEDULE
    sentences = {**say.SCHEME, **say.SCHEDULE}
    assert sentences.pop("constant") == ""  # there is nothing to say of it
    assert all(re.fullmatch(r"(The|At first) .*\.", sentence) for sentence in sentences.values())
    assert " is half a random orthogonal matrix (" in say.SCHEME["large U"]
