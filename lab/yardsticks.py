"""What simple models reach on the same text: a number of bits per character means something only beside others.

A model that gives the next character y the probability p needs -log2 p bits for it. The yardsticks, worst first: all K
characters equally likely; how often each character occurs (unigram); the same after the character before it (bigram);
and so on, up to n-grams, which look n - 1 characters back. Compressors are models, too: what they write is bits.

References
----------
.. [1] R. Kneser, H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995.
.. [2] S. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling", Harvard University,
   TR-10-98, 1998, section "Kneser-Ney smoothing" (here interpolated, with one discount for all orders).
.. [3] D. Jurafsky, J. Martin, "Speech and Language Processing", 3rd edition (draft), chapter "N-gram Language Models",
   section "Perplexity's Relation to Entropy".
.. [4] J. Seward, manual page of bzip2, sections "Memory management" (the size of blocks) and "Recovering data from
   damaged files" (each stands alone), and L. Collin, manual page of xz, section "Basic file format and compression
   options" (option -9: a dictionary of 64 MiB).
"""

import bz2
import lzma
from copy import copy
from typing import NamedTuple

import numpy as np

from lab.progress import bar
from rnn_core import check_ids, draw


class Counts(NamedTuple):
    """How often the n-grams of one length occur, and their contexts: the first n - 1 characters.

    Attributes
    ----------
    counts : int ndarray (G,)
        For each n-gram.
    totals, left : ndarray (contexts + 1,)
        For each context, the sum of the counts of what follows it, and how much of that goes to the shorter context.
        The entry after the last is 0: an unknown context has the number -1 and finds it there.
    """

    counts: np.ndarray
    totals: np.ndarray
    left: np.ndarray


class Level(NamedTuple):
    """The n-grams of one length n that occur in a text. An n-gram is numbered by its place in `keys`.

    Attributes
    ----------
    keys : int64 ndarray (G,)
        Sorted; the key of an n-gram is (number of its first n-1 characters, its context) * K + (its last character).
    every, before : Counts
        All their occurrences, and how many different characters come before each. The second is None for the longest
        n-grams, where nothing needs it.
    """

    keys: np.ndarray
    every: Counts
    before: Counts | None


class NGram:
    """Character n-grams, each order smoothed with the one below (interpolated Kneser-Ney) [1]_ [2]_.

    With c the character, h the n-1 characters before it, h' = h without its first character and D = 0.75,

        p_n(c | h) = (max(count(h c) - D, 0) + D kinds(h) q_{n-1}(c | h')) / total(h)        q_0(c) = 1 / K

    where total(h) is the sum of count(h c) over c, and kinds(h) is the number of different c seen after h. Each n-gram
    gives up D of its count, which goes to the shorter context. q_n is the same formula with another count, that of the
    different characters seen before h c: a character that is frequent after one context only says little about the
    others. No probability is 0, and they sum to 1 over c.

    Parameters
    ----------
    ids : int array (N,)
        The text to count in, as numbers of characters.
    vocab_size : int
        K.
    order : int
        The largest n: 0 is uniform, 1 unigram, 2 bigram.

    Raises
    ------
    ValueError
        order is negative.
    IndexError
        A number in ids is not one of 0..K-1.

    Attributes
    ----------
    levels : list of Level
        For n = 1, 2, ..., as far as n-grams occur.
    """

    discount = 0.75  # D

    def __init__(self, ids, vocab_size, order=5):
        if order < 0:
            raise ValueError(f"order must be 0 (uniform) or more, not {order}.")
        self.vocab_size, self.levels = vocab_size, []
        ids = self._checked(ids)
        number, contexts = np.zeros(len(ids) + 1, np.int64), 1  # n = 0: the empty context, number 0, is everywhere
        for n in bar(range(1, min(order, len(ids)) + 1), desc="Counting n-grams"):
            key = number[:-1] * vocab_size + ids[n - 1 :]  # what has been read is the context of the next character
            keys, first, longer, counts = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
            if self.levels:  # each n-gram puts another character before the (n-1)-gram that starts one place later
                level, before = self.levels[-1], np.bincount(number[first + 1], minlength=contexts)
                self.levels[-1] = level._replace(before=self._counts(level.keys, before, len(level.every.totals)))
            self.levels.append(Level(keys, self._counts(keys, counts, contexts + 1), None))
            number, contexts = longer, len(keys)

    def _counts(self, keys, counts, size):
        """Counts with their sums over each context, and room for one that is unknown."""
        context = keys // self.vocab_size
        totals = np.bincount(context, counts, minlength=size).astype(np.int64)
        return Counts(counts, totals, np.bincount(context, np.minimum(counts, self.discount), minlength=size))

    def pruned(self, least):
        """The same model without the n-grams that occur fewer than `least` times; single characters all stay.

        Their probability goes to the shorter context, as that which every n-gram gives up does.

        Parameters
        ----------
        least : int

        Returns
        -------
        NGram
        """
        smaller = copy(self)
        smaller.levels, stays, number = [], np.array([True]), np.zeros(1, np.int64)  # contexts that stay are renumbered
        for level in self.levels:
            context, char = np.divmod(level.keys, self.vocab_size)
            keep = level.every.counts >= (least if smaller.levels else 1)
            if not keep.any():
                break

            def fewer(counted, context=context, keep=keep, stays=stays):
                counts, totals = counted.counts[keep], counted.totals[:-1]
                used = np.bincount(context[keep], np.maximum(counts - self.discount, 0), minlength=len(totals))
                return Counts(counts, *(np.append(of[stays], 0) for of in (totals, totals - used)))

            keys = number[context[keep]] * self.vocab_size + char[keep]
            smaller.levels.append(Level(keys, fewer(level.every), level.before and fewer(level.before)))
            stays, number = keep, np.cumsum(keep) - 1
        return smaller

    def probabilities(self, ids):
        """The probability of each character of a text after those before it, for every order.

        Parameters
        ----------
        ids : int array (N,) or (N, B)
            A text, or B of them side by side.

        Returns
        -------
        ndarray (order + 1, N) or (order + 1, N, B)
            Row n is p_n. Where fewer than n - 1 characters come before, or were never seen, p_n is q of the longest
            context that was.
        """
        ids = self._checked(ids)
        q = np.full(ids.shape, 1 / self.vocab_size)
        rows, context = [q], np.zeros(ids.shape, np.int64)
        for level in self.levels:
            key = context * self.vocab_size + ids  # negative, so not among the keys, if the context is unknown
            number = np.searchsorted(level.keys, key).clip(max=len(level.keys) - 1)
            seen = level.keys[number] == key

            def smoothed(counted, q=q, number=number, seen=seen, context=context):
                """D goes from each count to the shorter context; an unknown context leaves all to it."""
                own = np.where(seen, np.maximum(counted.counts[number] - self.discount, 0), 0)
                total = counted.totals[context]
                return np.divide(own + counted.left[context] * q, total, out=q.copy(), where=total > 0)

            rows.append(smoothed(level.every))
            if level.before is not None:
                q = smoothed(level.before)
            context = np.full(ids.shape, -1)
            context[1:] = np.where(seen, number, -1)[:-1]
        return np.array(rows)

    def following(self, context, order):
        """p_n of every character after a context: a column of `probabilities`, without a search for each character.

        Parameters
        ----------
        context : int array (N,)
        order : int
            n.

        Returns
        -------
        ndarray (K,)
        """
        ids, K = self._checked(context), self.vocab_size
        p, number = np.full(K, 1 / K), np.zeros(len(ids) + 1, np.int64)
        for n, level in enumerate(self.levels[:order], 1):
            counted = level.every if n == order or level.before is None else level.before
            last = number[-1]
            if total := counted.totals[last]:
                block = slice(*np.searchsorted(level.keys, [last * K, (last + 1) * K]))  # what has followed, in order
                p *= counted.left[last]
                p[level.keys[block] - last * K] += np.maximum(counted.counts[block] - self.discount, 0)
                p /= total
            key = number[:-1] * K + ids
            place = np.searchsorted(level.keys, key).clip(max=len(level.keys) - 1)
            number = np.append(-1, np.where(level.keys[place] == key, place, -1))
        return p

    def bits(self, ids):
        """The bits of each character of a text but the first, for every order: ndarray (order + 1, N - 1).

        Raises
        ------
        ValueError
            There are fewer than two characters.
        """
        if len(ids) < 2:
            raise ValueError(f"A text of {len(ids)} characters has none to predict: give two or more.")
        return -np.log2(self.probabilities(ids)[:, 1:])

    def bits_by_order(self, ids):
        """Bits per character of a text for every order, ndarray (order + 1,): uniform, unigram, bigram, ...

        As in `rnn_core.bits_per_character`, the first character is only read and the others are predicted.
        """
        return self.bits(ids).mean(axis=1)

    def bits_per_character(self, ids):
        """Bits per character of a text, from the highest order."""
        return float(self.bits_by_order(ids)[-1])

    def perplexity(self, ids):
        """Between how many equally likely characters one would choose on average: 2 ** (bits per character) [3]_.

        For a text that a network wrote, it says how much it surprises a reader who knows the n-grams of the book.
        """
        return 2 ** self.bits_per_character(ids)

    def parameters(self):
        """How many counts each order keeps, int ndarray (order + 1,): its own n-grams and all that are shorter."""
        return np.cumsum([0] + [len(level.keys) for level in self.levels])

    def back_off_weights(self):
        """How many contexts each order keeps a back-off weight for, int ndarray (order + 1,), as `parameters`."""
        return np.cumsum([0] + [len(np.unique(level.keys // self.vocab_size)) for level in self.levels])

    def write(self, length, prompt, order, seed=0):
        """Draw a text, character by character, from p_n.

        Parameters
        ----------
        length : int
            How many characters to write.
        prompt : int array (N,)
            What comes before.
        order : int
            n.
        seed : int

        Returns
        -------
        int ndarray (length,)
        """
        ids = list(prompt)
        for u in np.random.default_rng(seed).random(length):
            ids.append(draw(self.following(ids[max(len(ids) - order + 1, 0) :], order), u))
        return np.array(ids[len(prompt) :])

    def _checked(self, ids):
        """Characters as int64, so that keys do not overflow, or a clear error."""
        ids = np.asarray(ids)
        check_ids(ids, self.vocab_size, "NGram")
        return ids.astype(np.int64)


def lzma_compress(data):
    """bytes to bytes, as small as lzma can. It looks back 64 MiB: it remembers the whole book."""
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def compressed_bits_per_character(train_text, held_out_text, compress, block=None):
    """How many bits a compressor that has just read the training text needs for each character held out.

    That is the difference between the two sizes, with and without the text held out: 8 (size(train + held out) -
    size(train)) / (characters held out). Whole bytes are counted, so it says little about less than some thousand
    characters: of a few, the difference may even be negative.

    bz2 needs care. It cuts its input into blocks of 900,000 bytes and forgets everything at each cut: of a longer
    training text it knows only what happens to come after the last one. To measure it at its best, give ``block``;
    then it is primed with the end of the training text only, as much as fits into one block together with the text
    held out. The size is also a little erratic, because adding text can change the Huffman tables of the whole block,
    and that little is much of the difference. So nine primes, each a hundredth shorter than the one before, are tried,
    and the median is taken.

    Parameters
    ----------
    train_text, held_out_text : str
        The second follows the first.
    compress : function (bytes) -> bytes
        `lzma_compress`, `bz2.compress`.
    block : int, optional
        The size in bytes of the blocks that the compressor works in: 900,000 for bz2. If the text held out
        is as large alone, no room is left for a prime.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Nothing is held out.

    References
    ----------
    Manual pages of bzip2 and xz [4]_.
    """
    if not held_out_text:
        raise ValueError("No text is held out: there is nothing to measure.")
    train, held_out = train_text.encode(), held_out_text.encode()
    lengths = [len(train)]
    if block is not None:
        room = max(int(0.98 * block) - len(held_out), 0)  # not all: bz2 makes runs of four equal bytes longer
        lengths = np.unique((min(len(train), room) * (1 - 0.01 * np.arange(9))).astype(int))
    primes = [train[len(train) - length :] for length in lengths]
    sizes = [len(compress(prime + held_out)) - len(compress(prime)) for prime in primes]
    return float(8 * np.median(sizes) / len(held_out_text))


def compressors(train_text, held_out_text):
    """Bits per character of a text held out for three compressors that have read the training text: a dict by name."""
    ways = {
        "primed lzma": (lzma_compress,),
        "primed bz2": (bz2.compress,),
        "bz2 primed with one block": (bz2.compress, 900_000),
    }
    return {
        name: compressed_bits_per_character(train_text, held_out_text, *way)
        for name, way in bar(ways.items(), desc="Compressing", delay=0)
    }
