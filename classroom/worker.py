"""A student's functions in a process of their own, behind a pipe: arguments go in, arrays come out.

The process is started with ``python -I worker.py``, in an empty folder and an empty environment, and reads requests
from its standard input. It must not import anything of this project: what it can see, the student's code can see, too.
What crosses the pipe is JSON with arrays in base64, and never a pickle: to read it can't run anything.
"""

import base64
import json
import os
import sys
import types
from importlib import import_module

import numpy as np

# Where the machine's root marks, Python may lie where the student's process can't read it: these are there already
for (
    module
) in "collections copy dataclasses functools itertools math operator random re string time typing zlib".split():
    import_module(module)
for module in ("fft", "linalg", "random"):
    import_module(f"numpy.{module}")

LARGEST = 1 << 26  # bytes of a message


def encode(value):
    """Numbers, arrays, lists, tuples, dicts, text and random generators, as what JSON can hold."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.random.Generator):
        return {"rng": value.bit_generator.state}
    if isinstance(value, list | tuple):
        return {type(value).__name__ if type(value) in (list, tuple) else "tuple": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{type(value).__name__} is neither a number nor an array of numbers")
    return {"array": [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]}


def decode(value):
    """What was encoded; ValueError, TypeError or KeyError for anything else."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "rng":
        rng = np.random.default_rng(0)
        rng.bit_generator.state = content
        return rng
    if kind == "dict":
        return {decode(key): decode(item) for key, item in content}
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](map(decode, content))
    dtype, shape, data = value["array"]
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc":
        raise TypeError(f"arrays of {dtype}")
    array = np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
    return array.copy() if array.shape else array[()]


def send(pipe, message):
    """Write a message: its length, and JSON."""
    data = json.dumps(message).encode()
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def receive(pipe):
    """Read a message; EOFError if the other side is gone, or sends too much."""
    length = int.from_bytes(pipe.read(8), "big")
    data = pipe.read(length) if 0 < length <= LARGEST else b""
    if not data or len(data) < length:
        raise EOFError
    return json.loads(data)


def write_back(arguments, changed):
    """Make arguments what the other side has made of its copies: arrays and generators that were changed in place."""
    for mine, theirs in zip(arguments, changed, strict=True):
        if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) and mine.shape == theirs.shape:
            mine[...] = theirs
        elif isinstance(mine, np.random.Generator) and isinstance(theirs, np.random.Generator):
            mine.bit_generator.state = theirs.bit_generator.state
        elif isinstance(mine, list | tuple) and isinstance(theirs, list | tuple):
            write_back(mine, theirs)


def confine(memory):
    """Take away what a lab does not need: files, processes, memory without end, and root, if it is root."""
    try:
        import resource
    except ImportError:  # Windows has none of these
        return
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for what, most in (("AS", memory), ("FSIZE", 0), ("NPROC", 0), ("CORE", 0), ("NOFILE", 64)):
        limit = getattr(resource, f"RLIMIT_{what}")
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):  # macOS refuses some
            pass


def main():
    """Read the student's source, and then call its functions until the pipe is closed."""
    requests, replies = (os.fdopen(os.dup(number), mode) for number, mode in ((0, "rb"), (1, "wb")))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):  # what the student's code reads and prints has nothing to do with the pipe
        os.dup2(nowhere, number)
    start = receive(requests)
    confine(start["memory"])
    student = types.ModuleType("rnn")
    sys.modules["rnn"], sys.argv = student, ["rnn.py"]

    def stand_in(name):
        def ask(*arguments, **named):
            send(replies, {"ask": name, "arguments": encode(arguments), "named": encode(named)})
            answer = decode(receive(requests))
            write_back([*arguments, *named.values()], answer["arguments"])
            return answer["result"]

        return ask

    def reply(work):
        try:
            send(replies, work())
        except Exception as error:
            send(replies, {"error": f"{type(error).__name__}: {error}"[:300]})

    def begin():
        exec(compile(start["source"], "rnn.py", "exec"), vars(student))
        return {}

    def call(request):
        arguments = decode(request["arguments"])
        own = {name: getattr(student, name, None) for name in request["stand_ins"]}
        vars(student).update({name: stand_in(name) for name in request["stand_ins"]})
        try:
            result = getattr(student, request["name"])(*arguments)
        finally:
            vars(student).update(own)
        return {"result": encode(result), "arguments": encode(arguments)}

    reply(begin)
    while True:
        try:
            request = receive(requests)
        except EOFError:
            return
        reply(lambda: call(request))  # noqa: B023 - it is called at once


if __name__ == "__main__":
    main()
