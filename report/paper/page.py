"""The page: HTML adapted to paper -> pandoc -> Typst -> PDF, whatever is in it."""

import bisect
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib
import pypandoc
import typst
from nbconvert.utils.exceptions import ConversionException

__all__ = ["make_pdf", "pandoc", "quote"]

TEMPLATE = Path(__file__).with_name("labreport.typ")
# By their names, so that nothing else in the template can hide a name of Typst's mathematics.
IMPORT = f'#import "{TEMPLATE.name}" as lab\n#import lab: dot, horizontalrule, minus, sect, times\n'
FRONT = IMPORT + "#show: lab.report\n\n"
FILTER = Path(__file__).with_name("labreport.lua")
HTML = "html-auto_identifiers-native_divs-native_spans"
OPTIONS = ["--sandbox", "--quiet", "--wrap=preserve"]  # the first: no network, no other file
# They have more scripts than Typst's own. Another font there has a box for every character, which is no help.
FONTS = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("DejaVuSans*.ttf"))


def quote(text):
    """A Typst string."""
    text = re.sub(r'(["\\])', r"\\\1", text)
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def pandoc(source):
    """Typst markup for HTML; the ``data-typst`` of an element takes its place."""
    run = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from", HTML, "--to", "typst", *OPTIONS, f"--lua-filter={FILTER}"],
        input=source.encode("utf-8", "replace"),
        capture_output=True,
    )
    if run.returncode:
        raise ConversionException(f"pandoc cannot read this notebook: {run.stderr.decode('utf-8', 'replace').strip()}")
    return run.stdout.decode()


def make_pdf(document, facts, warn):
    """Set the report.

    Parameters
    ----------
    document : report.paper.tree.Document
        What is to be printed.
    facts : dict
        name, which is the title if there is none, title, authors, course, date, made, paper and lang.
    warn : callable
        Takes a message and, if it is about one, the number of a cell.

    Returns
    -------
    bytes
        The PDF: PDF/UA-1, which is accessible, if every character has a font, and PDF/A-2a, too, if it has a date.

    Raises
    ------
    ConversionException
        If no cell is to blame.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (TEMPLATE, *FONTS):
            shutil.copy(file, folder)
        for file, content in document.files.items():
            (folder / file).write_bytes(content)
        compiler = typst.Compiler(root=name, font_paths=[name], sys_inputs=_inputs(document, facts))
        while True:
            source = FRONT + pandoc(document.html())
            try:
                pdf, lost = _compile(compiler, folder, source, facts["made"] is not None)
            except typst.TypstError as error:
                number = _cell(compiler, folder, source, error)
                refused = _refused(compiler, folder, document.parts())
                if not document.replace(refused) and not document.give_up(number, error.message):
                    where = "the title block or the template"
                    raise ConversionException(f"Typst cannot set {where}: {error.message}") from None
            else:
                if not document.turn({mark["value"] for mark in json.loads(compiler.query("<too-wide>"))}):
                    break
        if lost:
            warn(f"no font on this machine has these characters, which are boxes in the PDF: {lost[:200]}")
        return pdf


def _inputs(document, facts):
    """What the template reads: Typst's ``sys.inputs`` are strings, so it is JSON."""
    lang, _, region = facts["lang"].partition("-")
    made = facts["made"] and (facts["made"].year, facts["made"].month, facts["made"].day)
    title = facts["title"] or document.title
    return {"facts": json.dumps(facts | {"title": title, "made": made, "lang": lang, "region": region or None})}


def _compile(compiler, folder, source, dated):
    """The PDF, accessible and fit for archives where that can be, and the characters that no font has."""
    file = folder / "main.typ"
    file.write_text(source, encoding="utf-8")
    for standards in [["ua-1", "a-2a"]] * dated + [["ua-1"]]:  # PDF/A wants a date
        try:
            return compiler.compile(str(file), pdf_standards=standards), ""
        except typst.TypstError as error:
            if not error.message.startswith("PDF/"):
                raise
            suspects = sorted(set("".join(_undisplayed(error))))
    pdf = compiler.compile(str(file))
    file.write_text(FRONT + "\n\n".join(f"#{quote(character)}" for character in suspects), encoding="utf-8")
    try:  # each by itself: the texts have characters that could be displayed, too
        compiler.compile(str(file), pdf_standards=["ua-1"])
    except typst.TypstError as error:
        suspects = sorted(set("".join(_undisplayed(error))))
    return pdf, "".join(suspects)


def _undisplayed(error):
    """The texts that no font has, as Typst's message names them."""
    texts = re.findall(r'the text `"(.*?)"` could not be displayed', error.diagnostic)
    return [re.sub(r"\\u\{(\w+)\}|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text) for text in texts]


def _line(error):
    """The line of the report that an error is about, from 1, or 0."""
    return int((re.findall(r"main\.typ:(\d+)", error.diagnostic or "") or [0])[0])


def _cell(compiler, folder, source, error):
    """The number of the first cell with which an error happens, or 0: Typst may say that it is in the next one."""
    front, *cells = re.split(r"^(?=// cell \d+$)", source, flags=re.M)

    def fails(count):
        (folder / "main.typ").write_text(front + "".join(cells[:count]), encoding="utf-8")
        try:
            compiler.compile(str(folder / "main.typ"))
        except typst.TypstError as other:
            return other.message == error.message
        return False

    count = bisect.bisect_left(range(len(cells)), True, key=fails)
    return int(re.match(r"// cell (\d+)", cells[count - 1])[1]) if count else 0


def _refused(compiler, folder, parts):
    """Which of some pieces of Typst can't be set, with the reasons."""
    refused = {}
    while left := [part for part in parts if part not in refused]:
        source, ends = IMPORT, []
        for part in left:
            source += part + "\n\n"
            ends.append(source.count("\n"))
        (folder / "main.typ").write_text(source, encoding="utf-8")
        try:
            compiler.compile(str(folder / "main.typ"))
        except typst.TypstError as error:
            file = re.search(r"picture-\d+\.\w+", error.diagnostic or "")  # an error in an SVG has a place there
            guilty = [part for part in left if file and file[0] in part]
            if guilty or IMPORT.count("\n") < _line(error) <= ends[-1]:
                refused[guilty[0] if guilty else left[bisect.bisect_left(ends, _line(error))]] = error.message
                continue
        return refused
    return refused
