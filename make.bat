@echo off
rem What the Makefile does, for Windows: .\make report, .\make test, .\make quick, .\make lab
setlocal
cd /d "%~dp0"
set BIN=.venv\Scripts
if not defined PYTHON set PYTHON=py -3
if not defined OPENBLAS_NUM_THREADS set OPENBLAS_NUM_THREADS=1

if /i "%~1"=="report" goto start
if /i "%~1"=="test" goto start
if /i "%~1"=="quick" goto start
if /i "%~1"=="lab" goto start
echo .\make report    run the notebook and write build\lab4.pdf; for another book: .\make report BOOK=path\to\book.txt
echo .\make test      check the style, the units and laws (pytest) and the notebook, cell by cell (nbval)
echo .\make quick     check the style and the mathematics only
echo .\make lab       open the notebook in JupyterLab
exit /b 0

:start
