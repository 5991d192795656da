"""Checks that know no answer: each is a property that right code has, however it is written.

    from checks import check
    check("forward", rnn)

says the first property that does not hold, with your own numbers. A property is a function of the code that is checked
and of a `Point` where it is; it returns nothing, or raises `Wrong` with a sentence.

References
----------
.. [1] D. Freedman, "On tail probabilities for martingales", The Annals of Probability 3(1), 1975.
"""

import copy
import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from classroom.tasks import LEVEL, LEVELS, POINTS, points
from lab.gradcheck import check as gradient_check

NAMES = ("W", "U", "V", "b", "c")


class Wrong(AssertionError):
    """A property does not hold; the message tells a student which, and asks for the cause."""


class Point(NamedTuple):
    """Where a property is tested: a small network and what it reads; the sizes m, K, T and T + 1 are all different."""

    params: list
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray
    seed: int


def point(seed=0, sigma=0.6):
    """A `Point` drawn with a seed; sigma is the size of its parameters."""
    rng = np.random.default_rng(seed)
    m, K, T = rng.integers([6, 4, 9], [8, 6, 12])
    params = [rng.normal(0, sigma, shape) for shape in ((m, m), (m, K), (K, m), (m,), (K,))]
    return Point(params, *rng.integers(0, K, (2, T)), rng.uniform(-0.8, 0.8, m), int(seed))


def zeros(params, **others):
    """Parameters of the same shapes, all 0 but for those that are given."""
    return [others.get(name, np.zeros_like(theta)) for name, theta in zip(NAMES, params, strict=True)]


def require(holds, sentence):
    """Raise `Wrong` with this sentence unless the property holds."""
    if not holds:
        raise Wrong(sentence)


def close(a, b, tolerance=1e-9):
    """Whether two arrays, or lists of arrays, have the same shapes and agree to this many digits."""
    if isinstance(a, list):
        return len(a) == len(b) and all(close(*pair, tolerance) for pair in zip(a, b, strict=True))
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=tolerance, atol=tolerance)


def guarded(code):
    """The student's functions; what they raise becomes a sentence.

    Parameters
    ----------
    code : module, dict or any object
        It has the functions by name.

    Returns
    -------
    SimpleNamespace
    """

    def guard(name):
        function = code.get(name) if isinstance(code, dict) else getattr(code, name, None)

        def call(*arguments):
            require(callable(function), f"There is no function {name}: is it defined, under this name?")
            try:
                with np.errstate(all="ignore"):
                    return function(*arguments)
            except NotImplementedError:
                raise Wrong(f"{name} is not written yet: what does it have to return?") from None
            except Wrong:
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"[:300]
                raise Wrong(f"{name} stops with {reason}. Which line does that, and with which shapes?") from None

        return call

    return SimpleNamespace(**{name: guard(name) for name in POINTS})


def number(value, what):
    """A student's value as a number; an array with a single entry is one, too."""
    require(np.size(value) == 1 and np.asarray(value).dtype.kind in "iufc", f"{what} must be one number. What is it?")
    return np.reshape(value, ())[()]


def rows(given, count, size, what):
    """A student's arrays, one for each step, as an array (count, size).

    They may be a dict, a list or an array, of rows or of columns; what comes before the first step is left out.
    """
    wanted = (
        f"{what} must hold {count} arrays of {size} numbers, one per step. How many does yours hold, of which shape?"
    )
    if isinstance(given, dict):
        require(all(isinstance(key, int | np.integer) for key in given), wanted)
        given = [given[key] for key in sorted(given)]
    if isinstance(given, list | tuple):
        given = [np.ravel(row) for row in given if row is not None][-count:]
        require(all(row.shape == (size,) for row in given), wanted)
    array = np.asarray(given)
    array = array.reshape(1, -1) if array.size == size else np.squeeze(array)
    require(array.dtype.kind in "iufc" and array.ndim == 2, wanted)
    array = array if array.shape[1] == size else array.T
    require(array.shape[1] == size and count <= len(array) <= count + 1, wanted)
    return array[-count:]


class Run(NamedTuple):
    """What forward returned: L, h (T+1, m) and p (T, K) in one layout, and h and p as they came."""

    L: float
    h: np.ndarray
    p: np.ndarray
    as_it_came: tuple


def run(code, params, x, y, h0):
    """Call forward, and make sure that it returns what it must."""
    given = code.forward(params, x, y, h0)
    require(isinstance(given, tuple | list) and len(given) == 3, "forward must return L, h and p. What does it return?")
    h = rows(given[1], len(x) + 1, len(params[3]), "h (its steps are 0 to T)")
    p = rows(given[2], len(x), len(params[4]), "p (its steps are 1 to T)")
    return Run(number(given[0], "The loss L"), h, p, tuple(given[1:]))


# ------------------------------------------------------------------------------------------------------------- forward


def knows_nothing(code, at):
    """With all parameters 0 the loss is T log K. The gate."""
    K, T = len(at.params[4]), len(at.x)
    L = run(code, zeros(at.params), at.x, at.y, 0 * at.h0).L
    require(
        close(L, T * math.log(K)),
        f"With all parameters 0 each of the {K} characters has the probability 1/{K}, so over {T} characters the loss "
        f"is {T} log {K} = {T * math.log(K):.7g}. Yours is {L:.7g}: what does it sum, and which logarithm does it "
        "take?",
    )


def same_again(code, at):
    """Two calls return the same, and leave their arguments as they are."""
    given = copy.deepcopy(at)
    first, again = (run(code, *at[:4]).L for _ in range(2))
    left = all(close(a, b, 0) for a, b in zip(given[:4], at[:4], strict=True))
    require(left, "forward changes params, x, y or h0. Which line writes into an array that it was given?")
    require(
        close(first, again), f"forward returns L = {first:.7g} and then {again:.7g} for the same input. What differs?"
    )


def sums_to_one(code, at):
    """Probabilities are positive and sum to 1."""
    p = run(code, *at[:4]).p
    require((p > 0).all(), f"The smallest probability is {p.min():.3g}. How can SoftMax give that?")
    worst = p.sum(axis=1)[np.abs(p.sum(axis=1) - 1).argmax()]
    require(close(worst, 1.0), f"The probabilities of one step sum to {worst:.7g}, not to 1. What is each divided by?")


def loss_is_of_p(code, at):
    """L is the surprise at y."""
    got = run(code, *at[:4])
    expected = -np.log(got.p[np.arange(len(at.y)), at.y]).sum()
    require(
        close(got.L, expected),
        f"By your own p the characters of y cost {expected:.7g} nats in all, but your L is {got.L:.7g}. Does it take "
        "the probability of the right character, and of every step?",
    )


def log_odds(code, at):
    """Ratios of probabilities come from differences of V h + c."""
    got, (_, _, V, _, c) = run(code, *at[:4]), at.params
    o = got.h[1:] @ V.T + c
    mine, theirs = np.log(got.p / got.p[:, :1]), o - o[:, :1]
    t, k = np.unravel_index(np.abs(mine - theirs).argmax(), o.shape)
    require(
        close(mine, theirs),
        f"log p_t(i) - log p_t(j) must be the difference of the entries i and j of V h_t + c. In step {t + 1}, for i "
        f"= {k} and j = 0, that is {theirs[t, k]:.5g}; yours is {mine[t, k]:.5g}. Which h_t does your V meet?",
    )


def constant_in_c(code, at):
    """Adding a constant to all outputs changes no probability."""
    *others, c = at.params
    L, M = (run(code, [*others, c + shift], *at[1:4]).L for shift in (0.0, 3.0))
    require(
        close(L, M),
        f"Adding 3 to every entry of c changes no probability, but your L goes from {L:.7g} to {M:.7g}. Is p SoftMax?",
    )


def causal(code, at):
    """h_t depends on x_1, ..., x_t, and on nothing later."""
    before = run(code, *at[:4]).h
    for t in range(1, len(at.x) + 1):
        x = at.x.copy()
        x[t - 1] = (x[t - 1] + 1) % len(at.params[4])
        changed = np.abs(run(code, at.params, x, *at[2:4]).h - before).max(axis=1) > 1e-12
        early = changed[:t].argmax()
        require(
            not changed[:t].any(),
            f"Another x_{t} changed h_{early}, although the network reads x_{t} later. Which x does step {early} read?",
        )
        require(changed[t], f"Another x_{t} did not change h_{t}. Which x does U meet in step {t}?")


def continues(code, at):
    """A text read in two parts comes to the same as in one."""
    whole = run(code, *at[:4])
    require(close(whole.h[0], at.h0), "h[0] must be h0, as it was given. What is yours?")
    first = run(code, at.params, at.x[:2], at.y[:2], at.h0)
    rest = run(code, at.params, at.x[2:], at.y[2:], first.h[-1])
    require(
        close(whole.h[-1], rest.h[-1]) and close(whole.L, first.L + rest.L),
        f"Reading 2 characters and then the rest from h_2 costs {first.L:.7g} + {rest.L:.7g} nats, reading all at "
        f"once {whole.L:.7g}. Does each step start from the state of the step before?",
    )


def linear_inside(code, at):
    """arctanh of h_1 is linear in b, W and U."""
    W, U, _, b, _ = at.params

    def a_1(**others):
        theta = [others.get(name, value) for name, value in zip(NAMES, at.params, strict=True)]
        with np.errstate(all="ignore"):
            return np.arctanh(run(code, theta, *at[1:4]).h[1])

    shift, here = np.arange(len(b)) / 20, a_1()
    moved = a_1(b=b + shift) - here
    require(
        close(moved, shift, 1e-10),
        f"h_1 = tanh(a_1), so adding {shift[1]:g} to an entry of b adds {shift[1]:g} to one of a_1. By your h_1 it "
        f"adds {moved[1]:.9g}. Is it tanh, is b added once, is all computed in float64?",
    )
    for name, weights in (("W", W), ("U", U)):
        none, third = (a_1(**{name: share * weights}) for share in (0, 1 / 3))
        require(
            close(here - none, 3 * (third - none), 1e-10),
            f"a_1 must grow in proportion to {name}: from 0 to {name} / 3 its first entry grows by "
            f"{third[0] - none[0]:.9g}, from 0 to {name} by {here[0] - none[0]:.9g}. What else is {name} in?",
        )


def wiring(code, at):
    """A column of W is where one unit leads, a column of U where one character does."""
    rng = np.random.default_rng(at.seed)
    W, U = (rng.normal(size=theta.shape) for theta in at.params[:2])
    W[:, 1], U[:, 3] = np.eye(len(W))[:2]
    x, state = np.full_like(at.x, 3), np.eye(len(W))[1] / 2
    for name, source, to, net, h0 in (
        ("W", "unit 1", 0, {"W": W}, state),
        ("U", "character 3", 1, {"U": U}, 0 * state),
    ):
        h = run(code, zeros(at.params, **net), x, at.y, h0).h[1]
        reached = np.flatnonzero(h).tolist()
        require(
            reached == [to],
            f"In this network {source} leads to unit {to} alone, by {name}[{to}, {source[-1]}], and nothing else is "
            f"active. In your h_1 the units {reached} are not 0. Is {name} transposed, left out, or is something "
            "added?",
        )


def odd(code, at):
    """tanh is odd."""
    W, U, V, b, c = at.params
    L, M = run(code, *at[:4]).L, run(code, [W, -U, -V, -b, c], at.x, at.y, -at.h0).L
    require(
        close(L, M),
        f"tanh is odd, so turning the signs of U, V, b and h0 must not change L; yours goes from {L:.7g} to {M:.7g}. "
        "What in your a_t does not turn its sign?",
    )


def does_not_overflow(code, at):
    """A remark: large o_t."""
    *others, c = at.params
    L, M = (run(code, [*others, c + shift], *at[1:4]).L for shift in (0.0, 2000.0))
    require(
        close(L, M, 1e-7),
        f"With 2000 added to every entry of c your L is {M:.7g} in place of {L:.7g}: exp overflows. What may one "
        "subtract from o before exp, without changing p?",
    )


# ------------------------------------------------------------------------------------------------------------ backward


def gradients(code, at, got):
    """Call backward, and make sure that it returns five arrays of the right shapes."""
    given = code.backward(at.params, at.x, at.y, *got.as_it_came)
    if isinstance(given, dict):
        given = [given.get(name, given.get("d" + name)) for name in NAMES]
    require(isinstance(given, tuple | list) and len(given) == 5, "backward must return dW, dU, dV, db and dc. Does it?")
    made = []
    for name, theta, gradient in zip(NAMES, at.params, given, strict=True):
        shape = np.shape(gradient)
        fits = np.squeeze(np.empty(shape)).shape == theta.shape and np.asarray(gradient).dtype.kind in "iuf"
        require(fits, f"The gradient of {name} has the shape {shape}, {name} has {theta.shape}. Why do they differ?")
        made.append(np.reshape(gradient, theta.shape).astype(float))
    return made


def right_slopes(code, at, names=NAMES):
    """Compare the gradients of these parameters with the slopes of the student's own loss."""
    made = dict(zip(NAMES, gradients(code, at, run(code, *at[:4])), strict=True))

    def loss_and_state(theta, x, y, h0):
        both = [theta.get(name, value) for name, value in zip(NAMES, at.params, strict=True)]
        L, h, _ = code.forward(both, x, y, h0)
        return number(L, "The loss L"), rows(h, len(x) + 1, len(h0), "h (its steps are 0 to T)")[-1]

    params = dict(zip(NAMES, at.params, strict=True))
    some = ({name: of[name] for name in names} for of in (params, made))
    try:
        result = gradient_check(
            lambda *given: loss_and_state(*given)[0], *some, *at[1:4], forward=loss_and_state, progress=False
        )
    except ValueError as error:
        raise Wrong(f"The gradient of your own loss could not be computed: {error} What is special about it?") from None
    for row in result:
        require(
            row.passed,
            f"The slope of your own loss at {row.name}{list(row.worst)} is {row.numerical:.5g}; your gradient there "
            f"is {row.analytic:.5g}. {result.diagnosis} Which line is it?",
        )


def output_side(code, at):
    """dV and dc: g_t is right. The gate."""
    right_slopes(code, at, ("V", "c"))


def at_the_usual_point(code, at):
    """All five, where weights are tiny and the state is 0: the point of most gradient checks."""
    at = point(at.seed, sigma=0.01)
    right_slopes(code, at._replace(h0=0 * at.h0))


def at_a_better_point(code, at):
    """All five, where every term matters."""
    right_slopes(code, at)


def uses_what_it_is_given(code, at):
    """backward reads h and p: it does not call forward again."""
    W, U, V, b, c = at.params
    other = run(code, [W, U, V, b + 1, c - b[0]], at.x, at.y, at.h0)
    mine, theirs = gradients(code, at, run(code, *at[:4])), gradients(code, at, other)
    require(
        not close(mine, theirs),
        "backward returns the same gradient whatever h and p it is given, although forward has computed them for "
        "it. Does "
        "it call forward, as a numerical gradient does?",
    )


# ------------------------------------------------------------------------------------------------------------- adagrad


def steps_of(code, at, *gradients, eta=0.1):
    """How far each step moves the parameters; each gradient is one number for all entries, or has one for each."""
    params, memory, moves = [np.ones_like(theta) for theta in at.params], zeros(at.params), []
    for given in gradients:
        before = copy.deepcopy(params)
        code.adagrad(params, [np.full(theta.shape, g) for theta, g in zip(params, given, strict=True)], memory, eta)
        moves.append([new - old for new, old in zip(params, before, strict=True)])
    return moves


def drawn(at, salt):
    """Gradients of the size 0.5 to 4, of both signs."""
    rng = np.random.default_rng([at.seed, salt])
    return [rng.uniform(0.5, 4, theta.shape) * rng.choice([-1.0, 1.0], theta.shape) for theta in at.params]


def first_step(code, at):
    """The first step of every entry is eta, against its gradient. The gate."""
    g = drawn(at, 0)
    g[0][0, 0] = 0.0
    for eta in (0.1, 0.3):
        ((moved, *_),) = steps_of(code, at, g, eta=eta)
        require(
            close(moved[0, 0], 0.0),
            f"Where the gradient is 0 a parameter must stay, but yours moved by {moved[0, 0]:.4g}. What is divided by "
            "what?",
        )
        require(
            close(moved, -eta * np.sign(g[0]), 1e-4),
            f"The first step of every entry has the size eta = {eta:g}, against its gradient. Where the gradient is "
            f"{g[0][1, 0]:.3g} yours is {moved[1, 0]:.4g}. Is G updated before the step, in place, and the root taken?",
        )


def sum_of_squares(code, at):
    """The second step is smaller: G is a sum."""
    three, four = zeros(at.params), zeros(at.params)
    three[0][0, 0], four[0][0, 0] = 3.0, 4.0  # a single entry: not even whoever clips by the norm clips here
    _, (second, *_) = steps_of(code, at, three, four)
    require(
        close(second, -0.1 * four[0] / 5, 1e-4),
        "After the gradients 3 and 4 the second step has the size eta * 4 / 5 = 0.08, because 3 * 3 + 4 * 4 = 5 * 5. "
        f"Yours is {abs(second[0, 0]):.4g}. Is G kept from step to step, and what is added to it?",
    )


def clipped(code, at):
    """Entries are clipped to [-5, 5] before they are squared, each on its own."""
    for sign in (1, -1):
        _, (second, *_) = steps_of(code, at, [1000.0 * sign] * 5, [5.0 * sign] * 5)
        require(
            close(np.abs(second), np.full_like(second, 0.1 / math.sqrt(2)), 1e-4),
            f"Clipped to [-5, 5], the gradients {1000 * sign} and {5 * sign} are the same, so the second step has the "
            f"size eta / sqrt(2) = 0.0707. Yours is {abs(second[0, 0]):.4g}. What is clipped, where, and when?",
        )
    large = [np.full_like(theta, 3.0) for theta in at.params]
    large[0][0, 0] = 400.0
    _, (second, *_) = steps_of(code, at, [3.0] * 5, large)
    require(
        close(abs(second[1, 1]), 0.1 / math.sqrt(2), 1e-4),
        "Each entry is clipped on its own, so a large neighbour changes nothing: the second step has the size "
        f"0.0707. Yours is {abs(second[1, 1]):.4g}. Is the norm of all clipped?",
    )


def in_place(code, at):
    """Gradients stay as they are; params and G change in place."""
    params, memory, g = copy.deepcopy(at.params), zeros(at.params), drawn(at, 1)
    g[0][0, 0] = 9.0
    before = copy.deepcopy(g)
    code.adagrad(params, g, memory, 0.1)
    require(close(g, before, 0), f"The gradient 9 is {g[0][0, 0]:.4g} after the step. Which line writes into it?")
    require(
        any(G.any() for G in memory), "After a step G is still 0. Which line changes G itself, and not a new array?"
    )


def each_its_own(code, at):
    """Every entry of every parameter has its own sum of squares."""
    first, second = drawn(at, 2), drawn(at, 3)
    _, moved = steps_of(code, at, first, second)
    for name, old, new, move in zip(NAMES, first, second, moved, strict=True):
        expected = -0.1 * new / np.hypot(old, new)
        require(
            close(move, expected, 1e-3),
            f"Each entry of {name} has a sum of squares of its own: after the gradients {old.flat[1]:.3g} and "
            f"{new.flat[1]:.3g} its second step is {expected.flat[1]:.4g}. Yours is {move.flat[1]:.4g}. Which sum is "
            "it?",
        )


# ---------------------------------------------------------------------------------------------------------- synthesize


def written(code, params, first, h0, n, seed):
    """Let the student's network write, and make sure that n numbers of characters come."""
    text = code.synthesize(params, first, h0, n, np.random.default_rng(seed))
    right = (
        isinstance(text, np.ndarray | list | tuple) and np.shape(text) == (n,) and np.asarray(text).dtype.kind in "iu"
    )
    require(right, f"synthesize must return {n} whole numbers. How many does it return, and of which type?")
    text, K = np.asarray(text), len(params[4])
    require(text.min() >= 0 and text.max() < K, f"It wrote {text.max()}; characters are 0 to {K - 1}. Where from?")
    return text


def feeds_back(code, at):
    """A network that always writes the next number. The gate."""
    W, U, V, b, c = zeros(at.params)
    K = len(c)
    U[:K] = 40 * np.eye(K) - 20
    V[:, :K] = 40 * np.roll(np.eye(K), 1, axis=0)
    text = written(code, [W, U, V, b, c], 2, 0 * at.h0, 12, at.seed)
    require(
        close(text, (3 + np.arange(12)) % K),
        f"This network writes the number after the one that it reads, so after 2 comes {(3 + np.arange(4)) % K}. "
        f"Yours wrote {text[:4]}. Does it read what it wrote, and is the first character no part of the text?",
    )


def keeps_state(code, at):
    """A network whose state goes to and fro; W is symmetric, so a transposed one passes."""
    W, U, V, b, c = zeros(at.params)
    W[:2, :2] = [[0, 6], [6, 0]]
    V[:2, :2] = 60 * np.eye(2)
    h0 = np.eye(len(W))[1]
    before = h0.copy()
    text = written(code, [W, U, V, b, c], 2, h0, 12, at.seed)
    require(close(h0, before, 0), "synthesize changes h0, as it was given. Which line writes into it?")
    require(
        close(text, np.arange(12) % 2),
        "The state of this network goes to and fro: from this h0 it writes [0 1 0 1], whatever it reads. Yours wrote "
        f"{text[:4]}. Does it start from h0, is h carried on, and is it updated once for each character?",
    )


def follows_the_seed(code, at):
    """All chance comes from rng."""
    one, same, other = (written(code, at.params, 1, at.h0, 60, seed) for seed in (at.seed, at.seed, at.seed + 1))
    require(close(one, same), f"With the same seed it wrote {one[:9]} and then {same[:9]}. Is every draw from rng?")
    require(
        not close(one, other), f"With two different seeds it wrote {one[:9]} both times. Where does chance come from?"
    )


def as_forward_says(code, at, n=4000, once_in=1e9):
    """What is written follows the p of the student's own forward.

    A count, or the surprise, is a sum over steps of something whose mean is known from p_t; so Freedman's inequality
    [1]_ bounds how far it may be off: right code is off by more not even once in `once_in` texts.
    """
    W, U, V, b, c = point(at.seed, sigma=1.0).params
    K = len(c)
    text = written(code, [W, U, V, b, c], 1, at.h0, n, at.seed)
    read = np.append(1, text[:-1])
    p = run(code, [W, U, V, b, c], read, text, at.h0).p
    surprise, each = -np.log(p), np.eye(K)
    sums = {f"The number {k} should come, in times,": np.tile(each[k], (n, 1)) for k in range(K)}
    sums |= {
        f"The number {k} should come after {j}, in times,": np.outer(read == j, each[k])
        for j in range(K)
        for k in range(K)
    }
    sums["Characters with a p below 0.05 should come, in times,"] = p < 0.05
    sums["The surprise at all of them should be, in nats,"] = surprise
    limit = math.log(2 * len(sums) * once_in)
    for what, w in sums.items():
        mean = (p * w).sum(axis=1)
        spread, largest = (p * (w - mean[:, None]) ** 2).sum(), np.abs(w - mean[:, None]).max()
        chance = limit * largest / 3 + math.sqrt((limit * largest / 3) ** 2 + 2 * limit * spread)
        seen, expected = w[np.arange(n), text].sum(), mean.sum()
        require(
            abs(seen - expected) <= chance,
            f"{what} about {expected:.0f} in these {n} characters, by the p of your own forward for this very text. "
            f"It is {seen:.0f}, and chance explains a difference of {chance:.0f}. From which p are they drawn?",
        )


SPAN = 7  # the T with which training is tested


class Trained(NamedTuple):
    """What train returned, and the parameters after its last step."""

    losses: np.ndarray
    smooth: np.ndarray
    samples: dict
    best: tuple
    params: list


def trained(code, at, ids, steps, eta=0.1, every=10_000):
    """Call train, and make sure that it returns what it must."""
    params = copy.deepcopy(at.params)
    given = code.train(params, ids, steps, np.random.default_rng(at.seed), SPAN, eta, every, 5)
    require(
        isinstance(given, tuple | list) and len(given) == 4,
        "train must return losses, smooth losses, samples and the best network. What does it return?",
    )
    losses, smooth, samples, best = given
    for name, values in (("losses", losses), ("smooth losses", smooth)):
        require(np.shape(values) == (steps,), f"{steps} steps have {steps} {name}. How many does it return?")
    require(isinstance(samples, dict), "The samples must be a dict: step -> text. What are they?")
    return Trained(np.asarray(losses, float), np.asarray(smooth, float), samples, best, params)


def book(at, length):
    """The numbers of a short book."""
    return np.random.default_rng(at.seed).integers(0, len(at.params[4]), length)


def reading(code, params, ids, n, state):
    """What the student's forward makes of the characters that the n-th step of an epoch reads."""
    return run(code, params, ids[SPAN * n : SPAN * n + SPAN], ids[SPAN * n + 1 : SPAN * n + SPAN + 1], state)


def params_after(code, at, ids, n):
    """The parameters after n steps of the student's train."""
    return trained(code, at, ids, n).params if n else at.params


def first_loss(code, at):
    """The first step reads the first T characters from h = 0, with the parameters as they are. The gate."""
    ids = book(at, 60)
    L = trained(code, at, ids, 1).losses[0]
    expected = reading(code, at.params, ids, 0, 0 * at.h0).L
    require(
        close(L, expected),
        "The first loss is that of the first 7 characters, from h = 0 and before any update. By your forward it is "
        f"{expected:.7g}; train has {L:.7g}. What does its first step read, and from which state?",
    )


def carries_on(code, at):
    """With eta = 0 nothing is learned: the losses are those of the text read on."""
    ids, state = book(at, 60), 0 * at.h0
    for n, L in enumerate(trained(code, at, ids, 8, eta=0.0).losses):
        got = reading(code, at.params, ids, n, state)
        require(
            close(L, got.L),
            f"With eta = 0 nothing is learned, so step {n} costs what reading on costs from the state of step "
            f"{n - 1}: {got.L:.7g} by your forward. Your step has {L:.7g}. Which characters does it read, and from "
            "which state?",
        )
        state = got.h[-1]


def starts_again(code, at):
    """With eta = 0 every epoch is like the first, and ends when fewer than T + 1 characters are left."""
    for length in (28, 29, 34):
        epoch = (length - 1) // SPAN
        losses = trained(code, at, book(at, length), 2 * epoch + 1, eta=0.0).losses
        again = losses[epoch : 2 * epoch]
        require(
            close(losses[:epoch], again) and close(losses[0], losses[-1]),
            f"With eta = 0, sequences of 7 and a book of {length} characters, an epoch has {epoch} steps, and step "
            f"{epoch} is step 0 again; yours cost {losses[0]:.7g} and {losses[epoch]:.7g}. When is an epoch over, and "
            "what is h then?",
        )


def smooth_as_defined(code, at):
    """0.999 of the old, 0.001 of the new, from the first loss on."""
    made = trained(code, at, book(at, 60), 30)
    require(close(made.smooth[0], made.losses[0]), "The first smooth loss is the first loss. What is yours?")
    new = (made.smooth[1:] - 0.999 * made.smooth[:-1]) / 0.001
    off = np.abs(new - made.losses[1:]).argmax()
    require(
        close(new, made.losses[1:], 1e-6),
        f"The smooth loss of step {off + 1} takes in a loss of {new[off]:.6g}, by 0.999 old + 0.001 new; the loss of "
        f"that step is {made.losses[off + 1]:.6g}. Which loss does it take in, and with which share?",
    )


def samples_when_due(code, at):
    """A text before the steps 0, every, 2 every, ...; the first from the parameters as they were."""
    ids = book(at, 60)
    made = trained(code, at, ids, 21, every=10)
    require(
        sorted(made.samples) == [0, 10, 20],
        f"With every = 10, 21 steps have texts before the steps 0, 10 and 20; yours are at {sorted(made.samples)}. "
        "Why?",
    )
    text = code.synthesize(at.params, ids[0], 0 * at.h0, 5, np.random.default_rng(at.seed))
    require(
        np.array_equal(made.samples[0], text),
        "The first text comes before any update, from the first character and h = 0: your synthesize then writes "
        f"{text}. train has {made.samples[0]}. When does it write, and from what?",
    )


def steps_by_adagrad(code, at):
    """The first update is that of the student's own functions; the second shows that G is kept."""
    ids, eta = book(at, 8), 1e-10  # each step is an epoch, and so small that the gradient stays the same
    here = Point(at.params, ids[:7], ids[1:], 0 * at.h0, at.seed)
    g = gradients(code, here, run(code, *here[:4]))
    params, memory = copy.deepcopy(at.params), zeros(at.params)
    for steps in (1, 2):
        code.adagrad(params, g, memory, eta)
        new = trained(code, at, ids, steps, eta=eta).params
        expected, moved = ([(a - b) / eta for a, b in zip(of, at.params, strict=True)] for of in (params, new))
        name, mine, theirs = max(zip(NAMES, expected, moved, strict=True), key=lambda of: np.abs(of[1] - of[2]).max())
        entry = np.unravel_index(np.abs(mine - theirs).argmax(), mine.shape)
        require(
            close(expected, moved, 1e-3),
            f"After {steps} steps over the same 7 characters your backward and adagrad have moved "
            f"{name}{[int(i) for i in entry]} by {mine[entry]:.5g} eta; train has moved it by {theirs[entry]:.5g} "
            "eta. What does it update, with which G and eta?",
        )


def losses_at_their_parameters(code, at):
    """The first ten losses: each is that of the parameters of its time."""
    ids, state = book(at, 60), 0 * at.h0
    for n, L in enumerate(trained(code, at, ids, 8).losses):
        got = reading(code, params_after(code, at, ids, n), ids, n, state)
        require(
            close(L, got.L, 1e-6),
            f"With the parameters after {n} steps your forward has the loss {got.L:.7g} in step {n}; train has "
            f"{L:.7g}. Is the state carried on while it learns, and the loss taken before the update?",
        )
        state = got.h[-1]


def keeps_the_best(code, at):
    """The parameters and the state at the lowest smooth loss, as copies."""
    ids = book(at, 60)
    made = trained(code, at, ids, 12)
    n = int(made.smooth.argmin())
    right = isinstance(made.best, tuple | list) and len(made.best) == 2 and np.shape(made.best[1]) == at.h0.shape
    require(right, "The best network is a pair: its parameters, and the hidden state. What is yours?")
    require(
        close(list(made.best[0]), params_after(code, at, ids, n), 1e-6),
        f"The smooth loss is lowest in step {n}; the best parameters are those that this step started from. Yours are "
        "others: are they copied, and before the update?",
    )


PROPERTIES = {  # the first of a task is its gate: without it there are no points, and half of them if another fails
    "forward": (
        knows_nothing, same_again, sums_to_one, loss_is_of_p, log_odds, constant_in_c, causal, continues, linear_inside,
        wiring, odd, does_not_overflow,
    ),
    "backward": (output_side, at_a_better_point, at_the_usual_point, uses_what_it_is_given),
    "adagrad": (first_step, sum_of_squares, clipped, in_place, each_its_own),
    "synthesize": (feeds_back, keeps_state, follows_the_seed, as_forward_says),
    "train": (
        first_loss, carries_on, starts_again, smooth_as_defined, samples_when_due, steps_by_adagrad,
        losses_at_their_parameters, keeps_the_best,
    ),
}  # fmt: skip
REMARKS = {does_not_overflow}  # they cost nothing


# -------------------------------------------------------------------------------------------------------------- points


def examine(task, code, seed=0):
    """Which properties of a task do not hold.

    Parameters
    ----------
    task : str
        One of `PROPERTIES`.
    code : module, dict or any object
        It has the functions by name.
    seed : int
        Of the points where they are tested.

    Returns
    -------
    dict of function to str
        The property, and the sentence for it; the first is usually the cause of the others.
    """
    failed = {}
    for holds in PROPERTIES[task]:
        try:
            holds(guarded(code), point(seed))
        except Wrong as wrong:
            failed[holds] = str(wrong)
        except Exception as error:  # what was returned is so odd that not even the check can read it
            failed[holds] = f"What {task} returns can't be read ({type(error).__name__}: {error}). What is it?"
    return failed


def earned(task, failed):
    """The share of a task's points, 0, 0.5 or 1, when these properties fail."""
    failed = failed.keys() - REMARKS
    return 0.0 if PROPERTIES[task][0] in failed else 0.5 if failed else 1.0


def told(task, failed, full):
    """What a student is told about a task: the points, and the first sentence."""
    said = f"{task}: {earned(task, failed) * full:g} of {full:g} points."
    if failed:
        said += f" {next(iter(failed.values()))}"
    if len(sentences := set(failed.values())) > 1:
        said += f" ({len(sentences) - 1} more; the first is usually the cause)"
    return said


def score(task, code):
    """Check a function, print what a student should know, and return the points.

    Parameters
    ----------
    task : str
        "forward", "backward", "adagrad", "synthesize" or "train".
    code : module or dict
        Where the functions are: the module `rnn`, or `globals()` of a notebook.

    Returns
    -------
    float
    """
    full, failed = points()[task], examine(task, code)
    print(told(task, failed, full))
    return earned(task, failed) * full


def check(task, code):
    """As `score`, but it returns nothing. A given function need not be checked."""
    if task in LEVELS[LEVEL]:
        score(task, code)
    else:
        print(f"{task} is given.")


def tell(task, code, least):
    """Print the first sentence if a function earns a smaller share of its points than this, and nothing otherwise."""
    failed = examine(task, code)
    if earned(task, failed) < least:
        print(next(iter(failed.values())))


if __name__ == "__main__":
    import rnn

    for task in LEVELS[LEVEL]:
        check(task, rnn)
