"""Arrays by name, in whatever they come: what fits, what does not, and copies of it."""

from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

import rnn_core as rnn
from lab.gradcheck.arrays import copied, named, paired

W, B = np.arange(6.0).reshape(2, 3), np.arange(2.0)
Pair = namedtuple("Pair", "w b")


class Tensor:
    """As PyTorch's: its array comes anew each time that it is asked for."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def numpy(self):
        return self.values[...]


class Model:
    """Arrays as attributes, and something else."""

    def __init__(self):
        self.w, self.b, self.eta, self.calls = W.copy(), B.copy(), 0.1, [0]


KINDS = {  # how arrays come, and under which names they are known then
    "dict": (lambda: {"w": W.copy(), "b": B.copy()}, ["w", "b"]),
    "list": (lambda: [W.copy(), B.copy()], ["array 0", "array 1"]),
    "tuple": (lambda: (W.copy(), B.copy()), ["array 0", "array 1"]),
    "namedtuple": (lambda: Pair(W.copy(), B.copy()), ["w", "b"]),
    "array": (W.copy, ["params"]),
    "Params": (lambda: rnn.init_params(3, 2), ["W", "U", "V", "b", "c"]),
    "object": (Model, ["w", "b"]),
    "namespace": (lambda: SimpleNamespace(w=W.copy(), b=B.copy(), words="ab"), ["w", "b"]),
}
kinds = pytest.mark.parametrize(("make", "names"), KINDS.values(), ids=KINDS)


@kinds
def test_arrays_are_found_by_name_and_not_copied(make, names):
    params = make()
    arrays = named(params)
    assert list(arrays) == names
    for array in arrays.values():
        array[...] = 7
    assert all((array == 7).all() for array in named(params).values())


def test_numbers_and_nested_lists_become_arrays_and_names_text():
    arrays = named({"b": 0.5, "w": [[1.0, 2.0]]})
    assert list(arrays) == ["b", "w"] and arrays["b"].shape == () and arrays["w"].shape == (1, 2)
    assert named([0.5, [1.0]])["array 1"].shape == (1,)


@pytest.mark.parametrize(("nothing", "kind"), [({}, "dict"), ([], "list"), (None, "NoneType"), (copied, "function")])
def test_what_holds_no_arrays_is_named(nothing, kind):
    with pytest.raises(ValueError) as refused:
        named(nothing, "gradients")
    assert str(refused.value) == (
        "gradients must be a dict, a list, a tuple, an array, or an object with arrays as its attributes: "
        f"this {kind} holds none."
    )


def test_gradients_come_in_the_order_of_their_parameters():
    arrays, gradients, left = paired({"w": W, "b": B}, {"b": 2 * B, "w": 3 * W})
    assert list(arrays) == list(gradients) == ["w", "b"] and left == []
    assert arrays["w"] is W
    np.testing.assert_array_equal(gradients["w"], 3 * W)


@pytest.mark.parametrize(
    "slopes", [{"w": 2 * W}, [2 * W], (2 * W,), SimpleNamespace(w=2 * W)], ids=lambda it: type(it).__name__
)
def test_gradients_may_come_after_a_loss(slopes):
    _, gradients, left = paired({"w": W}, (0.5, None, slopes))
    np.testing.assert_array_equal(gradients["w"], 2 * W)
    assert left == []


@pytest.mark.parametrize("call", ["dw", "d_w", "grad_w", "dLdw", "dL_dw", "w_grad", "dw_", "w"])
def test_a_gradient_may_have_any_of_its_usual_names(call):
    assert paired({"w": W}, {"loss": B, call: 2 * W})[1]["w"].max() == 10
    assert paired({"a": [{"w": W}]}, {"a": [{call: 2 * W}]})[1]["a[0].w"].max() == 10


@pytest.mark.parametrize("call", ["d", "grad", "g"])
@pytest.mark.parametrize("value", ["v", "value", "data", "val"])
def test_a_parameter_may_hold_its_values_and_its_gradient(value, call):
    both = {"w": SimpleNamespace(**{value: W, call: 2 * W})}
    assert paired(both, both)[1][f"w.{value}"].max() == 10


def test_tensors_are_known_by_their_arrays_and_keep_their_type():
    params = {"w": Tensor(W.copy()), "b": Tensor(B.copy())}
    named(params)["w"][...] = 7
    assert list(named(params)) == ["w", "b"] and (params["w"].values == 7).all()
    theta, arrays = copied(params, ["w"])
    arrays["w"][...] = 8
    assert (theta["w"].values == 8).all() and (params["w"].values == 7).all()
    with pytest.raises(TypeError, match=r"^Tensors keep their type\.$"):
        copied(params, ["w"], complex)


def test_gradients_in_a_tuple_may_be_those_of_a_run_of_the_parameters_among_other_things():
    params = {"u": np.ones(3), "w": W, "b": B}
    arrays, gradients, left = paired(params, (0.5, np.ones(3), 2 * W, 3 * B, np.ones((7, 7))))
    assert list(arrays) == ["u", "w", "b"] and left == []
    np.testing.assert_array_equal(gradients["b"], 3 * B)
    _, gradients, _ = paired(SimpleNamespace(**params), (2 * W, 3 * B))  # an object may hold more
    assert list(gradients) == ["w", "b"]
    np.testing.assert_array_equal(gradients["w"], 2 * W)


def test_an_object_may_hold_the_gradients_beside_their_arrays():
    both = SimpleNamespace(w=W, b=B, dw=2 * W, db=2 * B)
    arrays, gradients, left = paired(both, both)
    assert list(arrays) == list(gradients) == ["w", "b"] and left == []
    assert arrays["w"] is W and gradients["w"] is both.dw


def test_an_array_beside_itself_is_its_own_gradient():
    arrays, gradients, left = paired(W, W)
    assert arrays["params"] is W and gradients["params"] is W and left == []


def test_an_object_may_hold_arrays_that_the_other_side_lacks():
    for both in (Model(), {"w": W}), ({"w": W}, Model()):
        assert [list(arrays) for arrays in paired(*both)] == [["w"], ["w"], ["b"]]


NAMES = "give the same names to both, in the same form."


@pytest.mark.parametrize(
    ("params", "gradients", "complaint"),
    [
        (
            {"w": W},
            {"w": W.T},
            "The gradient of w has the shape (3, 2), w has the shape (2, 3): its transpose would fit.",
        ),
        (
            {"w": B[:, None]},
            {"w": B},
            "The gradient of w has the shape (2,), w has the shape (2, 1): give both the same shape.",
        ),
        ({"w": W, "b": B}, {"w": W}, f"params has b, gradients has not: {NAMES}"),
        ({"w": W}, [B, 2 * B], f"params has w, gradients has not: {NAMES}"),
        (SimpleNamespace(w=W), {"v": W}, f"gradients has v, params has not: {NAMES}"),
        ({"w": W}, SimpleNamespace(v=W), f"params has w, gradients has not: {NAMES}"),
        ({"w": np.array(1j)}, {"w": 1.0}, "w is complex128: use w.astype(float), the check needs float64."),
        ({"w": np.float32(B)}, {"w": B}, "w is float32: use w.astype(float), the check needs float64."),
        (
            {"w": B},
            {"w": np.float32(B)},
            "The gradient of w is float32: compute it in float64, the check needs that.",
        ),
        ({"w": np.array([1, np.inf])}, {"w": B}, "w holds NaN or infinity: choose another point."),
        ({"w": B * np.nan}, {"w": B}, "w holds NaN or infinity: choose another point."),
        ({"w": B[:0]}, {"w": B[:0]}, "w is empty: leave it out."),
    ],
)
def test_parameters_and_gradients_that_do_not_fit_are_named(params, gradients, complaint):
    with pytest.raises(ValueError) as refused:
        paired(params, gradients)
    assert str(refused.value) == complaint


@kinds
def test_a_copy_is_of_the_same_kind_and_has_what_is_written_into_its_arrays(make, names):
    params, before = make(), named(make())
    theta, arrays = copied(params, names, complex)
    assert type(theta) is type(params) and list(arrays) == names
    for name, array in arrays.items():
        assert array.dtype == complex
        np.testing.assert_array_equal(array, before[name])
        array += 1j
        np.testing.assert_array_equal(named(theta)[name], before[name] + 1j)
        np.testing.assert_array_equal(named(params)[name], before[name])


def test_what_else_an_object_holds_is_copied_as_it_is_and_the_original_left_alone():
    model = Model()
    theta, arrays = copied(model, ["w"])
    theta.calls[0] += 1
    arrays["w"][...] = 7
    assert (theta.eta, model.calls) == (0.1, [0])
    np.testing.assert_array_equal(model.w, W)
    np.testing.assert_array_equal(theta.b, B)
