"""HTML as Jupyter shows it, adapted to paper.

All changes are made in one tree of HTML elements, for Markdown and for outputs alike. What pandoc would not set, or not
in this way (formulas, pictures, code), becomes an element that carries its Typst source, and perhaps what to print
should Typst refuse it. A paragraph "**Table 1.** ..." becomes the caption of the table below it, one that begins with
"**Figure 1.**" that of the picture above it.
"""

import base64
import copy
import html
import io
import itertools
import re
import tempfile
import urllib.parse
from pathlib import Path

import typst
from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.formatter import XMLFormatter
from matplotlib.colors import is_color_like, to_hex
from PIL import Image

from . import visible
from .formulas import translate
from .page import quote

__all__ = ["Document", "box", "formula", "note"]

UNSEEN = "script, style, template, noscript, head, title, meta, link, base, wbr, [hidden]"
FRAMES = "iframe, embed, object, video, audio"
VERBATIM = ["pre", "code", "kbd", "samp", "tt", "textarea"]
BLOCKS = re.compile("^(p|div|pre|table|ul|ol|dl|blockquote|h[1-6r])$")
INSIDE = ["li", "td", "th", "blockquote", "dd"]  # nothing in these has a page of its own
PRE_WRAP = re.compile("white-space: pre-wrap")
NO_TEXT = re.compile("table|tr|t(head|body|foot)|[uod]l|hr|br|img|pre|code|title")  # elements without text of their own
IGNORED = re.compile("mathjax_ignore|tex2jax_ignore")
MATH = re.compile(
    r"(?<!\\)\$\$(?P<d1>.+?)\$\$|\\\[(?P<d2>.+?)\\\]|(?P<d3>\\begin\{(?P<name>[a-z]+\*?)\}.+?\\end\{(?P=name)\})"
    r"|(?<![\\$])\$(?P<i1>[^$]+?)(?<!\\)\$|\\\((?P<i2>.+?)\\\)",
    re.S,
)
# Anything longer is cut: fifteen pages of text, a table of 20 pages, a word of half a page.
LIMIT, ROWS, LETTERS = 60_000, 1000, 2000
# Points: the width of the text, upright and turned, and sizes of type to try for a table; a letter's width over those.
ROOM, TURNED, SIZES, LETTER, INSET = 468, 714, (9, 8, 7, 6.2), 0.55, 10
UNBROKEN, LONG_WORD = 32, 20  # letters: the template breaks a word of so many, which then has room for so many


def box(kind, text, language=""):
    """A block of text exactly as it is: ``code``, ``output`` or ``problem``."""
    lines = visible(_cut(text.expandtabs(4).replace("\r\n", "\n").strip("\n"), LIMIT))
    return _raw(f"#lab.{kind}-box({quote(lines)}, lang: {quote(language)});", lines, "pre")


def _cut(text, limit):
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit:
        return text
    gap = f"[... {len(text) - limit:,} characters of {len(text):,} are left out here ...]"
    return f"{text[: limit // 2]}\n{gap}\n{text[-(limit // 2) :]}"


def note(text):
    """A line that says what is left out."""
    return _raw(f"#lab.note({quote(visible(text))});", text, "pre")


def formula(tex, display=False):
    """HTML for TeX."""
    return f'<code class="math{" display" * display}">{html.escape(tex)}</code>'


def _raw(source, text, tag="code", instead=""):
    """An element that pandoc takes for Typst; its text is for what looks for captions, titles and widths."""
    element = Tag(name=tag, attrs={"data-typst": source})
    if instead:
        element["data-instead"] = instead
    element.string = text or "."
    return element


def _verb(text):
    return f"#lab.verb({quote(visible(text))});"


def _nodes(source):
    return list(BeautifulSoup(source, "html.parser").contents)


def _found(match):
    """HTML for a formula that was found in text."""
    name, tex = next((name, tex) for name, tex in match.groupdict().items() if tex and name != "name")
    return formula(html.unescape(tex), display=name[0] == "d")


def _foreign(source):
    """The elements of HTML from a notebook, read as browsers read the body of a page."""
    # Scripts are long and never seen, and the parser is slow with them; one in a comment is none.
    source = re.sub(r"(?is)<!--.*?-->|<script\b.*?</script\s*>", lambda m: m[0] if m[0][1] == "!" else "", source)
    body = BeautifulSoup(f"<!DOCTYPE html><body>{source}", "html5lib").body
    for element in body.find_all(True):
        for name in ("data-typst", "data-instead", "data-cell"):  # these are for this file alone to use
            del element[name]
    for svg in body.select("svg:not(svg svg)"):
        # One without a size only holds symbols for others
        unseen = re.search(r"(?<!-)(width|height):\s*0(px)?\s*(;|$)", svg.get("style") or "")
        svg.decompose() if unseen else svg.replace_with(_image(svg))
    return list(body.contents)


def _image(svg):
    """The image that an ``<svg>`` is; HTML lets it leave out its namespaces."""
    svg["xmlns"], svg["xmlns:xlink"] = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
    content = svg.decode(formatter=XMLFormatter.REGISTRY["minimal"]).encode("utf-8", "replace")
    return Tag(name="img", attrs={"src": f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"})


class Document:
    """A document to be printed.

    Parameters
    ----------
    cells : list of (int, str, list of str)
        Number, source and pieces of HTML of each cell.
    path : pathlib.Path
        The notebook's folder: pictures elsewhere are not read.
    warn : callable
        Takes a message and the number of a cell.

    Attributes
    ----------
    title : str
        The first-level heading that the report begins with, which is no longer part of the document; or nothing.
    files : dict of str to bytes
        The pictures.
    """

    def __init__(self, cells, path, warn):
        self.path, self.warn, self.files, self.title = path.resolve(), warn, {}, ""
        self.sources = {number: source for number, source, _ in cells}
        self.soup = BeautifulSoup("", "html.parser")
        for number, _, pieces in cells:
            section = Tag(name="section", attrs={"data-cell": str(number)})
            section.append(_raw(f"// cell {number}", "", "pre"))
            self.soup.append(section)
            for piece in pieces:
                section.extend([piece] if isinstance(piece, Tag) else _foreign(piece))
        for step in (self.clean, self.formulas, self.text, self.colours, self.pictures, self.titles, self.links):
            step()
        self.captions()
        self.tables()

    def html(self):
        """The whole, for pandoc."""
        return str(self.soup)

    def say(self, message, element):
        """Warn of something in a cell."""
        section = element.find_parent("section", attrs={"data-cell": True})
        self.warn(message, section and int(section["data-cell"]))

    def put(self, element, source):
        """Put HTML in place of an element."""
        element.replace_with(*_nodes(source))

    # ----- what Typst refuses

    def parts(self):
        """The Typst sources that can be replaced should Typst refuse them."""
        return list(dict.fromkeys(element["data-typst"] for element in self.soup.select("[data-instead]")))

    def replace(self, refused):
        """Replace those that Typst refuses, given with its reasons; say whether there are any."""
        for element in self.soup.select("[data-instead]"):
            if reason := refused.get(element["data-typst"]):
                self.say(f"Typst cannot set {element.get_text()[:60]!r} ({reason}): its source is printed", element)
                element["data-typst"] = element["data-instead"]
                del element["data-instead"]
        return bool(refused)

    def turn(self, wide):
        """Give formulas that are too wide, known by their TeX, a turned page; say whether any were upright."""
        marked = [e for e in self.soup.select('[data-typst*="#lab.formula("]') if e.get_text().strip() in wide]
        upright = [
            e for e in marked if re.match(r"(?s)#lab\.formula\(.*\[\$ ", e["data-typst"]) and not e.find_parent(INSIDE)
        ]
        for element in upright:
            self.say(f"this formula is printed on a turned page: {element.get_text().strip()[:200]}", element)
            element["data-typst"] = f"#lab.sized(10pt, turned: true)[{element['data-typst']}];"
        for element in [] if upright else marked:
            self.say(f"this formula is too wide and set very small: {element.get_text().strip()[:200]}", element)
        return bool(upright)

    def give_up(self, number, reason):
        """Print the source of a cell in its place; say whether it was not given up before."""
        section = self.soup.find("section", attrs={"data-cell": str(number)})
        if not section or "given-up" in section.attrs:
            return False
        self.warn(f"Typst cannot set this cell ({reason}): its source is printed", number)
        section["given-up"] = ""
        for element in section.find_all(recursive=False)[1:]:
            element.extract()
        text = f"This cell and its outputs cannot be printed: {reason}\n\n{self.sources[number]}"
        section.append(box("problem", text))
        return True

    # ----- the steps

    def clean(self):
        """Remove what no screen shows, and print a link to what paper cannot show."""
        for element in self.soup.select(UNSEEN):
            element.decompose()
        for element in self.soup.find_all(style=re.compile(r"display:\s*none")):
            element.decompose()
        for element in self.soup.select(FRAMES):
            source = element if element.get("src") or element.get("data") else element.find(src=True) or element
            url = source.get("src") or source.get("data") or ""
            shown = url if 0 < len(url) < 2000 and not url.startswith("data:") else ""
            self.say(
                f"paper has no place for <{element.name}>: {(shown and 'a link is printed') or 'it is left out'}",
                element,
            )
            link = f'<a href="{html.escape(shown)}">{html.escape(shown)}</a>' if shown else "left out"
            self.put(element, f"<p>[{element.name}: {link}]</p>")
        for table in self.soup.select("table[dir=rtl]"):
            table.wrap(self.soup.new_tag("div", dir="rtl"))
        for element in self.soup.select(":is(div, p, span, li, blockquote, h1, h2, h3, h4)[dir=rtl]"):
            tag = "pre" if element.find(BLOCKS) else "code"
            element.insert(0, _raw("#text(dir: rtl)[", "", tag))
            element.append(_raw("];", "", tag))
        for element in self.soup.find_all("input", type="checkbox"):
            self.put(element, "\u2611 " if element.has_attr("checked") else "\u2610 ")

    def formulas(self):
        """Find TeX where MathJax finds it, and translate it."""
        for text in self.soup.find_all(string=MATH):
            if type(text) is NavigableString and not (text.find_parent(VERBATIM) or text.find_parent(class_=IGNORED)):
                self.put(text, MATH.sub(_found, html.escape(text, quote=False)))
        elements = self.soup.select("code.math")
        wanted = [(element.get_text(), "display" in element["class"]) for element in elements]
        for element, (tex, _), made in zip(elements, wanted, translate(wanted), strict=True):
            if made is None:
                self.say(f"this formula cannot be read, its source is printed: {tex.strip()[:200]}", element)
                element.replace_with(_raw(_verb(tex), tex))
            elif made:
                element.replace_with(_raw(f"#lab.formula({quote(tex.strip())})[{made}];", tex, instead=_verb(tex)))
            else:
                element.decompose()

    def text(self):
        """Turn text that must be shown character by character into Typst."""
        for element in self.soup.find_all("br"):
            if element.find_parent(VERBATIM) or element.find_parent(style=PRE_WRAP):
                element.replace_with("\n")
        for element in self.soup.find_all(style=PRE_WRAP):
            text = element.get_text()
            if "monospace" in element["style"]:
                source = _verb(text)
            elif re.search("\n|  ", text) and not element.find(True):
                source = f"#lab.lines({quote(visible(text))});"
            else:
                continue
            if element.name == "pre":
                element.name = "p"
            element.clear()
            element.append(_raw(source, text))
        long = re.compile(rf"\S{{{LETTERS},}}")
        for text in self.soup.find_all(string=long):
            if type(text) is NavigableString and not text.find_parent(VERBATIM):
                text.replace_with(long.sub(lambda m: _cut(m[0], LETTERS), text))
        for element in self.soup.find_all(VERBATIM):
            if "data-typst" in element.attrs or not element.parent:
                continue
            text = element.get_text()
            if element.name in ("pre", "textarea"):
                classes = [element, element.parent, element.code or {}]
                names = [name for part in classes for name in part.get("class") or []]
                language = next((name[9:] for name in names if name.startswith("language-")), "")
                element.replace_with(box("code" if language else "output", text, language))
            else:
                element.replace_with(_raw(_verb(text), text))

    def colours(self):
        """Colour text and its background as on the screen."""
        for element in self.soup.find_all(["span", "font"]):
            style = dict(re.findall(r"([\w-]+)\s*:\s*([^;]+)", element.get("style") or ""))
            colours = {"highlight": style.get("background-color"), "text": style.get("color", element.get("color"))}
            for function, colour in colours.items():
                if is_color_like(colour) and not element.find(BLOCKS):
                    self.embrace(element, f'#{function}(fill: rgb("{to_hex(colour)}"))[')

    def pictures(self):
        """Read the pictures that are the notebook's own; print a link to those on the network."""
        for element in self.soup.find_all("img"):
            url, alt = element.get("src") or "", element.get("alt") or ""
            if re.match("(?i)(https?:)?//", url):
                self.say(f"this picture is on the network, a link is printed: {url[:200]}", element)
                self.put(element, f'<a href="{html.escape(url)}">{html.escape(alt or url)}</a>')
                continue
            shown = urllib.parse.unquote(url if len(url) < 100 else f"{url[:60]}...")
            missing = f"#lab.missing({quote(visible(f'No picture: {shown} {alt}'.strip()))});"
            try:
                content, suffix = _picture(self.load(url))
            except Exception as error:  # whatever a picture's decoder thinks of hostile bytes
                self.say(f"no such picture: {shown} ({error})", element)
                element.replace_with(_raw(missing, alt))
                continue
            name = f"picture-{len(self.files)}{suffix}"
            self.files[name] = content
            others = [node for node in element.parent.contents if node is not element and (node.name or node.strip())]
            place = "inset" if others and element.parent.name not in ("section", "div", "center") else "picture"
            described = quote(alt or "Nobody has described this picture.")
            image = f"#lab.{place}({quote(name)}, alt: {described}{_width(element)});"
            element.replace_with(_raw(image, alt, instead=missing))
        for element in self.soup.select('[data-typst^="#lab.inset("], [data-typst^="#lab.missing("]'):
            # No line begins with a colon, say, not even after a picture as wide as the line: so it is not the first
            if isinstance(after := element.next_sibling, NavigableString) and (text := after.lstrip()):
                after.replace_with(after[: -len(text)], _raw("#box();", ""), text)

    def load(self, url):
        """The bytes of a picture: in the URL itself, or in a file of the notebook's folder."""
        if url.startswith("data:"):
            head, _, tail = url.partition(",")
            tail = urllib.parse.unquote_to_bytes(tail)
            return base64.b64decode(tail) if head.endswith("base64") else tail
        for name in (urllib.parse.unquote(urllib.parse.urlsplit(url).path), url):
            file = (self.path / name).resolve()
            if name and file.is_relative_to(self.path) and file.is_file():
                return file.read_bytes()
        raise FileNotFoundError("it is not in the notebook's folder")

    def titles(self):
        """Remove the title, and let the other headings begin at the first level and skip none."""
        first = next((e for e in self.soup.find_all(True) if e.name != "section" and not _is_comment(e)), None)
        if first and first.name == "h1" and not first.select('[data-typst^="#lab.formula"]'):  # no plain text
            self.title = " ".join(first.get_text().replace("\u00b6", "").split())
            first.name, first.contents = "title", []
        heads = self.soup.find_all(re.compile("^h[1-6]$"))
        top, level = min((int(head.name[1]) for head in heads), default=1), 0
        for head in heads:
            level = min(int(head.name[1]) - top, level) + 1  # none is skipped, as accessible PDF wants it
            head.name = f"h{level}"

    def links(self):
        """Connect links with headings, by their names in Jupyter or on GitHub, and with anchors."""
        targets = {}
        for element in self.soup.find_all(True):
            names = [element.get("id"), element.get("name") if element.name == "a" else None]
            if re.fullmatch("h[1-6]|title", element.name):
                text = self.title if element.name == "title" else " ".join(element.get_text().split())
                names += [text.replace(" ", "-"), re.sub(r"[^\w -]", "", text).lower().replace(" ", "-")]
            for name in {name for name in names if name}:
                number = 0
                while (key := f"{name}-{number}" if number else name) in targets:
                    number += 1
                targets[key] = element
            del element["id"]
        labels = {}
        for link in self.soup.find_all("a", href=True):
            url = urllib.parse.unquote(link["href"])
            target = targets.get(url[1:]) if url.startswith("#") else None
            if target is not None:
                link["href"] = f"#{labels.setdefault(id(target), f'place-{len(labels)}')}"
            elif url.startswith("#") or not 0 < len(url) < 2000:
                if url.startswith("#"):
                    self.say(f"no heading for the link to {url}", link)
                link.unwrap()
        for target in targets.values():
            if label := labels.pop(id(target), None):
                mark = _raw(f"#[#metadata(none)<{label}>];", "")
                target.insert_before(mark) if NO_TEXT.fullmatch(target.name) else target.insert(0, mark)
        for title in self.soup.find_all("title"):
            title.decompose()
        for anchor in self.soup.select("a:not([href])"):  # pandoc would give its name to a place of its own
            anchor.unwrap()

    def tables(self):
        """Give wide tables smaller type or a turned page, or print them in parts."""
        for table in self.soup.find_all("table"):
            rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
            if len(rows) > ROWS:
                self.say(f"this table has {len(rows):,} rows: the first {ROWS:,} are printed", table)
                table.insert_after(note(f"{len(rows) - ROWS:,} rows are left out here."))
                for row in rows[ROWS:]:
                    row.decompose()
            rows = [row.find_all(["td", "th"], recursive=False) for row in rows[:ROWS]]
            for cell in (cell for row in rows for cell in row):
                for name in ("colspan", "rowspan"):
                    if not re.fullmatch(r"[1-9]\d?", cell.get(name, "1")):
                        del cell[name]
                # A row that fits on half a page is not broken.
                if len(cell.get_text()) < 1500 and cell.get_text().count("\n") < 30:
                    cell["typst:breakable"] = "false"
            if table.find("col", style=re.compile("width")):
                table["class"] = "widths"
                if size := re.search(r"font-size: (\d+)%", table.get("style", "")):
                    table.insert_before(_raw(f"#lab.sized({int(size[1]) * SIZES[0] / 100:g}pt)[", "", "pre"))
                    table.insert_after(_raw("];", "", "pre"))
            else:
                self.fit(table, rows)

    def fit(self, table, rows):
        """Choose a size of type in which a table's words fit, if need be on a turned page; else print it in parts."""
        words = _widths(rows)
        inside = table.find_parent(INSIDE)
        looks = [(size, room) for room in ([ROOM] if inside else [ROOM, TURNED]) for size in SIZES]
        need = lambda words, size: size * sum(words) + INSET * len(words)  # noqa: E731
        size, room = next((look for look in looks if need(words, look[0]) <= look[1]), looks[-1])
        if room == TURNED:
            self.say(f"this table has {len(words)} columns and is printed on a turned page, perhaps in parts", table)
        parts = [table]
        if need(words, size) > room:
            words, groups = _widths(_without_spans(rows)), [[0]]
            for i in range(1, len(words)):
                if need([words[j] for j in [*groups[-1], i]], size) > room:
                    groups.append([0])
                groups[-1].append(i)
            parts = [_columns(table, group) for group in groups]
            table.replace_with(*parts)
        if (size, room) != looks[0]:
            turned = str(room == TURNED).lower()
            parts[0].insert_before(_raw(f"#lab.sized({size}pt, turned: {turned})[", "", "pre"))
            parts[-1].insert_after(_raw("];", "", "pre"))

    def captions(self):
        """Join captions to what they belong to, and mark the abstract."""
        for label in self.soup.select("p > strong:first-child"):
            word, block = label.get_text().split(" ")[0].strip(".:"), label.parent
            if label.previous_sibling is not None:
                continue
            if word == "Abstract":
                self.embrace(block, "#lab.abstract[")
            elif (
                word == "Table" and (table := _next(block)) is not None and table.name == "table" and not table.caption
            ):
                block.name = "caption"
                table.insert(0, block.extract())
            elif word == "Figure" and (image := _picture_in(_next(block, back=True))) is not None:
                call = image["data-typst"].removeprefix("#").removesuffix(";")
                (image.parent if image.parent.name == "p" else image).extract()
                self.embrace(block, f"#lab.captioned({call})[")

    def embrace(self, block, source):
        """Put the content of an element into a call."""
        block.insert(0, _raw(source, ""))
        block.append(_raw("];", ""))


def _picture(content):
    """Bytes that Typst can read, and their suffix, for those of any picture, whatever they are called."""
    if content.lstrip()[:4] == b"%PDF":
        content = _first_page(content)
    if re.search(rb"<svg\b", content[:2000]):
        return content, ".svg"
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        if image.format in ("PNG", "JPEG", "GIF", "WEBP"):
            return content, f".{image.format.lower()}"
        made = io.BytesIO()
        image.convert("RGBA").save(made, "PNG")
        return made.getvalue(), ".png"


def _first_page(pdf):
    """The first page of a PDF as SVG: a PDF that is accessible or for archives may hold no other."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.pdf").write_bytes(pdf)
        page = '#set page(width: auto, height: auto, margin: 0pt)\n#image("a.pdf")'
        return typst.compile(page.encode(), root=folder, format="svg")


def _width(element):
    """The width that the picture is given on the screen, for Typst: 96 pixels are an inch."""
    style = re.search(r"(?<!-)width:\s*([\d.]+)\s*(px|%)", element.get("style") or "")
    number, unit = style.groups() if style else re.match(r"([\d.]*)\s*(\S*)", element.get("width") or "").groups()
    if not re.fullmatch(r"\d+(\.\d+)?", number) or unit not in ("", "px", "%"):
        return ""
    return f", width: {number}%" if unit == "%" else f", width: {0.75 * float(number):g}pt"


def _longest_word(cell):
    return max((len(word) if len(word) < UNBROKEN else LONG_WORD for word in cell.get_text().split()), default=0)


def _widths(rows):
    """The width of the longest word of each column, in sizes of type."""
    columns = itertools.zip_longest(*([_longest_word(cell) for cell in row] for row in rows), fillvalue=0)
    return [LETTER * max(column) for column in columns]


def _without_spans(rows):
    """Let no cell of a table span several columns or rows any more: empty cells follow it, and stand below it."""
    made, below = [], {}  # by column: how many more rows a cell above takes
    for row in filter(None, rows):
        line, empty, cells = row[0].parent, Tag(name=row[0].name), []
        while row or below.get(len(cells)):
            if taken := below.get(len(cells)):
                below[len(cells)] = taken - 1
                cells.append(copy.copy(empty))
            else:
                cell = row.pop(0)
                width, height = (int(cell.attrs.pop(name, 1)) for name in ("colspan", "rowspan"))
                below |= dict.fromkeys(range(len(cells), len(cells) + width), height - 1)
                cells += [cell, *(copy.copy(empty) for _ in range(width - 1))]
        line.clear()
        line.extend(cells)
        made.append(cells)
    return made


def _columns(table, group):
    """A copy of a table with some of its columns."""
    table = copy.copy(table)
    for row in table.find_all("tr"):
        for i, cell in enumerate(row.find_all(["td", "th"], recursive=False)):
            if i not in group:
                cell.decompose()
    return table


def _is_comment(element):
    return element.get("data-typst", "").startswith("//")


def _next(element, back=False):
    """The element after this one, or before it, with nothing between them."""
    siblings = element.previous_siblings if back else element.next_siblings
    return next((node for node in siblings if node.name or node.strip()), None)


def _picture_in(element):
    """The picture that an element is, or that is all it holds."""
    if element is not None and element.name == "p" and len(element.find_all(recursive=False)) == 1:
        element = element.find(True)
    shown = element is not None and element.name and element.get("data-typst", "").startswith("#lab.picture(")
    return element if shown else None
