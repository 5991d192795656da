"""Right code passes and wrong code is named, in whatever way people hold their arrays and hand on their state."""

import numpy as np
import pytest

from lab.gradcheck import check

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
WEIGHTS = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}


def cost(W1, b1, W2, b2):
    return ((np.tanh(X @ W1 + b1) @ W2 + b2 - Y) ** 2).sum()


def slopes(W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    e = 2 * (h @ W2 + b2 - Y)
    d = e @ W2.T * (1 - h**2)
    return X.T @ d, d.sum(axis=0), h.T @ e, e.sum(axis=0)


W1, B1, W2, B2 = WEIGHTS.values()
G1, C1, G2, C2 = slopes(**WEIGHTS)


class Layer:
    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db, self.kind = W.copy(), b.copy(), 0 * W, 0 * b, "tanh"


class Net:
    """Layers that keep their gradients, and a method that returns nothing."""

    def __init__(self):
        self.layers, self.names = [Layer(W1, B1), Layer(W2, B2)], ["first", "second"]
        self.rows = np.arange(5)

    def loss(self):
        one, two = self.layers
        return ((np.tanh(X[self.rows] @ one.W + one.b) @ two.W + two.b - Y) ** 2).sum()

    def backward(self):
        one, two = self.layers
        assert self.rows.dtype.kind == "i"
        one.dW, one.db, two.dW, two.db = slopes(one.W, one.b, two.W, two.b)


class Variable:
    def __init__(self, v, d):
        self.v, self.d = v, d


class Shared:
    W1, b1, W2, b2 = W1, B1, W2, B2


class Slots:
    __slots__ = ("W1", "W2", "b1", "b2")

    def __init__(self):
        self.W1, self.b1, self.W2, self.b2 = W1, B1, W2, B2


def of(net):
    return cost(net.W1, net.b1, net.W2, net.b2)


def updated(net):
    """The gradients, after a step."""
    found = dict(zip(net, slopes(**net), strict=True))
    for name in net:
        net[name] -= 0.1 * found[name]
    return found


VARIABLES = {name: Variable(it, d) for (name, it), d in zip(WEIGHTS.items(), (G1, C1, G2, C2), strict=True)}
HOLDERS = {  # a loss, parameters, gradients, and the name that the third of four arrays has
    "two lists": (
        lambda p: cost(p[0][0], p[1][0], p[0][1], p[1][1]), ([W1, W2], [B1, B2]), ([G1, G2], [C1, C2]), "[1][0]"
    ),
    "a dict of lists": (
        lambda p: cost(p["W"][0], p["b"][0], p["W"][1], p["b"][1]),
        {"W": [W1, W2], "b": [B1, B2]},
        {"dW": [G1, G2], "db": [C1, C2]},
        "b[0]",
    ),
    "a list of dicts": (
        lambda p: cost(p[0]["W"], p[0]["b"], p[1]["W"], p[1]["b"]),
        [{"W": W1, "b": B1}, {"W": W2, "b": B2}],
        [{"dW": G1, "db": C1}, {"dW": G2, "db": C2}],
        "[1].W",
    ),
    "layers": (Net.loss, Net(), Net.backward, "layers[1].W"),
    "values beside derivatives": (lambda p: cost(*(it.v for it in p.values())), VARIABLES, VARIABLES, "W2.v"),
    "a class's attributes": (of, Shared(), {"dW1": G1, "db1": C1, "dW2": G2, "db2": C2}, "W2"),
    "slots": (of, Slots(), {"grad_W1": G1, "dLdb1": C1, "W2_grad": G2, "d_b2": C2}, "b1"),
    "a list in the order of a dict": (lambda p: cost(**p), WEIGHTS, [G1, C1, G2, C2], "W2"),
    "a loss and a state around": (lambda p: cost(**p), WEIGHTS, lambda p: (1.5, *slopes(**p), np.zeros(7)), "W2"),
    "a loss before a dict": (
        lambda p: cost(**p), WEIGHTS, lambda p: (1.5, dict(zip(p, slopes(**p), strict=True))), "W2"
    ),
    "more than is asked": (lambda p: cost(**p), WEIGHTS, {"W1": G1, "b1": C1, "W2": G2, "b2": C2, "X": X}, "W2"),
    "an update inside": (lambda p: cost(**p), WEIGHTS, updated, "W2"),
}  # fmt: skip


@pytest.mark.parametrize(("loss", "params", "gradients", "third"), HOLDERS.values(), ids=HOLDERS)
def test_right_code_passes_in_whatever_holds_its_arrays(loss, params, gradients, third):
    result = check(loss, params, gradients, progress=False)
    assert result.passed and result.method == "complex-step" and result[2].name == third
    if callable(gradients):
        assert [row.point for row in result] == ["as given"] * 4 + ["with larger weights"] * 4


def test_a_remark_names_what_is_left_out_or_changed():
    said = [check(*HOLDERS[name][:3], progress=False).remarks for name in ("more than is asked", "an update inside")]
    assert said == [
        ("Left out: X, without a counterpart.",),
        ("gradients changes W1, b1, W2 and b2. The check gave it a copy; elsewhere that does harm.",),
    ]


def test_clipping_inside_is_named():
    result = check(lambda p: cost(**p), WEIGHTS, lambda p: [it.clip(-1, 1) for it in slopes(**p)], progress=False)
    assert result.diagnosis == "W1, b1, W2 and b2 are wrong: what is right, clipped to [-1, 1]; clip after the check."


def test_a_matrix_of_numpy_is_refused():
    with pytest.raises(ValueError, match=r"W1 is an np\.matrix"):
        check(lambda p: cost(**p), WEIGHTS | {"W1": np.matrix(W1)}, [G1, C1, G2, C2])


def test_an_epsilon_in_a_log_is_suspected():
    def loss(o):
        return -np.log(np.exp(o) / np.exp(o).sum() + 1e-8)[1]

    result = check(loss, np.arange(3.0), lambda o: np.exp(o) / np.exp(o).sum() - np.eye(3)[1], progress=False)
    assert "it looks like an epsilon in a log" in result.diagnosis


def test_a_relu_at_zero_is_named():
    with pytest.raises(ValueError, match="such as a ReLU at 0"):
        check(lambda w: np.maximum(X @ w, 0).sum(), np.zeros((3, 2)), np.zeros((3, 2)), progress=False)


class Resting:
    """A state that the loss carries on, and that has come to rest."""

    def __init__(self):
        self.W, self.h = 0.1 * np.eye(3), np.zeros(3)
        for _ in range(100):
            self.loss()

    def loss(self):
        self.h = np.tanh(self.W @ self.h + 0.1)
        return (self.h**2).sum()


def test_a_loss_that_remembers_is_found_out_even_where_its_state_has_come_to_rest():
    with pytest.raises(ValueError, match="nor remember anything"):
        check(Resting.loss, Resting(), {"W": np.zeros((3, 3))}, progress=False)


def test_a_buffer_that_holds_no_complex_numbers_is_named():
    def loss(W):
        hidden = np.zeros((4, 3))
        for t in range(1, 4):
            hidden[t] = np.tanh(W @ hidden[t - 1] + 1)
        return hidden.sum()

    remarks = check(loss, 0.01 * np.eye(3), np.zeros((3, 3)), progress=False).remarks
    assert remarks[0].startswith("Central differences, because your hidden is made by np.zeros or the like")


def test_tiny_weights_are_said_to_hide_bugs_unless_a_second_point_is_checked():
    def loss(W):
        return (W**2).sum()

    tiny = 0.01 * np.ones((3, 2))
    assert "All weights are tiny" in str(check(loss, tiny, 2 * tiny, progress=False))
    assert not check(loss, tiny, lambda W: 2 * W, progress=False).remarks


def test_a_first_state_that_is_not_handed_over_is_said_to_hide_bugs():
    def loss(W, h=np.zeros(3)):  # noqa: B008
        return (np.tanh(W @ h + 1) ** 2).sum()

    def gradients(W, h=np.zeros(3)):  # noqa: B008
        a = np.tanh(W @ h + 1)
        return np.outer(2 * a * (1 - a**2), h)

    W = rng.normal(size=(3, 3))
    assert "A first state that is taken for zero" in str(check(loss, W, gradients, progress=False))
    assert not check(loss, W, gradients, np.zeros(3), progress=False).remarks
    assert not check(loss, W, lambda W, h: 0 * W, np.zeros(3), progress=False).passed


def test_a_state_that_one_function_keeps_is_left_as_it_is_in_all():
    W, own = rng.normal(size=(3, 3)), rng.uniform(-1, 1, 3)

    def gradients(W, h):
        a = np.tanh(W @ h + 1)
        return np.outer(2 * a * (1 - a**2), h)

    assert check(lambda W: (np.tanh(W @ own + 1) ** 2).sum(), W, gradients, own, progress=False).passed


def test_a_second_point_where_the_loss_is_not_defined_is_left_out():
    w = np.full(3, 1e-3)
    result = check(lambda w: np.log(w).sum(), w, lambda w: 1 / w, progress=False)
    assert result.passed and result.remarks == (
        "With larger weights the loss is not finite, so only this point was checked.",
    )


def test_gradients_that_keep_a_state_of_their_own_are_found_out():
    state = np.zeros(3)

    def loss(W):
        return (np.tanh(W @ state + 1) ** 2).sum()

    def gradients(W):
        a = np.tanh(W @ state + 1)
        found = np.outer(2 * a * (1 - a**2), state)
        state[:] = a
        return found

    with pytest.raises(ValueError, match="gradients changes what the loss reads"):
        check(loss, rng.normal(size=(3, 3)), gradients, progress=False)


# ------------------------------------------------------------------------------------------------------------ an LSTM


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm(net, x, y, h, c):
    """The squared distance of the states from y, and what its gradients need."""
    kept, L = [], 0
    for t in range(len(x)):
        z = np.concatenate([h, x[t]])
        f, i, o, g = (
            turn(net[name] @ z) for name, turn in zip("fiog", (sigmoid, sigmoid, sigmoid, np.tanh), strict=True)
        )
        before, c = c, f * c + i * g
        h = o * np.tanh(c)
        kept.append((z, f, i, o, g, before, c, h))
        L = L + ((h - y[t]) ** 2).sum()
    return L, kept


def lstm_gradients(net, x, y, h, c):
    grads, (_, kept) = {name: np.zeros_like(it) for name, it in net.items()}, lstm(net, x, y, h, c)
    dh, dc = 0 * h, 0 * c
    for t in reversed(range(len(x))):
        z, f, i, o, g, before, c, h = kept[t]
        dh = dh + 2 * (h - y[t])
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = {
            "f": dc * before * f * (1 - f), "i": dc * g * i * (1 - i), "o": dh * np.tanh(c) * o * (1 - o),
            "g": dc * i * (1 - g**2),
        }  # fmt: skip
        for name in net:
            grads[name] += np.outer(da[name], z)
        dh, dc = sum(net[name].T @ da[name] for name in net)[: len(h)], dc * f
    return grads


def test_an_lstm_passes_and_two_gates_that_were_exchanged_are_named():
    net = {name: rng.normal(size=(3, 5)) for name in "fiog"}
    args = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), np.zeros(3), np.zeros(3)

    def loss(*point):
        return lstm(*point)[0]

    def exchanged(*point):
        grads = lstm_gradients(*point)
        return grads | {"f": grads["i"], "i": grads["f"]}

    assert check(loss, net, lstm_gradients, *args, progress=False).passed
    result = check(loss, net, exchanged, *args, forward=lstm, progress=False)
    assert result.diagnosis.startswith("f is wrong: the gradient of i. i is wrong: the gradient of f.")


# ---------------------------------------------------------------------------------------------------------- full size


def test_a_large_network_takes_at_most_two_thousand_calls_and_one_wrong_entry_is_found():
    calls = []

    def loss(p):
        calls.append(1)
        return sum((it**2).sum() for it in p.values())

    shapes = {"W": (100, 100), "U": (100, 80), "V": (80, 100), "b": (100,), "c": (80,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}

    def gradients(p):
        found = {name: 2 * it for name, it in p.items()}
        found["W"][17, 3] += 0.1
        return found

    result = check(loss, params, gradients, progress=False)
    assert result.wrong == ("W",) and {row.worst for row in result if not row.passed} == {(17, 3)}
    assert len(calls) < 2000 and "a small network (m = 10) shows the same bugs" in str(result)


def test_a_module_of_pytorch_is_checked_by_central_differences():
    torch = pytest.importorskip("torch")
    net, x = torch.nn.Linear(3, 2).double(), torch.tensor(X)

    def loss(net):
        return (torch.tanh(net(x)) ** 2).sum()

    def gradients(net):
        net.zero_grad()
        loss(net).backward()
        return {name: weights.grad for name, weights in net.named_parameters()}

    result = check(loss, net, gradients, progress=False)
    assert result.passed and result.method == "extrapolated"
    assert [row.name for row in result] == ["weight", "bias"] * 2
