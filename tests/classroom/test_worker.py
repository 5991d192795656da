"""What crosses the pipe comes out as it went in, and nothing else crosses it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from classroom.worker import decode, encode, receive, send, write_back

numbers = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.complex128, np.int64, np.uint8, bool]), arrays.array_shapes(min_dims=0)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | numbers,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=9,
)


@given(values)
def test_what_is_sent_is_received(value):
    pipe = io.BytesIO()
    send(pipe, encode(value))
    pipe.seek(0)
    again = decode(receive(pipe))
    np.testing.assert_equal(again, value)
    assert isinstance(value, np.ndarray) or type(again) is type(value)


def test_a_generator_arrives_in_its_state():
    rng = np.random.default_rng(3)
    rng.random(5)
    assert decode(encode(rng)).random() == rng.random()


@pytest.mark.parametrize("value", [object(), print, np.array([None]), np.array(["text"]), {1: open}])
def test_only_numbers_cross_the_pipe(value):
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    "message", [{"rng": {}}, {"array": ["O", [1], "AAAA"]}, {"array": ["f8", [3], ""]}, {"run": 1}]
)
def test_a_malformed_message_is_refused(message):
    with pytest.raises((ValueError, TypeError, KeyError)):
        decode(message)


@pytest.mark.parametrize("data", [b"", b"\x00" * 8, b"\xff" * 8, (9).to_bytes(8, "big") + b"short"])
def test_a_broken_pipe_ends_the_talk(data):
    with pytest.raises(EOFError):
        receive(io.BytesIO(data))


def test_what_is_changed_in_place_there_is_changed_here():
    mine, theirs = [np.zeros(2), [np.zeros((1, 2))], 3], [np.ones(2), [np.full((1, 2), 5.0)], 4]
    array = mine[1][0]
    write_back(mine, theirs)
    assert mine[0].tolist() == [1, 1] and array.tolist() == [[5, 5]] and mine[2] == 3
    write_back(mine, [np.ones(3), 7, 8])
    assert mine[0].tolist() == [1, 1]
