"""The yardsticks: laws of a probability distribution, and texts whose bits are known."""

import bz2
import lzma
import re
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import busy_bar

from lab.yardsticks import NGram, compressed_bits_per_character, compressors, lzma_compress

NOISE = np.random.default_rng(0).integers(0, 4, 4000)


@st.composite
def texts(draw):
    """K, a text to count in and another one to predict, in a small alphabet so that n-grams repeat."""
    K = draw(st.integers(1, 5))
    ids = st.lists(st.integers(0, K - 1), max_size=40)
    return K, draw(ids), draw(ids)


@given(texts(), st.integers(0, 5))
def test_probabilities_are_above_0_and_sum_to_1_for_every_order_and_context(text, order):
    K, train, context = text
    ngram = NGram(train, K, order)
    p = np.array([ngram.probabilities([*context, k])[:, -1] for k in range(K)])  # (K, order + 1)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=0), 1)


@given(texts(), st.integers(0, 5))
def test_the_arrays_say_what_counting_by_hand_says(text, order):
    K, train, held_out = text
    D = NGram.discount

    def grams(n):
        return [tuple(train[i : i + n]) for i in range(len(train) - n + 1)]

    def q(n, context, char):
        """Of the n-grams, the different characters before them are counted."""
        return smoothed(Counter(gram[1:] for gram in set(grams(n + 1))), n, context, char)

    def smoothed(counts, n, context, char):
        if n == 0:
            return 1 / K
        if len(context) < n - 1:
            return q(n - 1, context, char)
        context = tuple(context[len(context) - n + 1 :])
        follow = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == context}
        shorter = q(n - 1, context[1:], char)
        if not follow:
            return shorter
        return (max(follow.get(char, 0) - D, 0) + D * len(follow) * shorter) / sum(follow.values())

    found = NGram(train, K, order).probabilities(held_out)
    for n in range(len(found)):
        counts = Counter(grams(n))
        expected = [smoothed(counts, n, held_out[:i], char) for i, char in enumerate(held_out)]
        np.testing.assert_allclose(found[n], expected)


@given(texts())
def test_order_0_is_uniform_and_order_1_is_the_smoothed_frequency(text):
    K, train, held_out = text
    uniform, unigram = NGram([*train, 0], K, order=1).probabilities(held_out)
    counts = np.bincount([*train, 0], minlength=K)
    left = NGram.discount * np.count_nonzero(counts) / K
    np.testing.assert_allclose(uniform, 1 / K)
    np.testing.assert_allclose(unigram, ((np.maximum(counts - NGram.discount, 0) + left) / counts.sum())[held_out])


def test_a_character_that_follows_only_one_other_is_unlikely_in_a_new_context():
    """The example of Chen and Goodman: "Francisco" is frequent, but hardly ever without "San"."""
    S, F, a, b, new = range(5)
    text = [S, F] * 50 + [a, b, a, S, b, S, a, new]
    p = NGram(text, 5, order=2).probabilities([[new, new], [F, b]])[2, 1]
    assert np.bincount(text)[F] > 10 * np.bincount(text)[b]
    assert p[0] < p[1]


@given(texts(), st.integers(1, 5))
def test_the_lower_orders_do_not_depend_on_the_highest(text, order):
    K, train, held_out = text
    highest, lower = (NGram(train, K, n).probabilities(held_out) for n in (order, order - 1))
    np.testing.assert_array_equal(highest[: len(lower)], lower)


@given(texts(), st.integers(1, 5))
def test_texts_side_by_side_are_read_as_each_alone(text, order):
    K, train, held_out = text
    ngram, other = NGram(train, K, order), held_out[::-1]
    together = ngram.probabilities(np.stack([held_out, other], axis=1))
    for column, alone in enumerate((held_out, other)):
        np.testing.assert_array_equal(together[..., column], ngram.probabilities(alone))


@given(texts())
def test_an_order_has_as_many_counts_as_different_n_grams_up_to_its_length(text):
    K, train, _ = text
    kinds = [len({tuple(train[i : i + n]) for i in range(len(train) - n + 1)}) for n in range(1, 6)]
    np.testing.assert_array_equal(NGram(train, K).parameters(), np.cumsum([0, *filter(None, kinds)]))


@given(texts(), st.integers(0, 5), st.integers(1, 4))
def test_without_rare_n_grams_probabilities_still_sum_to_1(text, order, least):
    K, train, context = text
    ngram = NGram(train, K, order).pruned(least)
    p = np.array([ngram.probabilities([*context, k])[:, -1] for k in range(K)])
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=0), 1)


@given(texts(), st.integers(1, 4))
def test_rare_n_grams_are_left_out(text, least):
    K, train, held_out = text
    whole = NGram(train, K, order=4)
    pruned = whole.pruned(least)
    grams = [Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1)) for n in range(1, 5)]
    kept = [{gram for gram, count in of_n.items() if n == 1 or count >= least} for n, of_n in enumerate(grams, 1)]
    levels = len(pruned.levels)
    assert pruned.parameters().tolist() == np.cumsum([0, *map(len, kept)])[: levels + 1].tolist()
    contexts = [len({gram[:-1] for gram in of_n}) for of_n in kept]
    assert pruned.back_off_weights().tolist() == np.cumsum([0, *contexts])[: levels + 1].tolist()
    np.testing.assert_allclose(whole.pruned(1).probabilities(held_out), whole.probabilities(held_out))


def test_what_a_rare_n_gram_had_goes_to_the_shorter_context():
    ids = np.array([0, 1, 0, 1, 0, 1, 0, 2])  # after 0 comes 1 three times, and 2 once
    whole, pruned = NGram(ids, 3, order=2), NGram(ids, 3, order=2).pruned(2)
    q = pruned.probabilities([0])[1], pruned.probabilities([1])[1], pruned.probabilities([2])[1]
    seen = pruned.probabilities([0, 1])[2, 1], pruned.probabilities([0, 2])[2, 1]
    below = whole.levels[0].before
    shorter = [(max(count - 0.75, 0) + 0.75 * 3 / 3) / below.totals[0] for count in below.counts]
    assert seen == pytest.approx((2.25 / 4 + 1.75 / 4 * shorter[1], 1.75 / 4 * shorter[2]))
    assert np.sum(q) == pytest.approx(1)


@pytest.mark.parametrize("context", [[], [1], [2, 0, 1], [3, 3, 3], [0, 1, 2, 0, 1]])
def test_what_follows_a_context_has_the_probabilities_of_a_text(context):
    ngram = NGram(np.random.default_rng(0).integers(0, 3, 60), vocab_size=4, order=4)  # 3 never occurs
    for order in range(5):
        each = [ngram.probabilities([*context, char])[order, -1] for char in range(4)]
        np.testing.assert_array_equal(ngram.following(context, order), each)


def test_what_an_n_gram_writes_is_drawn_from_its_probabilities():
    rule = np.tile([0, 0, 1, 1], 500)  # needs two characters
    ngram = NGram(rule, 2, order=3)
    assert ngram.bits_per_character(ngram.write(200, [0, 0], order=3)) < 0.2
    np.testing.assert_array_equal(ngram.write(50, [0, 0], 3, seed=0), ngram.write(50, [0, 0], 3))
    first = [ngram.write(1, [0, 1], 3, seed)[0] for seed in range(50)]
    assert np.mean(first) > 0.8  # all of a prompt as long as the context counts
    uniform = ngram.write(400, [0], order=0)
    assert 150 < uniform.sum() < 250


def test_the_counting_has_a_bar_with_its_name(monkeypatch, capsys):
    monkeypatch.setattr("lab.yardsticks.bar", busy_bar)
    NGram([0, 1], 2, order=9)
    assert re.findall(r"Counting n-grams: +\d+%\|\S*\| \d/(\d)", capsys.readouterr().out)[-1] == "2"


def test_noise_takes_log2_of_K_bits_and_as_many_choices_as_characters():
    ids = np.random.default_rng(0).integers(0, 8, 4000)
    ngram = NGram(ids[:3000], 8, order=1)
    assert ngram.bits_per_character(ids[3000:]) == pytest.approx(3, abs=0.01)
    assert ngram.perplexity(ids[3000:]) == pytest.approx(8, abs=0.06)


def test_a_rule_that_needs_two_characters_is_found_by_the_trigram_and_not_by_the_bigram():
    text = np.tile([0, 0, 1, 1], 500)
    bits = NGram(text, 2, order=3).bits_by_order(text[:100])
    assert bits[:3] == pytest.approx([1, 1, 1], abs=0.02)
    assert bits[3] < 0.02


def test_characters_may_be_small_unsigned_integers():
    ids = (np.arange(1000) % 200).astype(np.uint8)
    np.testing.assert_array_equal(NGram(ids, 200).probabilities(ids), NGram(ids.tolist(), 200).probabilities(ids))


def test_a_large_alphabet_takes_memory_for_what_occurs_only():
    ids = np.random.default_rng(0).integers(0, 5000, 10_000)
    tracemalloc.start()
    bits = NGram(ids, 5000).bits_per_character(ids[:100])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(bits)
    assert peak < 20e6  # bytes; a table of all bigrams alone would take 200e6


@pytest.mark.parametrize("train", [[], [0], [0, 1]])
def test_a_tiny_text_has_only_the_orders_that_fit_into_it(train):
    bits = NGram(train, 2, order=5).bits_by_order([1, 0])
    assert len(bits) == len(train) + 1
    assert np.isfinite(bits).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"^order must be 0 .*not -1"):
        NGram([0, 1], 2, order=-1)
    with pytest.raises(IndexError, match=r"^NGram: .*from 0 to 1, these are from 0 to 2"):
        NGram([0, 2], 2)
    with pytest.raises(IndexError, match="are from -1"):
        NGram([0, 1], 2).perplexity([-1, 0])
    with pytest.raises(ValueError, match=r"^A text of .*two or more"):
        NGram([0, 1], 2).bits_per_character([0])
    with pytest.raises(ValueError, match=r"^No text .*nothing to measure"):
        compressed_bits_per_character("some text", "", lzma_compress)


@pytest.mark.parametrize(("compress", "block"), [(lzma_compress, None), (bz2.compress, None), (bz2.compress, 900_000)])
def test_a_compressor_is_better_when_it_has_read_the_training_text(compress, block):
    text = "".join(map(chr, 0x4E00 + NOISE))  # Chinese: three bytes a character
    alone = compressed_bits_per_character("", text, compress, block)
    again = compressed_bits_per_character(text, text, compress, block)
    assert 0 < again < 0.7 * alone


def test_lzma_looks_back_64_mebibytes():
    assert lzma.decompress(lzma_compress(b"abc"), memlimit=66 << 20) == b"abc"
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(lzma_compress(b"abc"), memlimit=64 << 20)


def test_three_compressors_have_read_the_training_text(capsys):
    text = "".join(map(chr, 0x4E00 + NOISE))
    bits = compressors(text, text)
    assert "Compressing" in capsys.readouterr().out  # from the first on
    assert list(bits) == ["primed lzma", "primed bz2", "bz2 primed with one block"]
    assert bits["primed lzma"] == compressed_bits_per_character(text, text, lzma_compress)
    assert bits["primed bz2"] == compressed_bits_per_character(text, text, bz2.compress)
    assert bits["bz2 primed with one block"] == compressed_bits_per_character(text, text, bz2.compress, 900_000)


def test_a_block_that_fits_counts_and_one_that_does_not_is_no_error():
    calls = []

    def compress(data):
        calls.append(len(data))
        return data

    assert compressed_bits_per_character("a" * 5000, "b" * 100, compress, block=1000) == 8
    primes = [int(880 * (1 - 0.01 * i)) for i in range(9)]  # 98 % of the block, without the text held out
    assert sorted(calls) == sorted([*primes, *(prime + 100 for prime in primes)])
    assert compressed_bits_per_character("a" * 5000, "b" * 2000, compress, block=1000) == 8
    assert compressed_bits_per_character("a", "b", compress, block=1000) == 8


def test_the_prime_is_the_end_of_the_training_text_and_bits_are_per_character_not_per_byte():
    seen = []

    def compress(data):
        seen.append(data)
        return data

    assert compressed_bits_per_character("a" * 5000 + "b" * 1000, "钟" * 50, compress, block=1000) == 24
    assert all(set(data.decode()) <= {"b", "钟"} for data in seen)
