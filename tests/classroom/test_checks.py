"""The checks: right code passes in whatever style, wrong code is told why."""

import re

import numpy as np
import pytest
from versions import KEY, RIGHT, WRONG, changed, functions, module

from classroom import grade
from classroom.build import ROOT
from classroom.checks import PROPERTIES, REMARKS, check, close, earned, examine, score, tell
from classroom.tasks import POINTS
from lab import plain

CASES = [(task, name) for task, versions in WRONG.items() for name in versions]
COSTS_NOTHING = {"softmax without shift"}  # the first edition's handout has it, and it is right until exp overflows


@pytest.mark.parametrize("task", PROPERTIES)
def test_the_key_passes_wherever_it_is_checked(task):
    for seed in range(10):
        assert not examine(task, plain, seed)


@pytest.mark.slow
@pytest.mark.parametrize("task", PROPERTIES)
def test_the_key_passes_at_three_hundred_points(task):
    for seed in range(300):
        assert not examine(task, plain, seed)


@pytest.mark.parametrize("style", RIGHT)
def test_right_code_is_not_accused_for_its_style(style):
    for task in PROPERTIES:
        if hasattr(RIGHT[style], task):
            assert not examine(task, RIGHT[style]).keys() - REMARKS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", PROPERTIES)
def test_wrong_code_loses_points_and_is_asked_for_the_cause(task):
    for name, pairs in WRONG[task].items():
        failed = examine(task, module(changed(task, *pairs)))
        assert failed, f"{name} gets through"
        assert earned(task, failed) < 1 or name in COSTS_NOTHING, name
        assert all(sentence.endswith("?") for sentence in failed.values()), failed


MISTAKES = {  # of TEACHING.md
    "the mean for the sum": ("forward", ("return L, h, p", "return L / len(x), h, p")),
    "$W$ transposed in `forward`": ("forward", *WRONG["forward"]["W transposed"]),
    "`np.exp(o) / np.exp(o).sum()`": ("forward", *WRONG["forward"]["softmax without shift"]),
    "the carried term left out": ("backward", *WRONG["backward"]["nothing carried"]),
    "a numerical gradient in `backward`": ("backward", *WRONG["backward"]["numerical"]),
    "`g2 = g2 + g**2`": ("adagrad", ("G += g**2", "G = G + g**2")),
    "clipping by the norm": (
        "adagrad",
        ("np.clip(g, -5, 5)", "g * min(1, 5 / np.sqrt(sum((a**2).sum() for a in grads)))"),
    ),
    "`np.random.choice`": ("synthesize", ("rng.choice", "np.random.choice")),
    "no reset at an epoch's end": (
        "train",
        ("e, h0 = 0, np.zeros(len(g2[3]))", "e, h0 = 0, h[T] if step else np.zeros(len(g2[3]))"),
    ),
}


@pytest.mark.filterwarnings("ignore")
def test_the_teachers_table_says_what_a_student_is_told():
    table = re.findall(r"^\| (.+?) \| (.+) \|$", (ROOT / "classroom" / "TEACHING.md").read_text(encoding="utf-8"), re.M)
    assert [mistake for mistake, _ in table if "---" not in mistake] == list(MISTAKES)
    for mistake, sentence in table[1:]:
        task, *pairs = MISTAKES[mistake]
        told = next(iter(examine(task, module(changed(task, *pairs))).values()))
        for part in re.split(r" ?\.\.\.[;,?]? ?", sentence.removeprefix("a remark that costs nothing: ")):
            assert part in told


def test_there_are_enough_wrong_versions():
    assert len(CASES) >= 119 + 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "name"), CASES)
def test_a_mistake_costs_points_for_its_own_function_only(task, name, monkeypatch):
    monkeypatch.setattr(grade, "ROUNDS", 0)
    outcome = grade.mark(functions(changed(task, *WRONG[task][name])), "salt")
    lost = {other for other, failed in outcome.items() if earned(other, failed) < 1}
    assert lost == ({task} if name not in COSTS_NOTHING else set())


def test_each_property_finds_something():
    found = {task: set() for task in PROPERTIES}
    for task in ("forward", "adagrad", "train"):
        for pairs in WRONG[task].values():
            found[task] |= examine(task, module(changed(task, *pairs))).keys()
        assert found[task] == set(PROPERTIES[task])


def test_a_blank_function_earns_nothing():
    blank = {name: lambda *_: None for name in POINTS}
    for code in ({}, blank):
        assert all(earned(task, examine(task, code)) == 0 for task in PROPERTIES)


def test_what_the_student_reads(capsys):
    check("forward", plain)
    assert capsys.readouterr().out == "forward: 6 of 6 points.\n"
    assert score("forward", {"forward": lambda params, x, y, h0: plain.forward(params, y, x, h0)}) == 3
    said = capsys.readouterr().out
    assert said.startswith("forward: 3 of 6 points. By your own p") and "more; the first is usually the cause)" in said
    score("forward", {})
    assert (
        capsys.readouterr().out
        == "forward: 0 of 6 points. There is no function forward: is it defined, under this name?\n"
    )
    tell("forward", plain, 1.0)
    assert capsys.readouterr().out == ""
    tell("forward", {}, 0.5)
    assert capsys.readouterr().out == "There is no function forward: is it defined, under this name?\n"


@pytest.mark.parametrize("returned", ["text", [1], {"a": object()}, (1, {"h": 2}, "p"), (np.nan, [], []), 7, b"0"])
def test_whatever_a_function_returns_the_check_goes_on(returned):
    code = dict.fromkeys(POINTS, lambda *_: returned)
    for task in PROPERTIES:
        assert all(sentence.endswith("?") for sentence in examine(task, code).values())
        assert earned(task, examine(task, code)) == 0


def test_arrays_of_other_shapes_are_not_close():
    assert close([np.ones(2), np.zeros(3)], [np.ones(2), np.zeros(3)])
    assert not close(np.ones((1, 2)), np.ones(2)) and not close([np.ones(2)], [np.ones(2), np.ones(2)])


def test_the_key_is_whole():
    assert KEY.count("def ") == 6
