@echo off
rem The Makefile's commands for Windows, with the same names: .\make check
cd /d "%~dp0"
set BIN=.venv\Scripts
if not defined OPENBLAS_NUM_THREADS set OPENBLAS_NUM_THREADS=1
for %%t in (lab check report) do if /i "%~1"=="%%t" goto ready
echo .\make lab       open the notebook in JupyterLab
echo .\make check     check rnn.py: what is right, what comes next
echo .\make report    run the notebook and write build\lab4.pdf, which you hand in with rnn.py and lab4.ipynb
exit /b

:ready
if exist .venv\ready goto %~1
if not defined PYTHON (where py >nul 2>nul && set PYTHON=py)
if not defined PYTHON set PYTHON=python
call %PYTHON% -m venv --clear .venv || exit /b 1
%BIN%\pip install --quiet --require-hashes --requirement requirements.lock || exit /b 1
type nul > .venv\ready
goto %~1

:lab
%BIN%\jupyter lab lab4.ipynb
exit /b

:check
%BIN%\python -m checks
exit /b

:report
%BIN%\python -m checks
echo Now the notebook runs: about four minutes with three epochs. A cell that fails shows its error in the PDF.
%BIN%\python -m nbconvert --execute --allow-errors --to report.paper.exporter.LabReportExporter --output-dir build lab4.ipynb
exit /b
