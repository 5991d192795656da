@echo off
rem The Makefile's commands for Windows, with the same names: .\make report BOOK=path\to\book.txt
setlocal DisableDelayedExpansion
cd /d "%~dp0"
set BIN=.venv\Scripts
if not defined OPENBLAS_NUM_THREADS set OPENBLAS_NUM_THREADS=1
for %%t in (report test quick lab) do if /i "%~1"=="%%t" goto ready
echo .\make report    run the notebook and write build\lab4.pdf; for another book: .\make report BOOK=path\to\book.txt
echo .\make test      check the style, the units and laws (pytest) and the notebook, cell by cell (nbval)
echo .\make quick     check the style and the mathematics only (half a minute)
echo .\make lab       open the notebook in JupyterLab
if "%~1"=="" exit /b 0
cmd /c exit 2
goto end

:ready
copy /b /y requirements.lock + pyproject.toml "%TEMP%\lab4.ready" >nul
fc /b "%TEMP%\lab4.ready" .venv\ready >nul 2>nul && goto %~1
if not defined PYTHON (where py >nul 2>nul && set PYTHON=py)
if not defined PYTHON set PYTHON=python
call %PYTHON% -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: name another one, set PYTHON=py -3.12 for example.')" || goto end
call %PYTHON% -m venv --clear .venv || goto end
%BIN%\pip install --quiet --require-hashes --requirement requirements.lock || goto end
%BIN%\pip install --quiet --no-deps --editable . || goto end
copy /b /y requirements.lock + pyproject.toml .venv\ready >nul || goto end
goto %~1

:report
rem What follows the name of the command, as it was typed
set ARGUMENTS=%*
%BIN%\python -m report %ARGUMENTS:*report=%
goto end

:test
%BIN%\ruff check . && %BIN%\ruff format --check . && %BIN%\pytest && %BIN%\pytest --nbval lab4.ipynb
goto end

:quick
%BIN%\ruff check . && %BIN%\ruff format --check . && %BIN%\pytest rnn_core.py tests/test_rnn_core.py tests/test_plain.py tests/gradcheck tests/test_gradients.py tests/test_recognise.py tests/test_bugs.py
goto end

:lab
%BIN%\jupyter lab lab4.ipynb

:end
rem The code of the last program is that of this file only if nothing follows it
cmd /c exit %ERRORLEVEL%
