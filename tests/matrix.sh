#!/usr/bin/env bash
# The tests and the notebook on other kinds of processor, threads, NumPy and Python: last digits differ, nothing may fail.
# tests/matrix.sh [name ...]; all of them without names. Logs are in build/matrix.
set -uo pipefail
cd "$(dirname "$0")/.."
make --silent .venv/ready || exit
mkdir -p build/matrix
names=(Prescott Nehalem Sandybridge Haswell SkylakeX Zen no-AVX512 no-AVX2 two-threads oldest-NumPy newest-Python)

# The names of NumPy's processor features have changed from version to version: ask it
dispatched() {
    .venv/bin/python -c 'from numpy._core._multiarray_umath import __cpu_dispatch__ as all; print(*all)' | tr ' ' '\n'
}

# Those that run, oldest first: a name on the PATH may be a version manager's that is not switched on
pythons() {
    compgen -c python3. | grep -xE 'python3\.[0-9]+' | sort -uV |
        while read -r python; do "$python" -c '' 2>/dev/null && echo "$python"; done
}

left_out=(test_journey.py test_live.py paper) # JupyterLab, browser and exporter are the same on every processor

check() { # environment, then settings of the shell's environment
    local bin=$1/bin
    shift
    env OPENBLAS_NUM_THREADS=1 "$@" "$bin"/pytest -q "${left_out[@]/#/--ignore=tests/}" &&
        env OPENBLAS_NUM_THREADS=1 "$@" "$bin"/pytest -q --nbval lab4.ipynb
}

made() { # python, what to install one after the other: an environment of its own
    local venv=build/matrix/venv-$name options left_out=(test_journey.py)
    "$1" --version
    "$1" -m venv --clear "$venv" || return
    for options in "${@:2}"; do
        "$venv"/bin/pip install --quiet $options || return
    done
    check "$venv"
}

run() {
    case $name in
    Prescott | Nehalem | Sandybridge | Haswell | Zen) check .venv OPENBLAS_CORETYPE="$name" ;;
    SkylakeX)
        grep -qs avx512f /proc/cpuinfo || { echo "skipped: this processor has no AVX512" && return; }
        check .venv OPENBLAS_CORETYPE="$name"
        ;;
    no-AVX512) check .venv NPY_DISABLE_CPU_FEATURES="$(dispatched | grep -E 'AVX512|X86_V4' | xargs)" ;;
    no-AVX2) check .venv NPY_DISABLE_CPU_FEATURES="$(dispatched | xargs)" OPENBLAS_CORETYPE=Sandybridge ;;
    two-threads) check .venv OPENBLAS_NUM_THREADS=2 ;;
    oldest-NumPy) # and all else as it is locked
        .venv/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' ||
            { echo "skipped: there is no NumPy 2.0 for this Python" && return; }
        made .venv/bin/python '--require-hashes --requirement requirements.lock' '--no-deps --editable . numpy==2.0.*'
        ;;
    newest-Python) # and the newest of all else
        made "$(pythons | tail -n 1)" '--upgrade pip' '--editable . --group dev'
        ;;
    *) echo "There is no $name: choose from ${names[*]}." && return 1 ;;
    esac
}

failed=()
for name in "${@:-${names[@]}}"; do
    log=build/matrix/$name.log
    if run >"$log" 2>&1; then echo "passed  $name: $(tail -n 1 "$log")"; else echo "FAILED  $name: see $log" && failed+=("$name"); fi
done
((${#failed[@]} == 0))
