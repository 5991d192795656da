"""Small products run on one BLAS thread, and the number of threads is afterwards what it was before."""

import sys
import threading
import warnings

import pytest
from small import VOCAB, train
from threadpoolctl import threadpool_info, threadpool_limits

import rnn_core as rnn
from lab.checkpoint import save_params
from lab.threads import SMALL, blas, few_threads
from lab.write import main


def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    if not threads():
        pytest.skip("threadpoolctl does not know the BLAS library of this NumPy")
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS library has no threads")
        yield


def test_small_products_have_one_thread_and_large_ones_keep_theirs():
    with few_threads(SMALL - 1):
        assert threads() == {1}
    assert threads() == {2}
    with few_threads(SMALL):
        assert threads() == {2}


def test_blocks_may_be_nested():
    with few_threads(1):
        with few_threads(1):
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_blocks_of_two_threads_may_overlap_in_any_order():
    entered, left = threading.Event(), threading.Event()

    def other():
        with few_threads(1):
            entered.set()
            left.wait(10)

    thread = threading.Thread(target=other)
    with few_threads(1):
        thread.start()
        assert entered.wait(10)
    assert threads() == {1}  # the other one still runs
    left.set()
    thread.join()
    assert threads() == {2}


def test_an_error_inside_gives_the_threads_back():
    with pytest.raises(ZeroDivisionError), few_threads(1):
        1 / 0  # noqa: B018
    assert threads() == {2}


def test_without_the_package_one_sentence_says_what_to_set_and_the_work_goes_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    blas.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="OPENBLAS_NUM_THREADS=1") as said:
            for _ in range(2):
                with few_threads(1):
                    assert threads() == {2}
        assert len(said) == 1 and said[0].filename == __file__
        blas.cache_clear()
        with warnings.catch_warnings(action="error"), few_threads(1):
            assert threads() == {2}
    finally:
        blas.cache_clear()


def test_training_and_writing_set_one_thread_for_a_small_network(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(
        "lab.training.forward", lambda *args, **kwargs: seen.append(threads()) or rnn.forward(*args, **kwargs)
    )
    train(steps=2)
    monkeypatch.setattr("rnn_core.draw", lambda *args: seen.append(threads()) or 0)
    save_params(tmp_path / "net.npz", rnn.init_params(VOCAB.size, 5), VOCAB)
    main([str(tmp_path / "net.npz"), "--length=1"])
    assert seen == [{1}] * 3 and threads() == {2}
