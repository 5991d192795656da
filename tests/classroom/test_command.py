"""`python -m classroom` and `make class`."""

import pytest

from classroom import command


def test_the_command_line_says_what_is_built(tmp_path, monkeypatch, capsys):
    built = []
    monkeypatch.setattr(command, "build", lambda *arguments: built.append(arguments))
    monkeypatch.setattr(command, "FORMATS", {"otter": lambda *arguments: built.append(arguments)})
    assert command.main(["LEVEL=1", "FORMAT=otter", "SALT=some words", "--out", str(tmp_path)]) == 0
    assert built == [(tmp_path, 1, None), (tmp_path / "teacher" / "otter", 1, "some words")]
    assert "is for the students" in capsys.readouterr().out
    command.main(["--steps", "300", "--out", str(tmp_path)])
    assert built[2:] == [(tmp_path, 2, 300)]


@pytest.mark.parametrize("word", ["LEVEL=3", "FORMAT=paper", "COLOUR=red"])
def test_an_unknown_option_or_value_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        command.main([word])
    assert "usage: python -m classroom" in capsys.readouterr().err
