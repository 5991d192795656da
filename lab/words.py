"""Measures of synthesized text, for any book: its words and names."""

import re
import unicodedata
from collections import Counter

MARKS = "".join(char for char in map(chr, range(0x300, 0x1F000)) if unicodedata.category(char)[0] == "M")
LETTERS = rf"[^\W\d_]+(?:[{MARKS}]+[^\W\d_]*)*"
WORD = re.compile(rf"{LETTERS}(?:['’]{LETTERS})*")  # letters of any script with their marks, an apostrophe inside


def words(text):
    """Yield the words of a text, as they are written."""
    return (match[0] for match in WORD.finditer(text))  # a book of 100 MB would make a list of a gigabyte


def word_count(text):
    """How many words a text has."""
    return sum(1 for _ in words(text))


def word_set(text):
    """The different words of a text, in lower case."""
    return {word.lower() for word in words(text)}


def frequent(text, count):
    """The characters that occur most often in a text, most frequent first."""
    return [char for char, _ in Counter(text).most_common(count)]


def word_share(text, known, least=2):
    """The share of the words of a text that are in `known`, a set of words in lower case; 0 for a text without words.

    Only words of `least` letters or more count (any letter makes a word of one), and not the last word, which may be
    cut off.
    """
    found = [word.lower() in known for word in list(words(text))[:-1] if len(word) >= least]
    return sum(found) / len(found) if found else 0.0


def distinct_share(text):
    """The share of the words of a text that are different from one another, capitals or not; 0 without words."""
    found = [word.lower() for word in words(text)]
    return len(set(found)) / len(found) if found else 0.0


def main_names(book, count=12):
    """The names that occur most often in a book, most frequent first.

    A name is a capitalised word of three letters or more that follows a small letter and a space, with or without a
    comma (so it does not begin a sentence), and that is hardly ever in lower case. Scripts without capitals have none.
    """
    counts = Counter(words(book))
    small = r"[^\W\dA-Z_]"  # any letter but a capital of English
    inside = Counter(match[0] for match in re.finditer(rf"(?:(?<={small} )|(?<={small}, )){WORD.pattern}", book))
    names = Counter(
        {
            word: n
            for word, n in inside.items()
            if len(word) > 2 and word.istitle() and counts[word.lower()] < 0.05 * counts[word] and n > 2
        }
    )
    return [name for name, _ in names.most_common(count)]


def long_word(text, known, least=5):
    """The first word of `least` letters or more that is in `known`, as it is written; None if there is none."""
    return next((word for word in words(text) if len(word) >= least and word.lower() in known), None)


def quotation(text, longest=80):
    """The first quotation that is closed in its line, with its marks; None if there is none."""
    found = re.search(rf'(?<!\S)(?:"(?=\S)[^"\n]{{2,{longest}}}"|“[^“”\n]{{2,{longest}}}”)', text)
    return found[0] if found else None


def capital_share(text):
    """The share of capitals among the letters that follow a full stop, ! or ? and a space; 0 if there are none."""
    found = re.findall(r"[.!?]\s+([^\W\d_])", text)
    return sum(map(str.isupper, found)) / len(found) if found else 0.0


def near_miss(text, known, least=5):
    """The first word that is one letter away from a word of `known`, and not in it.

    Parameters
    ----------
    text : str
    known : set of str
        Words in lower case.
    least : int
        How many letters both must have.

    Returns
    -------
    (str, str) or None
        The word as it is written, and that of `known` (of several, the first in their order).
    """
    for word in words(text):
        small = word.lower()
        if len(word) < least or small in known:
            continue
        start, end = small[: len(small) // 2], small[len(small) // 2 :]  # one of them is in both
        likely = (other for other in known if other.startswith(start) or other.endswith(end))
        if near := [other for other in likely if len(other) >= least and _one_letter_apart(small, other)]:
            return word, min(near)
    return None


def _one_letter_apart(a, b):
    """Is one letter left out, one more, or another in its place?"""
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[same:], b[same:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:]


def first_found(samples, find):
    """The first of some samples in which something is found.

    Parameters
    ----------
    samples : list of lab.training.Sample
    find : function (str) -> found or None
        What to look for in a text.

    Returns
    -------
    (int, found) or None
        The step of that sample, and what was found there.
    """
    return next(((sample.step, found) for sample in samples if (found := find(sample.text))), None)
