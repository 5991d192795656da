"""Save parameters, and checkpoints of training, in files that are complete or not there at all.

Nothing is ever unpickled from them.
"""

import hashlib
import json
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lab.training import Sample, warn
from rnn_core import Params, Vocabulary, code_points


def save_params(path, params, vocab, about=""):
    """Save parameters and the characters they are for, as .npz. The file is complete or not there at all.

    Parameters
    ----------
    path : str or path-like
        A file that is there already is replaced.
    params : Params
    vocab : Vocabulary
    about : str
        A description of the network and its quality, for `read_about`.
    """
    params.check(vocab)
    chars, about = code_points(vocab.chars), code_points(about)
    _write_npz(path, flat=params.flat, hidden_size=params.hidden_size, chars=chars, about=about)


def load_params(path):
    """Load what `save_params` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    params : Params
    vocab : Vocabulary
        The characters that they are for.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, or holds something else.
    """
    with _reading(path, "saved parameters") as file:
        vocab = Vocabulary(_text(file["chars"]))
        return Params(int(file["hidden_size"]), vocab.size, file["flat"]), vocab


def read_about(path):
    """The description that `save_params` stored; empty if there is none. It raises what `load_params` raises."""
    with _reading(path, "saved parameters") as file:
        return _text(file["about"]) if "about" in file else ""


def _text(codes):
    """The text with these code points."""
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def keep(params, vocab, about=""):
    """Leave a report's network beside its PDF: in build/lab4.npz, which `python -m lab.write` reads.

    The environment variable LAB4_BUILD names another folder. If nothing can be saved there, a warning says so, and the
    report goes on.

    Parameters
    ----------
    params, vocab, about
        As for `save_params`.
    """
    path = Path(os.environ.get("LAB4_BUILD", "build")) / "lab4.npz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_params(path, params, vocab, about)
    except OSError as error:
        warn(f"The network could not be saved: {error}.", stacklevel=3)


def _write_npz(path, **arrays):
    """Write a file completely or not at all: a crash or a full disk leaves the previous one as it was."""
    path = Path(path).expanduser()
    new = path.with_name(path.name + ".new")
    if objects := [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]:
        raise ValueError(f"{', '.join(objects)} can't be saved: only numbers, text and arrays of them can")
    try:
        with open(new, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextmanager
def _reading(path, what):
    """Open an .npz file, and report whatever is wrong with it in one sentence. Nothing is ever unpickled."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file with {what} at {str(path)!r}.")
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # compares the checksums of all that is in it
                raise ValueError("a checksum is wrong")
        with np.load(path, allow_pickle=False) as file:
            yield file
    except Exception as error:  # a damaged file can raise anything: BadZipFile, KeyError, OverflowError, zlib.error ...
        raise ValueError(f"{path.name} does not hold {what}, or it is damaged: {str(error).rstrip('.')}.") from None


class Checkpoint:
    """A file from which `lab.training.train` can go on, whatever ended it.

    Parameters
    ----------
    path : str or path-like
    every : int
        The number of update steps from one save to the next; the last is at the end. 0: at the end only.

    Raises
    ------
    FileNotFoundError
        The folder is not there.
    """

    def __init__(self, path, every=5000):
        self.path, self.every = Path(path).expanduser(), every
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(self.path.parent)!r} for a checkpoint: make it first.")

    def planned(self):
        """The number of steps planned for the run in the file; None if there is no file."""
        if not self.path.exists():
            return None
        with _reading(self.path, "a checkpoint") as file:
            return json.loads(str(file["settings"]))["steps"]

    def due(self, done):
        """Whether it is time to save after so many update steps."""
        return bool(self.every) and done % self.every == 0

    def resume(self, run, optimizer, settings):
        """If the file is there, put `run` and `optimizer` into the state that it holds.

        With a constant learning rate nothing that was learned depends on how many steps were to follow, so the file of
        a run is valid for a longer one, too.

        Parameters
        ----------
        run : lab.training.Training
        optimizer : object
            As it is before its first step.
        settings : dict
            All that the run depends on: the file is valid for these only.

        Raises
        ------
        ValueError
            The file is damaged, was made with other settings (the message names them), or has made more steps.
        """
        self.settings = json.loads(json.dumps(settings, default=_plain))
        if not self.path.exists():
            return
        with _reading(self.path, "a checkpoint") as file:
            saved = json.loads(str(file["settings"]))
            if self.settings["schedule"] == "constant":
                saved["steps"] = self.settings["steps"]
            differ = [name for name in self.settings | saved if self.settings.get(name) != saved.get(name)]
            done = len(file["losses"])
            if not differ and done <= len(run.losses):
                _restore(run, optimizer, file, done)
        if differ:
            advice = "train with what it was made with, or choose another file"
            if differ == ["steps"]:
                advice += "; only a run with a constant learning rate can be made longer"
            raise ValueError(
                f"The checkpoint {self.path.name} was made with another {', another '.join(differ)}: {advice}."
            )
        if done > len(run.losses):
            raise ValueError(
                f"The checkpoint {self.path.name} has made {done:,} steps already, more than the {len(run.losses):,} "
                "asked for: ask for more, or choose another file."
            )

    def save(self, run, optimizer):
        """Save the state of a run; if that fails, warn and let it go on. Numbers that are not finite are not saved."""
        if run.params.not_finite():
            return
        samples = [(sample.step, sample.smooth_loss, sample.text) for sample in run.samples]
        try:
            _write_npz(
                self.path, settings=json.dumps(self.settings), seconds=run.seconds,
                params=run.params.flat, h=run.h,
                best_params=run.best_params.flat, best_h=run.best_h, best_step=run.best_step,
                losses=run.losses[: run.done], smooth_losses=run.smooth_losses[: run.done],
                samples=json.dumps(samples),
                sample_params=np.array([sample.params.flat for sample in run.samples]),
                sample_h=np.array([sample.h for sample in run.samples]),
                **{f"optimizer.{name}": value for name, value in vars(optimizer).items()},
            )  # fmt: skip
        except Exception as error:
            message = f"The checkpoint {str(self.path)!r} could not be saved: {error}."
            warn(f"{message} Training goes on; what it held is kept.", stacklevel=4)


def _restore(run, optimizer, file, done):
    """Put `run` and `optimizer` into the state that a file holds."""
    run.params.flat[:], run.best_params.flat[:] = file["params"], file["best_params"]
    run.h[...], run.best_h[...] = file["h"], file["best_h"]
    run.best_step, run.seconds, run.done = int(file["best_step"]), float(file["seconds"]), done
    run.losses[:done], run.smooth_losses[:done] = file["losses"], file["smooth_losses"]
    run.smooth_loss = run.smooth_losses[done - 1]
    texts = json.loads(str(file["samples"]))
    for sample, flat, h in zip(texts, file["sample_params"], file["sample_h"], strict=True):
        run.samples.append(Sample(*sample, run.params.like(flat), h))
    for key in file:
        if key.startswith("optimizer."):
            name, value = key.removeprefix("optimizer."), file[key]
            was_numpy = isinstance(getattr(optimizer, name, None), np.generic)  # its type decides the result's
            setattr(optimizer, name, value[()] if value.ndim or was_numpy else value.item())


def _plain(value):
    """A setting as JSON can hold it: of an array its digest, of a vocabulary its characters."""
    if isinstance(value, np.ndarray) and value.ndim:
        return hashlib.sha256(np.ascontiguousarray(value)).hexdigest()[:16]
    return value.chars if isinstance(value, Vocabulary) else getattr(value, "tolist", value.__str__)()
