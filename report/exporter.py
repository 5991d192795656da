"""The lab report as a PDF: notebook -> Markdown, pandoc -> Typst -> PDF, with no LaTeX and no browser.

What pandoc reads is only what is Markdown; code, text outputs and figures go around it, straight into its document
tree, so that nothing in them can be taken for markup. The tree is then put right for the page: a paragraph "Table 1."
becomes the caption of the table below it, "Figure 1." that of the figure above it, ``<code>`` monospaced text, and
``\\tag{1}`` the number of an equation.
"""

import base64
import copy
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

import pypandoc
import typst
from nbconvert.exporters import Exporter, MarkdownExporter
from nbconvert.filters import strip_ansi
from nbconvert.utils.exceptions import ConversionException
from traitlets import Enum, Unicode
from traitlets.config import Config

from report.show import visible

__all__ = ["LabReportExporter"]

TEMPLATE = Path(__file__).with_name("labreport.typ")
# Jupyter's Markdown is looser than pandoc's about blank lines, and knows none of its citations, examples or metadata.
MARKDOWN = (
    "markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote-implicit_figures-citations"
    "-example_lists-yaml_metadata_block-pandoc_title_block-markdown_in_html_blocks-subscript-superscript"
    "+autolink_bare_uris"
)
WIDGET = "application/vnd.jupyter.widget-view+json"  # a progress bar, most often, and nothing on paper
BEST_FIRST = [WIDGET, "text/markdown", "application/pdf", "image/svg+xml", "text/latex", "image/png", "image/jpeg"]
SUFFIX = {"application/pdf": ".pdf", "image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}


class LabReportExporter(MarkdownExporter):
    """Export a notebook to a PDF that looks like a paper.

    Title, authors, course, date and paper come from the options below, else from the notebook's metadata, else from
    papermill's parameters. A notebook that begins with a first-level heading has it as its title.
    """

    export_from_notebook = "PDF (lab report)"
    output_mimetype = "application/pdf"

    title = Unicode(help="Title; default: metadata, else the notebook's first heading.").tag(config=True)
    author = Unicode(help="Author; default: the names in the notebook's metadata `authors`.").tag(config=True)
    course = Unicode(help="Course; default: metadata.").tag(config=True)
    date = Unicode(help="Date as it is to be printed; default: metadata.").tag(config=True)
    lang = Unicode(help="Language code; default: metadata, else en.").tag(config=True)
    paper = Enum(["", "a4", "us-letter"], "", help="Paper; default: metadata, else a4.").tag(config=True)

    def _file_extension_default(self):
        return ".pdf"

    def get_template_names(self):
        """None: the page is Typst's; of the parent's templates only the options are used."""
        return []

    @property
    def default_config(self):
        """The Markdown exporter's, with the usual cell tags in force."""
        config = Config(
            {
                "TagRemovePreprocessor": {
                    "enabled": True,
                    "remove_cell_tags": {"remove-cell"},
                    "remove_input_tags": {"remove-input", "injected-parameters"},  # papermill adds the second
                    "remove_all_outputs_tags": {"remove-output"},
                },
                "ExtractOutputPreprocessor": {"enabled": False},
                "HighlightMagicsPreprocessor": {"enabled": False},
            }
        )
        inherited = super().default_config.copy()
        inherited.merge(config)
        return inherited

    def from_notebook_node(self, nb, resources=None, **kw):
        """Convert a notebook.

        Parameters
        ----------
        nb : nbformat.NotebookNode
            The notebook.
        resources : dict, optional
            nbconvert's.
        **kw
            Passed on.

        Returns
        -------
        pdf : bytes
            The report.
        resources : dict
            nbconvert's.

        Raises
        ------
        ConversionException
            If pandoc or Typst fails: one message, with the cell that it is about where that is known.
        """
        nb = copy.deepcopy(nb)
        for number, cell in enumerate(nb.cells, 1):  # before the preprocessors take cells away
            cell.metadata["number"] = number
        names = {number: f"cell {number} ({cell.source.strip()[:40]!r})" for number, cell in enumerate(nb.cells, 1)}
        # Not the parent's method: that one goes on to lay out the whole notebook as one Markdown text.
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
        with tempfile.TemporaryDirectory() as folder:
            pdf = _Report(self, nb, resources, Path(folder), names).pdf()
        resources["outputs"] = {}  # attachments, which are in the PDF now
        return pdf, resources


class _Report:
    """One conversion: what it needs to know while it goes through the cells."""

    def __init__(self, exporter, nb, resources, folder, names):
        self.exporter, self.nb, self.folder, self.names = exporter, nb, folder, names
        self.attachments = resources.get("outputs") or {}
        self.path = Path(resources.get("metadata", {}).get("path") or ".")
        self.language = nb.metadata.get("language_info", {}).get("name", "python")
        self.number = None  # of the cell at hand
        self.links = {}  # a heading's names in Jupyter and in pandoc -> its label
        self.formulas = {}  # TeX -> its cell

    def warn(self, message, number=None):
        self.exporter.log.warning("%s: %s", self.names.get(number or self.number, "notebook"), message)

    def pdf(self):
        blocks = self.blocks()
        title = _take_title(blocks)
        tree = {"pandoc-api-version": self.api, "meta": {}, "blocks": blocks}
        body = self.pandoc(["-f", "json", "-t", "typst", "--wrap=preserve"], json.dumps(tree))
        source = self.front(title) + body
        (self.folder / "main.typ").write_text(source, encoding="utf-8")
        shutil.copy(TEMPLATE, self.folder)
        try:
            pdf, warnings = typst.compile_with_warnings(str(self.folder / "main.typ"), root=str(self.folder))
        except typst.TypstError as error:
            place = re.search(r"main\.typ:(\d+)", error.diagnostic or "")
            before = "\n".join(source.split("\n")[: int(place[1])]) if place else ""
            number = int((re.findall(r"^// cell (\d+)$", before, re.M) or [0])[-1])
            where = self.names.get(number, "the title block or the template")
            raise ConversionException(f"Typst cannot set {where}: {error.message}") from None
        for warning in warnings:
            self.exporter.log.warning("Typst: %s", warning.message)
        return pdf

    def front(self, title):
        """The call of the template."""
        parameters = self.nb.metadata.get("papermill", {}).get("parameters", {})

        def about(name, default=""):
            return str(getattr(self.exporter, name) or self.nb.metadata.get(name) or parameters.get(name) or default)

        authors = self.nb.metadata.get("authors") or []
        names = [author.get("name") if isinstance(author, dict) else author for author in authors]
        if about("author"):
            names = [about("author")]
        # No clock: the same notebook gives the same bytes tomorrow.
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        made = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else _iso_date(about("date"))
        return (
            f'#import "{TEMPLATE.name}": *\n'
            f"#show: report.with(title: {_quote(about('title', title))}, "
            f"authors: ({''.join(_quote(name) + ', ' for name in names if name)}), "
            f"course: {_quote(about('course'))}, date: {_quote(about('date'))}, "
            f"made: {f'datetime(year: {made.year}, month: {made.month}, day: {made.day})' if made else 'none'}, "
            f"paper: {_quote(about('paper', 'a4'))}, lang: {_quote(about('lang', 'en'))})\n\n"
        )

    # ----- the notebook as a tree

    def blocks(self):
        """All that is to be printed, as pandoc's blocks, with a Typst comment where a cell begins."""
        pieces = [(cell.metadata.get("number"), piece) for cell in self.nb.cells for piece in self.pieces(cell)]
        parsed = iter(self.parse([piece for _, piece in pieces if isinstance(piece, str)]))
        pieces = [(number, next(parsed) if isinstance(piece, str) else piece) for number, piece in pieces]
        heads = [block for _, part in pieces for block in part if block["t"] == "Header"]
        for i, head in enumerate(heads):
            _, attributes, inlines = head["c"]
            for name in (_text(inlines).replace(" ", "-"), attributes[0].removeprefix("md__")):
                self.links.setdefault(name, f"section-{i}")
            attributes[0] = f"section-{i}"
        blocks = []
        for number, part in pieces:
            if number != self.number:
                blocks.append(_raw(f"// cell {number}"))
            self.number = number
            blocks += self.clean(part)
        return _join_captions(blocks)

    def pieces(self, cell):
        """Yield what a cell shows: Markdown as a string, all else as a list of blocks."""
        options, number = self.exporter, cell.metadata.get("number")
        if cell.cell_type == "markdown" and not options.exclude_markdown:
            yield cell.source
        elif cell.cell_type == "raw" and not options.exclude_raw:
            if cell.metadata.get("raw_mimetype", cell.metadata.get("format", "")) in options.raw_mimetypes:
                yield cell.source
        elif cell.cell_type == "code" and not options.exclude_code_cell:
            hidden = options.exclude_input or cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not hidden:
                yield [_box("code", cell.source, self.language)]
            for output in [] if options.exclude_output else cell.outputs:
                if piece := self.output(output, number):
                    yield piece

    def output(self, output, number):
        if output.output_type == "stream":
            return output.name != "stderr" and [_box("output", _printed(output.text))]
        if output.output_type == "error":
            trace = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
            return [_box("problem", _printed(trace))]
        data = output.data
        best = next((kind for kind in BEST_FIRST if kind in data), None)
        if best == WIDGET:
            return None
        if best in ("text/markdown", "text/latex"):
            return data[best]
        if best in SUFFIX:
            content = data[best].encode() if best == "image/svg+xml" else base64.b64decode(data[best])
            texts = [output.metadata, *(part for part in output.metadata.values() if isinstance(part, dict))]
            alt = next((text["alt"] for text in texts if "alt" in text), "")
            return [_raw(self.picture(content, SUFFIX[best], alt))]
        if "text/html" in data:
            self.warn("this output is HTML only; what pandoc makes of it is printed", number)
            if blocks := self.read(data["text/html"], "html"):
                return blocks
        return [_box("output", _printed(data["text/plain"]))] if data.get("text/plain") else None

    def picture(self, content, suffix, alt):
        name = f"picture-{len(list(self.folder.glob('picture-*')))}{suffix}"
        (self.folder / name).write_bytes(content)
        return f"#picture(image({_quote(name)}, alt: {_quote(alt) if alt else 'none'}));"

    # ----- pandoc

    def pandoc(self, arguments, text=""):
        run = subprocess.run(
            [pypandoc.get_pandoc_path(), *arguments], input=text.encode(), capture_output=True, cwd=self.folder
        )
        messages = run.stderr.decode("utf-8", "replace").strip()
        if run.returncode:
            raise ConversionException(f"pandoc cannot read or write {self.names.get(self.number, 'this')}: {messages}")
        for message in re.split(r"^\[WARNING\] ", messages, flags=re.M)[1:]:
            formula = re.match("Could not convert TeX math (.*), rendering as TeX", message, re.S)
            known = formula and self.formulas.get(formula[1].strip())
            self.warn(f"pandoc: {' '.join(message.split())}", known or -1)
        return run.stdout.decode()

    def read(self, text, kind):
        return json.loads(self.pandoc(["-f", kind, "-t", "json"], text.encode("utf-8", "replace").decode()))["blocks"]

    def parse(self, sources):
        """Read every Markdown source by itself, so that a fence left open ends with its cell, in one call of pandoc."""
        (self.folder / "end.md").write_text("```{=end}\n```\n")
        files = ["end.md"]
        for i, source in enumerate(sources):
            (self.folder / f"{i}.md").write_bytes(source.encode("utf-8", "replace"))
            files += [f"{i}.md", "end.md"]
        tree = json.loads(self.pandoc(["-f", MARKDOWN, "-t", "json", "--file-scope", *files]))
        self.api = tree["pandoc-api-version"]
        parts = []
        for block in tree["blocks"]:
            if block["t"] == "RawBlock" and block["c"][0] == "end":
                parts.append([])
            else:
                parts[-1].append(block)
        return parts[:-1]

    # ----- the tree put right

    def clean(self, node):
        """The same tree with all that Typst would not set, or not in this way, replaced."""
        if isinstance(node, list):
            new = []
            for item in _join_code(node):
                made = self.clean(item)
                new.extend(made) if isinstance(made, list) and isinstance(item, dict) else new.append(made)
            return new
        change = isinstance(node, dict) and getattr(self, f"clean_{node.get('t', '').lower()}", None)
        if change:
            return change(node)
        return {key: self.clean(value) for key, value in node.items()} if isinstance(node, dict) else node

    def clean_str(self, node):
        # Typst would make an ellipsis and dashes of these; they are here because somebody meant the characters.
        return _raw(f"#{_quote(node['c'])};", "RawInline") if re.search(r"\.\.\.|--|-\?", node["c"]) else node

    def clean_code(self, node):
        return _verb(node["c"][1])

    def clean_codeblock(self, node):
        return _box("code", node["c"][1], (node["c"][0][1] or [""])[0])

    def clean_math(self, node):
        return self.equation(node["c"][1]) if node["c"][0]["t"] == "DisplayMath" else self.formula(node["c"][1])

    def clean_para(self, node):
        content = self.clean(node["c"])
        if len(content) == 1 and content[0]["t"] == "RawInline" and content[0]["c"][1].startswith("#picture("):
            return _raw(content[0]["c"][1])
        return {"t": "Para", "c": content}

    def clean_table(self, node):
        node = {"t": "Table", "c": [self.clean(part) for part in node["c"]]}
        for cell in (cell for body in node["c"][4] for row in body[3] for cell in row[1]):
            # A row that fits on half a page is not torn apart.
            source = json.dumps(cell[4])
            if len(source) < 2500 and source.count("\\\\n") < 30:
                cell[0][2].append(["typst:breakable", "false"])
        return node

    def clean_div(self, node):
        if "natural" not in node["c"][0][1]:
            return {"t": "Div", "c": self.clean(node["c"])}
        for table in node["c"][1]:
            table["c"][2] = [[align, {"t": "ColWidthDefault"}] for align, _ in table["c"][2]]
        return self.clean(node["c"][1])

    def clean_link(self, node):
        target = urllib.parse.unquote(node["c"][2][0])
        if not target.startswith("#"):
            return {"t": "Link", "c": [node["c"][0], self.clean(node["c"][1]), node["c"][2]]}
        label = self.links.get(target[1:].removeprefix("md__"))
        if not label:
            self.warn(f"no heading for the link to {target.replace('md__', '')}")
            return self.clean(node["c"][1])
        return {"t": "Link", "c": [node["c"][0], self.clean(node["c"][1]), [f"#{label}", ""]]}

    def clean_image(self, node):
        _, inlines, (url, _) = node["c"]
        alt, content = _text(inlines), self.attachments.get(url)
        suffix = Path(urllib.parse.urlparse(url).path).suffix.lower()
        if url.startswith("data:"):
            head, _, tail = url.partition(",")
            kind = head[5:].split(";")[0]
            suffix = SUFFIX.get(kind, ".png")
            content = base64.b64decode(tail) if head.endswith("base64") else urllib.parse.unquote_to_bytes(tail)
        elif content is None:
            file = self.path / urllib.parse.unquote(url)
            content = file.read_bytes() if file.is_file() else None
        if content is None:
            self.warn(f"no such picture: {url}")
            return [_verb(url), {"t": "Space"}, *self.clean(inlines)]
        return _raw(self.picture(content, suffix, alt), "RawInline")

    def clean_rawinline(self, node):
        kind, text = node["c"]
        if kind == "tex" and (math := re.fullmatch(ENVIRONMENT, text, re.S)):
            return self.equation(math[0])
        if kind == "html" and re.match(r"<br\b", text, re.I):
            return {"t": "LineBreak"}
        if kind == "html" and re.match(r"<img\b", text, re.I):
            return [image for block in self.read(text, "html") for image in self.clean(block["c"])]
        return self.raw_left(node, kind, text)

    def clean_rawblock(self, node):
        kind, text = node["c"]
        if kind == "tex" and (math := re.fullmatch(ENVIRONMENT, text.strip(), re.S)):
            return {"t": "Para", "c": self.equation(math[0])}
        if kind == "html":
            return self.clean(self.read(text, "html"))
        return self.raw_left(node, kind, text)

    def raw_left(self, node, kind, text):
        if kind == "typst":
            return node
        if kind not in ("html", "latex"):  # a tag is no text, and what is marked as LaTeX is meant for that route only
            self.warn(f"raw {kind} is left out: {text[:60]!r}")
        return []

    def formula(self, tex, style="InlineMath"):
        # amsmath sets the pairs of columns of an aligned apart; Typst needs to be told.
        tex = re.sub(
            r"(?<=\\begin\{aligned\})((?:(?!\\begin).)*?)(?=\\end\{aligned\})",
            lambda rows: "\\\\".join(re.sub("(&[^&]*)&", r"\1\\qquad &", row) for row in rows[1].split("\\\\")),
            tex,
            flags=re.S,
        )
        self.formulas[tex.strip()] = self.number
        return {"t": "Math", "c": [{"t": style}, tex]}

    def equation(self, tex):
        r"""A display equation with the number that ``\tag`` gives it; an align with several gets one on each line."""
        tags = re.findall(TAG, tex)
        if not tags:
            return [self.formula(tex, "DisplayMath")]
        math = re.fullmatch(ENVIRONMENT, tex.strip(), re.S)
        if len(tags) == 1 and not math:
            return [
                _raw(f"#tagged({_quote(tags[0])})[", "RawInline"),
                self.formula(re.sub(TAG, "", tex), "DisplayMath"),
                _raw("];", "RawInline"),
            ]
        lines = [_raw("#equations(", "RawInline")]
        for row in re.split(r"\\\\(?:\[[^]]*\])?", math[2] if math else tex):
            number = "".join(f"({tag})" for tag in re.findall(TAG, row))
            left, _, right = re.sub(TAG + r"|\\(?:nonumber|notag)\b", "", row).partition("&")
            for side in (left, right.replace("&", "")):
                lines += [_raw("[", "RawInline")]
                lines += [self.formula(side, "DisplayMath")] if side.strip() else []
                lines += [_raw("], ", "RawInline")]
            lines += [_raw(f"[#{_quote(number)}], ", "RawInline")]
        return [*lines, _raw(");", "RawInline")]


ENVIRONMENT = r"\\begin\{((?:align|equation|gather|eqnarray|multline)\*?)\}(.*)\\end\{\1\}"
TAG = r"\\tag\*?\{([^}]*)\}"


def _quote(text):
    """A Typst string."""
    text = re.sub(r'(["\\])', r"\\\1", text)
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _raw(source, kind="RawBlock"):
    return {"t": kind, "c": ["typst", source]}


def _verb(text):
    return _raw(f"#verb({_quote(visible(text.replace(chr(0x200B), '')))});", "RawInline")


def _box(kind, text, language=""):
    lines = visible(text.expandtabs(4).replace("\r\n", "\n").strip("\n"))
    return _raw(f"#{kind}-box({_quote(lines)}, lang: {_quote(language)});")


def _printed(text):
    """What a terminal would show in the end: colours gone, lines overwritten by their carriage returns."""
    lines = strip_ansi(text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _text(inlines):
    """The characters of some inlines."""
    breaks = {"Space": " ", "SoftBreak": " ", "LineBreak": "\n"}
    parts = []
    for node in inlines:
        content = node.get("c")
        if node["t"] in ("Str", "Code", "Math"):
            parts.append(content if isinstance(content, str) else content[1])
        elif node["t"] in breaks:
            parts.append(breaks[node["t"]])
        elif node["t"] not in ("RawInline", "Note"):
            parts.append(_text(next(part for part in (content, *content) if _is_inlines(part))))
    return "".join(parts)


def _is_inlines(part):
    return isinstance(part, list) and all(isinstance(item, dict) and "t" in item for item in part)


def _join_code(nodes):
    """Make one piece of monospaced text of what stands between the tags of a ``<code>`` element."""
    new, rest = [], iter(nodes)
    for node in rest:
        if not _is_html(node, "<code"):
            new.append(node)
            continue
        inside = []
        for part in rest:
            if _is_html(part, "</code"):
                break
            inside.append(part)
        new.append(_verb(_text(inside)))
    return new


def _is_html(node, start):
    return isinstance(node, dict) and node.get("t") == "RawInline" and node["c"][1].startswith(start)


def _begins(block, word):
    """Whether a block is a paragraph that begins with a word in bold."""
    if block["t"] != "Para" or not block["c"] or block["c"][0]["t"] != "Strong":
        return False
    return re.match(rf"{word}\b", _text(block["c"][0]["c"])) is not None


def _join_captions(blocks):
    """Join captions to what they belong to, and mark the abstract."""
    new = []
    for block in blocks:
        last = new[-1] if new else _raw("")
        if block["t"] == "Table" and _begins(last, "Table"):
            block["c"][1] = [None, [{"t": "Plain", "c": new.pop()["c"]}]]
        elif _begins(block, "Figure") and last["t"] == "RawBlock" and last["c"][1].startswith("#picture("):
            call = new.pop()["c"][1].removeprefix("#").removesuffix(";")
            block["c"] = [_raw(f"#captioned({call})[", "RawInline"), *block["c"], _raw("];", "RawInline")]
        elif _begins(block, "Abstract"):
            block["c"] = [_raw("#abstract[", "RawInline"), *block["c"], _raw("];", "RawInline")]
        new.append(block)
    return new


def _take_title(blocks):
    """Take a heading of the first level that the report begins with away, and make those that are left begin at 1."""
    first = next((block for block in blocks if block["t"] != "RawBlock" or not block["c"][1].startswith("//")), None)
    title = ""
    if first and first["t"] == "Header" and first["c"][0] == 1:
        title = _text(first["c"][2])
        blocks.remove(first)
    heads = [block for block in blocks if block["t"] == "Header"]
    top = min((block["c"][0] for block in heads), default=1)
    for block in heads:
        block["c"][0] -= top - 1
    return title


def _iso_date(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
