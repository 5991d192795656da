@echo off
rem The Makefile's commands for Windows, with the same names: .\make report BOOK=path\to\book.txt
setlocal
cd /d "%~dp0"
set BIN=.venv\Scripts
if not defined OPENBLAS_NUM_THREADS set OPENBLAS_NUM_THREADS=1
for %%t in (report test quick lab) do if /i "%~1"=="%%t" goto ready
echo .\make report    run the notebook and write build\lab4.pdf; for another book: .\make report BOOK=path\to\book.txt
echo .\make test      check the style, the units and laws (pytest) and the notebook, cell by cell (nbval)
echo .\make quick     check the style and the mathematics only (half a minute)
echo .\make lab       open the notebook in JupyterLab
exit /b 0

:ready
fc /b requirements.lock .venv\ready >nul 2>nul && goto %~1
if not defined PYTHON (where py >nul 2>nul && set PYTHON=py)
if not defined PYTHON set PYTHON=python
call %PYTHON% -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: name another one, set PYTHON=py -3.12 for example.')" || exit /b 1
call %PYTHON% -m venv --clear .venv || exit /b 1
%BIN%\pip install --quiet --require-hashes --requirement requirements.lock || exit /b 1
%BIN%\pip install --quiet --no-deps --editable . || exit /b 1
copy /y requirements.lock .venv\ready >nul || exit /b 1
goto %~1

:report
rem What follows the name of the command, as it was typed
set ARGUMENTS=%*
%BIN%\python -m report %ARGUMENTS:*report=%
exit /b

:test
%BIN%\ruff check . && %BIN%\ruff format --check . || exit /b 1
%BIN%\pytest || exit /b 1
%BIN%\pytest --nbval lab4.ipynb
exit /b

:quick
%BIN%\ruff check . && %BIN%\ruff format --check . || exit /b 1
%BIN%\pytest rnn_core.py tests/test_rnn_core.py tests/test_plain.py tests/test_gradcheck.py tests/test_bugs.py
exit /b

:lab
%BIN%\jupyter lab lab4.ipynb
exit /b
