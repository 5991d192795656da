"""Whatever a notebook's HTML holds is adapted to paper, or named."""

import base64
import http.server
import io
import re
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import typst
from bs4 import BeautifulSoup
from nbformat import v4
from notebooks import convert, looks, text_of, words
from PIL import Image

from report.paper.tree import Document, box


def markdown(source, **attachments):
    cell = v4.new_markdown_cell(source)
    if attachments:
        cell.attachments = attachments
    return cell


def shown(**data):
    """A cell with one output; the keys are kinds, with _ for / and so on as in text_html."""
    data = {kind.replace("_", "/", 1): content for kind, content in data.items()}
    return v4.new_code_cell("x", outputs=[v4.new_output("display_data", data=data)])


def picture(kind, colour="red", size=(40, 20)):
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, kind)
    return made.getvalue()


def images(reader):
    return [image.image.getpixel((1, 1))[:3] for page in reader.pages for image in page.images]


def adapted(html, path=Path("nowhere")):
    """The HTML for pandoc, with the Typst of an element in place of it, in braces; and the warnings."""
    warned = []
    document = Document([(1, "source", [html])], path, lambda message, number: warned.append(message))
    soup = BeautifulSoup(document.html(), "html.parser")
    soup.find("pre").decompose()  # the mark of the cell
    for element in soup.select("[data-typst]"):
        assert element.name == ("pre" if "-box(" in element["data-typst"] else element.name) in ("pre", "code")
        element.replace_with(f"{{{element['data-typst']}}}")
    return soup.section.decode_contents(formatter=None).replace(' typst:breakable="false"', ""), warned


PNG = f"data:image/png;base64,{base64.b64encode(picture('PNG')).decode()}"
DOT, DRAWN = f'<img src="{PNG}" alt="A">', '"picture-0.png", alt: "A"'
KEPT, MONO = "white-space: pre-wrap", "white-space: pre-wrap; font-family: monospace"
COLOUR = "color: red; background-color: #00f"


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ('a<b style="display: none">x</b><i style="color: red; display:none">y</i><p hidden>z</p><wbr>b', "ab"),
        ("<!-- <script> -->a<script>b</script>c<script>d", "<!-- <script> -->ac"),
        ('<b data-typst="c" data-instead="d" data-cell="e">a</b>', "<b>a</b>"),
        ('<input type="checkbox" checked><input type="checkbox">', "\u2611 \u2610 "),
        ('<p dir="rtl">x</p>', '<p dir="rtl">{#text(dir: rtl)[}x{];}</p>'),
        ('<div dir="rtl"><p>x</p></div>', '<div dir="rtl">{#text(dir: rtl)[}<p>x</p>{];}</div>'),
        (r"$x$ \(y\)", '{#lab.formula("x")[$x$];} {#lab.formula("y")[$y$];}'),
        (r"$$x$$ \[y\]", '{#lab.formula("x")[$ x $];} {#lab.formula("y")[$ y $];}'),
        (r"\begin{align}c\end{align} \$5 $\def\x{y}$", r'{#lab.formula("\\begin{align}c\\end{align}")[$ c $];} \$5 '),
        ('<i class="tex2jax_ignore">$y$</i>', '<i class="tex2jax_ignore">$y$</i>'),
        (f'<p style="{KEPT}">a<br>b</p>', f'<p style="{KEPT}">{{#lab.lines("a\\nb");}}</p>'),
        (f'<p style="{KEPT}">a  b</p>', f'<p style="{KEPT}">{{#lab.lines("a  b");}}</p>'),
        (f'<p style="{KEPT}">a b</p>', f'<p style="{KEPT}">a b</p>'),
        (f'<p style="{KEPT}">a <b>b</b>\nc</p>', f'<p style="{KEPT}">a <b>b</b>\nc</p>'),
        (f'<pre style="{MONO}">\n\na <b>c</b></pre>', f'<p style="{MONO}">{{#lab.verb("\\na c");}}</p>'),
        ("<p>a<br>b</p>", "<p>a<br/>b</p>"),
        ("<tt>a</tt><kbd>b</kbd>", '{#lab.verb("a");}{#lab.verb("b");}'),
        ("<samp>c</samp><code>d<br>e</code>", '{#lab.verb("c");}{#lab.verb("d\\ne");}'),
        ("<pre>a</pre><textarea>b</textarea>", '{#lab.output-box("a", lang: "");}{#lab.output-box("b", lang: "");}'),
        ('<pre class="x language-c">a</pre>', '{#lab.code-box("a", lang: "c");}'),
        ('<pre><code class="language-c">a\tb</code></pre>', '{#lab.code-box("a   b", lang: "c");}'),
        ('<i class="language-c"><pre>a</pre></i>', '<i class="language-c">{#lab.code-box("a", lang: "c");}</i>'),
        ('<font color="red">a</font>', '<font color="red">{#text(fill: rgb("#ff0000"))[}a{];}</font>'),
        (
            f'<span style="{COLOUR}">a</span>',
            f'<span style="{COLOUR}">{{#text(fill: rgb("#ff0000"))[}}{{#highlight(fill: rgb("#0000ff"))[}}'
            "a{];}{];}</span>",
        ),
        (f'<span style="{COLOUR}"><p>a</p></span>', f'<span style="{COLOUR}"><p>a</p></span>'),
    ],
)  # fmt: skip
def test_text_is_written_for_typst_where_pandoc_would_change_it(html, made):
    assert adapted(html) == (made, [])


@pytest.mark.parametrize(
    ("html", "made"),
    [
        (f"<p>{DOT}</p>", f"<p>{{#lab.picture({DRAWN});}}</p>"),
        (f"<p>{DOT} : b</p>", f"<p>{{#lab.inset({DRAWN});}} {{#box();}}: b</p>"),
        (f"<p>{DOT}<b>b</b></p>", f"<p>{{#lab.inset({DRAWN});}}<b>b</b></p>"),
        (f"<div>{DOT} b</div>", f"<div>{{#lab.picture({DRAWN});}} b</div>"),
        (f'<img src="{PNG}">', '{#lab.picture("picture-0.png", alt: "Nobody has described this picture.");}'),
        ('<img src="data:,%3Csvg%3E" alt="A">', f"{{#lab.picture({DRAWN.replace('png', 'svg')});}}"),
        ("<svg></svg>", '{#lab.picture("picture-0.svg", alt: "Nobody has described this picture.");}'),
        *((f'<svg style="{look}"></svg>', "") for look in ("position: absolute; width: 0; color: red", "height:0px")),
        *((f'<img src="{PNG}" alt="A" {look}>', f"{{#lab.picture({DRAWN}, width: {width});}}")
          for look, width in (('width="96"', "72pt"), ('width="50%"', "50%"), ('width="9px"', "6.75pt"),
                              ('style="width: 2.5px" width="9"', "1.875pt"))),
        *((f'<img src="{PNG}" alt="A" {look}>', f"{{#lab.picture({DRAWN});}}") for look in (
            'style="max-width: 9px"', 'width="5em"', 'width="auto"',
        )),
        *((f"{above}<p><strong>Figure 1:</strong> a</p>",
           f"<p>{{#lab.captioned(lab.picture({DRAWN}))[}}<strong>Figure 1:</strong> a{{];}}</p>")
          for above in (DOT, f"<p>{DOT}</p>")),
        ("<p>b</p><p><strong>Figure 1.</strong> a</p>", "<p>b</p><p><strong>Figure 1.</strong> a</p>"),
    ],
)  # fmt: skip
def test_a_picture_stands_in_its_line_or_by_itself_with_its_width_description_and_caption(html, made):
    assert adapted(html) == (made, [])


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ("<h1>A &para;</h1><h3>B</h3><h5>C</h5><h2>D</h2>", "<h1>B</h1><h2>C</h2><h1>D</h1>"),
        ("<p>a</p><h2>B</h2><h1>C</h1><h4>D</h4>", "<p>a</p><h1>B</h1><h1>C</h1><h2>D</h2>"),
        ('<a href="">a</a><a href="b">b</a><a name="c">c</a>', 'a<a href="b">b</a>c'),
        *((f'{target}<a href="#A-b">c</a>', f'{place}<a href="#place-0">c</a>') for target, place in (
            ("<h2>A  b</h2>", "<h1>{#[#metadata(none)<place-0>];}A  b</h1>"),
            ('<table id="A-b"></table>', "{#[#metadata(none)<place-0>];}<table></table>"),
        )),
        *((f'<a href="{"a" * length}">b</a>', made)
          for length, made in ((1999, f'<a href="{"a" * 1999}">b</a>'), (2000, "b"))),
        ("<p><strong>Abstract.</strong> a</p>", "<p>{#lab.abstract[}<strong>Abstract.</strong> a{];}</p>"),
        ("<p>a <strong>Abstract.</strong></p>", "<p>a <strong>Abstract.</strong></p>"),
    ],
)  # fmt: skip
def test_headings_begin_at_the_first_level_and_links_lead_to_places(html, made):
    assert adapted(html) == (made, [])


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<p hidden></p><h1>A\n <i>b</i>&para;</h1>", "A b"),
        ("<h2>A</h2><h1>B</h1>", ""),
        ("a <h1>B</h1>", "B"),
        ("<h1>$B$</h1>", ""),
    ],
)
def test_the_heading_that_a_report_begins_with_is_its_title(html, title):
    assert Document([(1, "", [html])], Path("nowhere"), print).title == title


NAMED = "<p><strong>Table 1.</strong> a</p>"


@pytest.mark.parametrize(
    ("html", "made"),
    [
        (f"{NAMED} <table></table>", " <table><caption><strong>Table 1.</strong> a</caption></table>"),
        *((f"{NAMED}{other}", f"{NAMED}{other}") for other in (
            "b<table></table>", "<table><caption></caption></table>", "<ul></ul>",
        )),
        *((f'<table{style}><col style="width: 9%"></table>',
           f'{begin}<table class="widths"{style}><colgroup><col style="width: 9%"/></colgroup></table>{end}')
          for style, begin, end in (("", "", ""), (' style="font-size: 80%"', "{#lab.sized(7.2pt)[}", "{];}"))),
        *((f"<table><tr><td {span}>a</table>", f"<table><tbody><tr><td{kept}>a</td></tr></tbody></table>")
          for span, kept in (("colspan=2 rowspan=0", ' colspan="2"'), ("colspan=x rowspan=99", ' rowspan="99"'),
                             ("rowspan=100", ""))),
    ],
)  # fmt: skip
def test_a_table_keeps_its_caption_its_widths_and_the_spans_that_typst_knows(html, made):
    assert adapted(html) == (made, [])


@pytest.mark.parametrize(
    ("text", "broken"),
    [("x " * 749 + "x", False), ("x " * 750, True), ("\n".join("x" * 30), False), ("\n".join("x" * 31), True)],
)
def test_a_row_that_fits_on_half_a_page_is_not_broken(text, broken):
    document = Document([(1, "", [f"<table><tr><td>{text}</table>"])], Path("nowhere"), print)
    assert ("breakable" in document.html()) != broken


@pytest.mark.parametrize(
    ("letters", "look"), [(7, ""), (8, "8pt, turned: false"), (10, "6.2pt, turned: false"), (11, "9pt, turned: true")]
)
def test_ten_columns_are_set_in_the_largest_type_in_which_their_words_fit(letters, look):
    word = "y" * letters
    made, warned = adapted(f"<table><tr>{'<td>a' * 10}<tr>{f'<td>z {word}' * 10}</table>")
    assert "".join(re.findall(r"^\{#lab\.sized\((.*)\)\[\}<table>.*</table>\{\];\}$", made)) == look
    assert warned == ["this table has 10 columns and is printed on a turned page, perhaps in parts"] * ("true" in look)
    assert "turned: true" not in adapted(f"<ul><li><table><tr>{f'<td>{word}' * 10}</table></ul>")[0]


@pytest.mark.parametrize(
    ("around", "parts"),
    [
        ("{}", [[*range(9)], [0, *range(9, 17)], [0, 17]]),  # on turned pages
        ("<ul><li>{}</ul>", [[*range(5)], [0, *range(5, 9)], [0, *range(9, 13)], [0, *range(13, 17)], [0, 17]]),
    ],
)
def test_a_table_too_wide_for_any_type_is_printed_in_parts_that_begin_with_the_first_column(around, parts):
    heads, cells = "".join(f"<th>{i}" for i in range(18)), f"<td>{'y' * 40}" * 18
    made, _ = adapted(around.format(f"<table><tr>{heads}<tr>{cells}</table>"))
    found = [re.findall(r"<th>(\d+)", table) for table in re.findall("<table>.*?</table>", made)]
    assert found == [[*map(str, part)] for part in parts]


def test_in_a_table_in_parts_a_cell_stands_over_the_first_of_those_that_it_spanned():
    heads = "<th rowspan=2>i" + "".join(f"<th colspan=2>{letter}" for letter in "abcdefghi")
    cells = "".join(f"<td>{i}" for i in range(19)) + "<tr>" + ("<td>" + "y" * 40) * 19
    made, _ = adapted(f"<table><tr>{heads}<tr>{'<th>x<th>z' * 9}<tr>{cells}</table>")
    first, *_ = parts = re.findall("<table>.*?</table>", made)
    rows = [re.findall("<t[hd]>(.*?)</t", row) for row in re.findall("<tr>.*?</tr>", first)]
    assert len(parts) == 3 and "span=" not in made
    assert rows[:3] == [["i", "a", "", "b", "", "c", "", "d", ""], ["", *"xzxzxzxz"], [*map(str, range(9))]]


@pytest.mark.parametrize(("letters", "size"), [(31, ["8pt"]), (32, [])])
def test_a_word_in_a_table_has_room_for_all_its_letters_unless_it_may_be_broken(letters, size):
    word = "y" * letters
    made, _ = adapted(f"<table><tr>{'<td>' * 3}<tr>{f'<td>{word}' * 3}</table>")
    assert re.findall(r"sized\((\w+)", made) == size


def test_a_word_wider_than_its_column_takes_no_other_with_it():
    row = "".join(f"<td>aa {letter * 14}" for letter in "nnnnnmnnnnnn")
    assert "aa m" not in text_of(convert(shown(text_html=f"<table><tr>{row}<tr>{row}</table>")))


@pytest.mark.parametrize(
    ("rows", "left"), [(1000, []), (1001, ["this table has 1,001 rows: the first 1,000 are printed"])]
)
def test_of_a_very_long_table_the_beginning_is_printed(rows, left):
    made, warned = adapted(f"<table>{'<tr><td>x' * rows}</table>")
    assert warned == left and made.count("<tr>") == 1000
    assert made.endswith('{#lab.note("1 rows are left out here.");}') == bool(left)


def test_a_block_of_text_has_the_lines_of_any_machine():
    made = box("code", "\n\ta\r\nb\n", "c")
    assert (made.name, made["data-typst"], made.get_text()) == (
        "pre",
        '#lab.code-box("    a\\nb", lang: "c");',
        "    a\nb",
    )


def test_of_a_very_long_word_or_output_the_middle_is_left_out():
    gap = "\n[... 10 characters of 2,010 are left out here ...]\n"
    assert adapted("b" * 2000) == ("b" * 2000, [])
    assert adapted(f"a {'b' * 2010}") == (f"a {'b' * 1000}{gap}{'b' * 1000}", [])
    assert adapted(f"<code>{'b' * 2010}</code>") == (f'{{#lab.verb("{"b" * 2010}");}}', [])
    assert "[... 1 characters of 60,001 are left out here ...]" in adapted(f"<pre>{'b' * 60_001}</pre>")[0]


NO_PLACE = {
    False: "paper has no place for <{}>: it is left out",
    True: "paper has no place for <{}>: a link is printed",
}
LONG = "a" * 1999


@pytest.mark.parametrize(
    ("html", "kind", "link"),
    [
        ('<iframe src="a&amp;b"></iframe>', "iframe", "a&b"), ('<object data="a"></object>', "object", "a"),
        ('<video><source src="a"></video>', "video", "a"), (f'<embed src="{LONG}">', "embed", LONG),
        (f'<embed src="a{LONG}">', "embed", ""), ('<iframe src="data:x"></iframe>', "iframe", ""),
        ("<audio></audio>", "audio", ""),
    ],
)  # fmt: skip
def test_what_paper_has_no_place_for_is_a_link(html, kind, link):
    shown = f'<a href="{link}">{link}</a>' if link else "left out"
    assert adapted(html) == (f"<p>[{kind}: {shown}]</p>", [NO_PLACE[bool(link)].format(kind)])


@pytest.mark.parametrize(
    ("html", "made", "warning"),
    [
        (r"$\no{y}$", r'{#lab.verb("\\no{y}");}', r"this formula cannot be read, its source is printed: \no{y}"),
        ('<img src="//x" alt="A">', '<a href="//x">A</a>', "this picture is on the network, a link is printed: //x"),
        ('<a href="#b">a</a>', "a", "no heading for the link to #b"),
        ('<section><a href="#b">a</a></section>', "<section>a</section>", "no heading for the link to #b"),
        *((f'<img src="{url}" alt="A">', f'{{#lab.missing("No picture: {seen} A");}}',
           f"no such picture: {seen} (it is not in the notebook's folder)")
          for url, seen in (("a%20b", "a b"), ("a" * 99, "a" * 99), ("a" * 100, "a" * 60 + "..."))),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named_in_its_place_and_in_a_warning(html, made, warning):
    assert adapted(html) == (made, [warning])


LONG_TEXT = "y" * 300


@pytest.mark.parametrize(
    ("html", "text"),
    [('<img src="{}">', "//" + LONG_TEXT), ("${}$", r"\no " + LONG_TEXT), ("$${}$$", LONG_TEXT), ("${}$", LONG_TEXT)],
)
def test_a_warning_quotes_the_first_two_hundred_characters(html, text):
    warned = []
    document = Document([(1, "", [html.format(text)])], Path("nowhere"), lambda message, _: warned.append(message))
    document.turn({text})
    assert [message.split(": ")[1] for message in warned] == [text[:200]]


def test_what_typst_refuses_is_replaced_by_its_source_or_its_name_and_then_the_cell_is_given_up():
    warned = []
    document = Document(
        [(7, "the source", [f"<p>${'x' * 61}$ {DOT}</p>"])], Path("nowhere"), lambda *of: warned.append(of)
    )
    formula, image = document.parts()
    assert not document.replace({}) and document.replace({formula: "too odd"}) and document.parts() == [image]
    assert document.replace({image: "too old"}) and document.parts() == []
    assert f'#lab.verb("{"x" * 61}")' in document.html() and '#lab.missing("No picture: data:' in document.html()
    assert warned == [(f"Typst cannot set {text!r} ({reason}): its source is printed", 7)
                      for text, reason in (("x" * 60, "too odd"), ("A", "too old"))]  # fmt: skip
    assert not document.give_up(8, "why") and document.give_up(7, "why") and not document.give_up(7, "why")
    assert warned[2:] == [("Typst cannot set this cell (why): its source is printed", 7)]
    assert (
        "This cell and its outputs cannot be printed: why\n\nthe source" in document.html()
        and "xx" not in document.html()
    )


@pytest.mark.parametrize(
    ("html", "turned"),
    [
        ("$$x$$", True), ("$x$", False), ("<ul><li>$$x$$</ul>", False), ("<table><tr><td>$$x$$</table>", False),
        ("<table><tr><th>$$x$$</table>", False), ("<blockquote>$$x$$</blockquote>", False), ("<dd>$$x$$", False),
    ],
)  # fmt: skip
def test_a_formula_that_is_too_wide_is_turned_once_and_then_named(html, turned):
    warned = []
    document = Document([(1, "", [html])], Path("nowhere"), lambda message, _: warned.append(message))
    assert not document.turn({"y"}) and warned == []
    assert document.turn({"x"}) == turned and not document.turn({"x"})
    assert ("#lab.sized(10pt, turned: true)[#lab.formula(" in document.html()) == turned
    small = "this formula is too wide and set very small: x"
    assert warned == ["this formula is printed on a turned page: x" if turned else small, small]


# ----- as in JupyterLab


def test_markdown_inside_html_is_read_and_its_picture_is_found(tmp_path):
    (tmp_path / "dot.png").write_bytes(picture("PNG"))
    inside = "<details>\n<summary>Solution</summary>\n\nThe answer is **42**.\n\n![dot](dot.png)\n\n</details>"
    made = convert(markdown(inside), markdown("<center>\n\n*middle* $x$\n\n</center>"), path=tmp_path)
    assert "The answer is 42." in text_of(made) and "middle 𝑥" in text_of(made) and "*" not in text_of(made)
    assert images(made) == [(255, 0, 0)]


def test_characters_stay_what_they_are():
    made = text_of(convert(markdown('pip install --help, "it\'s" ... 5--6 -? C:\\dir @x #y // `a--b`')))
    assert 'pip install --help, "it\'s" ... 5--6 -? C:\\dir @x #y // a--b' in made


def test_dollars_outside_formulas_stay():
    assert "costs $5, $6 and $7" in text_of(convert(markdown(r"costs \$5, \$6 and \\$7")))


def test_formulas_are_found_in_html_but_not_in_code_or_where_they_are_to_be_ignored():
    table = '<table><tr><td>$x^2$</td><td class="mathjax_ignore">$y$</td><td><code>$z$</code></td></tr></table>'
    text = text_of(convert(shown(text_html=table)))
    assert "$x" not in text and "$y$" in text and "$z$" in text


def test_the_cells_of_a_matrix_in_a_sentence_are_as_large_as_its_words():
    sizes = {}
    made = convert(markdown(r"so $\begin{pmatrix}a & 2\end{pmatrix}$ and $\begin{cases}3\\4\end{cases}$"))
    made.pages[0].extract_text(visitor_text=lambda text, *look: sizes.update({text.strip(): look[-1]}))
    assert {sizes[text] for text in ("so", "2", "3", "4")} == {10}


def test_a_formula_that_cannot_be_set_is_printed_as_its_source(caplog):
    text = text_of(convert(markdown("Fine."), markdown(r"See $\nonsense{x}$ and $\mathrm{fine}$.")))
    assert r"\nonsense{x}" in text and "Fine." in text
    assert "cell 2 (" in caplog.text and "this formula cannot be read" in caplog.text


def test_links_lead_to_the_title_to_anchors_and_to_each_of_two_equal_headings():
    links = "[t](#Title) [1](#A-b,-c) [2](#A-b,-c-1) [3](#a-b-c) [4](#here) [5](#there)"
    cells = [
        markdown("# Title"),
        markdown(links),
        markdown("## A b, c"),
        markdown("## A b, c"),
        markdown('<a id="here"></a>x'),
    ]
    made = convert(*cells, markdown('<a name="there">y</a>'), markdown("long\n\n" * 80 + '<a name="there">twice</a>'))
    assert sum(len(page.get("/Annots", [])) for page in made.pages) == 6


@pytest.mark.parametrize(
    "anchor", ['<a name="0"></a>', '<a name="0"/>', '<a id="0"></a>', '<a id="0" name="0">y</a>', '<p name="0" id="0">']
)
def test_a_link_leads_to_an_anchor_however_it_is_written(anchor, caplog):
    made = convert(markdown(f"{anchor}\n\n## A heading\n\n[up](#0) and [again](#0)"))
    assert sum(len(page.get("/Annots", [])) for page in made.pages) == 2
    assert "A heading" in text_of(made) and not caplog.text


def test_end_tags_may_be_left_out():
    rows = "<table><tr><th>Name<th>Size<tr><td>$h_t$<td>100<tr><td><tt>p[t]</tt><td>79</table>"
    assert "Name Size" in text_of(convert(markdown(f"{rows}\n\n<ul><li>one<li>two</ul>")))


@pytest.mark.parametrize(
    "inside",
    ['<svg width="9" height="9"/>', "<script><![CDATA[ '</svg>' ]]></script>", "<style>a>b {fill: '&amp;'}</style>"],
)
def test_a_drawing_in_html_ends_where_its_tree_ends(inside, caplog):
    picture = f'<svg viewBox="0 0 200 80">{inside}<use xlink:href="#x"/><text y="9">inner text</text></svg >'
    text = text_of(convert(shown(text_html=f"<div>before{picture}<p>after</div>")))
    assert "before inner text after" in " ".join(text.split()) and not caplog.text


def test_long_scripts_take_no_time_and_comments_hide_none():
    script = "<script>" + "if (a<b) {}" * 200_000 + "</script>"
    assert "after" in text_of(convert(shown(text_html=f"<!-- <script> -->seen{script}<p>after")))


def test_a_checkbox_and_a_line_break_are_seen():
    text = text_of(convert(markdown("- [x] done\n- [ ] open\n\none<br>two")))
    assert "\u2611 done" in text and "\u2610 open" in text and "one\ntwo" in text


def test_lines_end_on_paper_where_they_end_on_the_screen():
    kept = "white-space: pre-wrap"
    html = f'<p style="{kept}">one\ntwo</p><pre>five\n  six</pre><p>three\nfour</p>'
    text = text_of(convert(shown(text_html=f'{html}<div style="{kept}; font-family: monospace">six\n  7</div>')))
    assert "one\ntwo\nfive\n  six\nthree four\nsix\n  7" in text


def test_colours_are_those_of_the_screen():
    html = (
        '<p><span style="background-color: #ffdd00; color: #0000ff">on yellow</span> <font color="red">red</font></p>'
    )
    made = convert(shown(text_html=html), markdown("<span style='color: nonsense(1)'>plain</span>"))
    drawn = made.pages[0].get_contents().get_data().decode("latin-1")
    assert text_of(made).count("on yellow") == 1 and "plain" in text_of(made)
    assert all(f"{colour} scn" in drawn for colour in ("0 0 1", "1 0 0", "1 0.8666667 0"))


def places(made):
    """How far from the left each text of the first page begins."""
    found = {}
    made.pages[0].extract_text(
        visitor_text=lambda text, ctm, matrix, *_: found.update({text.strip(): matrix[4] + ctm[4]})
    )
    return found


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_text_from_right_to_left_begins_at_the_right(direction):
    hebrew, latin = "\u05e9\u05dc\u05d5\u05dd", "left"
    made = convert(markdown(f'<div dir="rtl">\n\n{hebrew}\n\n</div>\n\n{latin}'), direction=direction)
    found = places(made)
    assert max(place for text, place in found.items() if set(text) & set(hebrew)) > 300
    assert (found[latin] > 300) == (direction == "rtl")


@pytest.mark.parametrize("table", ["<table>", "<table dir='rtl'>", "<div dir='rtl'><table>"])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_columns_run_from_right_to_left_where_text_does(table, direction):
    found = places(convert(markdown(f"{table}<tr><td>one<td>two</table>"), direction=direction))
    assert (found["one"] > found["two"]) == ("rtl" in table + direction)


# ----- wide and long


def wide(columns):
    rows = "".join(f"<td>{number}.234500</td>" for number in range(columns))
    head = "".join(f"<th>feature_{number}</th>" for number in range(columns))
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{rows}</tr><tr><td></td></tr></tbody></table>"


def test_tables_of_any_width_are_readable_and_all_there(caplog):
    tables = [wide(5), wide(10).replace("th>", "td>"), wide(15), wide(40)]
    made = convert(*(shown(text_html=table) for table in tables))
    text = words(text_of(made))
    assert all(f"feature_{number}" in text for number in range(40)) and text.count("39.234500") == 1
    boxes = [page.mediabox for page in made.pages]
    assert [box.width > box.height for box in boxes] == [False, True, False, True]
    assert "40 columns" in caplog.text and "10 columns" not in caplog.text
    assert text.count("feature_0") > 4  # of a table in parts, each part has the first column


def test_no_text_leaves_the_page(tmp_path):
    word = "e3b0c44298fc1c149afbf4c8996fb924" * 8
    cells = [markdown(f"A word {word} and `{word}`."), shown(text_html=f"<table><tr><td>{word}</td></tr></table>")]
    code = f"`{'numpy.linalg.norm(x) ' * 12}` and `{'pandas.DataFrame.' * 12}` "
    lines = markdown(f"{code}\n\n- {code}\n\n> {code}\n\n| a | b |\n| - | - |\n| {code} | c |")
    (tmp_path / "wide.png").write_bytes(picture("PNG", size=(2000, 20)))
    beside = [markdown(f"![{'A caption ' * 9}]({name})\n:label:`one`") for name in ("wide.png", "missing.png")]
    made = convert(*cells, shown(text_plain=word), lines, *beside, path=tmp_path)  # which looks at the margins
    text = words(text_of(made))
    assert text.count(word) == 4 and text.count("pandas") == 48 and text.count(":label:one") == 2


def test_code_without_spaces_is_broken_between_its_words_and_copied_whole():
    code = f"print({','.join(f'f({number})' for number in range(60))})"
    made = convert(v4.new_code_cell(code), v4.new_code_cell("x = 1  # short"))  # which looks at the margins
    assert code in words(text_of(made)) and "x = 1  # short" in text_of(made)


SUM = " + ".join(rf"\frac{{a_{{{number}}}}}{{b}}" for number in range(50))
ROW = " & ".join(f"a_{{{number}}}^{{name}}" for number in range(24))


@pytest.mark.parametrize(
    "tex",
    [
        f"$$x = {SUM}$$",
        rf"$$\log x = {SUM}$$",
        f"$$x = {SUM[: SUM.index(' + ', 350)]}$$",
        f"$$x = {SUM} \\tag{{7}}$$",
        rf"\begin{{align}}x &= {SUM} \\ &= 2\end{{align}}",
        rf"\begin{{align}}x &= {SUM} \tag{{7}} \\ &= 2 \tag{{8}}\end{{align}}",
        rf"$$\left({SUM}\right)$$",
        f"- $${SUM}$$",
        f"so ${SUM}$ is",
        f"| a | b |\n| - | - |\n| ${SUM}$ | c |",
    ],
)
def test_a_wide_formula_is_set_smaller_or_in_lines(tex, caplog):
    made = convert(markdown("# T"), markdown(tex))
    assert text_of(made).count("𝑏") == tex.count("{b}") and not caplog.text
    assert made.pages[0].mediabox.height > made.pages[0].mediabox.width
    assert all(number in text_of(made) for number in re.findall(r"(?<=tag\{)\d", tex))


@pytest.mark.parametrize(
    ("tex", "turned", "warning"),
    [
        (rf"$$\begin{{matrix}}{ROW}\end{{matrix}}$$", True, "printed on a turned page"),
        (rf"$$\begin{{matrix}}{ROW} & {ROW}\end{{matrix}}$$", True, "set very small"),
        (rf"- $$\begin{{matrix}}{ROW}\end{{matrix}}$$", False, "set very small"),
        (rf"so $\frac{{{SUM}}}{{2}}$ is", False, "set very small"),
    ],
)
def test_a_formula_wider_than_a_line_is_turned_or_named(tex, turned, warning, caplog):
    made = convert(markdown(tex))
    boxes = [page.mediabox for page in made.pages]
    assert any(box.width > box.height for box in boxes) == turned
    assert caplog.text.count(warning) == 1


def test_very_long_text_and_tables_are_printed_as_far_as_their_limits():
    plain = convert(shown(text_plain="x" * 1_000_000 + "end"))
    table = convert(shown(text_html=f"<table>{'<tr><td>x' * 1200}</table>"))
    assert 5 < len(plain.pages) < 20 and "end" in plain.pages[-1].extract_text()
    assert 15 < len(table.pages) < 25 and "200 rows are left out here" in table.pages[-1].extract_text()


def test_any_number_of_long_words_and_controls_is_printed(caplog):
    text = "\n".join(f"{number:03}{'x' * 40} \x01" for number in range(260))
    made = words(text_of(convert(shown(text_plain=text))))
    assert made.count("SOH") == 260 and made.count("x" * 40) > 255 and not caplog.text


# ----- pictures


def test_attachments_belong_to_their_cell():
    def cell(colour):
        return markdown(
            "![](attachment:a.png)", **{"a.png": {"image/png": base64.b64encode(picture("PNG", colour)).decode()}}
        )

    assert images(convert(cell("red"), cell("blue"))) == [(255, 0, 0), (0, 0, 255)]


def test_pictures_are_known_by_their_bytes_and_made_png_where_typst_does_not_read_them(tmp_path):
    kinds = {"PNG": "png", "JPEG": "jpeg", "GIF": "gif", "WEBP": "webp", "BMP": "png", "TIFF": "png", "ICO": "png"}
    for number, kind in enumerate(kinds):
        (tmp_path / f"{kind}.png").write_bytes(picture(kind, colour=(30 * number, 0, 0), size=(32, 32)))
    source = "".join(f'<img src="{kind}.png">' for kind in kinds)
    document = Document([(1, "", [source])], tmp_path, print)
    assert [name.split(".")[1] for name in document.files] == list(kinds.values())
    assert len(images(convert(shown(text_html=source), path=tmp_path))) == len(kinds)


@pytest.mark.parametrize("url", ["a photo.png", "a%20photo.png", "a photo.png#x", "b%20c.png"])
def test_a_picture_is_found_by_its_name_as_it_is_written_or_in_a_url(url, tmp_path):
    for name in ("a photo.png", "b%20c.png"):
        (tmp_path / name).write_bytes(picture("PNG"))
    assert adapted(f'<img src="{url}" alt="A">', tmp_path) == (f"{{#lab.picture({DRAWN});}}", [])


@pytest.mark.parametrize(
    ("html", "share"),
    [
        ("<img {} width='50%'>", 0.5),
        ("<img {} style='width: 156px'>", 0.25),
        ("<img {} width=5000>", 1),
        ("text <img {} width='50%'>", 0.5),
        ("text <img {} width=5000>", 1),
        ("<table><tr><td><img {0} width=5000></td><td><img {0} width='100%'></td></tr></table>", 0.96),
    ],
)
def test_a_picture_is_as_wide_as_on_the_screen_but_no_wider_than_its_place(html, share, caplog):
    made = convert(shown(text_html=html.format(f"src='{PNG}'")))
    dark = (looks(made.stream.getvalue(), ppi=72)[0] < 200).sum(axis=1)
    assert np.median(dark[dark > 0]) == pytest.approx(share * 468, abs=6) and not caplog.text


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"<svg><nonsense", picture("PNG")[:60]])
def test_a_broken_picture_is_named_in_its_place(content, tmp_path, caplog):
    (tmp_path / "bad.png").write_bytes(content)
    text = text_of(convert(markdown("Before.\n\n![A chart](bad.png)\n\nAfter."), path=tmp_path))
    assert "Before." in text and "No picture: bad.png A chart" in text and "After." in text
    assert "cell 1 (" in caplog.text


def test_of_a_pdf_the_first_page_is_printed(tmp_path, caplog):
    (tmp_path / "a.pdf").write_bytes(
        typst.compile(b"#set page(width: 9cm, height: 2cm, fill: rgb(255, 0, 0))\n#pagebreak()")
    )
    data = base64.b64encode((tmp_path / "a.pdf").read_bytes()).decode()
    for cell in shown(application_pdf=data, text_plain="<x>"), markdown("![a plot](a.pdf)"):
        made = convert(cell, path=tmp_path)
        assert b" 1 0 0 scn" in made.pages[0].get_contents().get_data() and "<x>" not in text_of(made)
    assert not caplog.text


def test_invalid_base64_is_named():
    assert "No picture" in text_of(convert(shown(image_png="%%%")))


# ----- outputs


def test_html_beats_latex_and_what_has_no_form_for_paper_is_named():
    table = "<table><tr><td>from HTML</td></tr></table>"
    assert "from HTML" in text_of(convert(shown(text_latex=r"\begin{tabular}{l}x\end{tabular}", text_html=table)))
    figure = v4.new_output("display_data", data={"application/vnd.plotly.v1+json": {"data": []}})
    script = v4.new_output("display_data", data={"text/html": "<div id='a'></div><script>draw()</script>"})
    text = text_of(convert(v4.new_code_cell("x", outputs=[figure, script])))
    assert "vnd.plotly.v1+json" in text and "left out: text/html" in text


def test_what_shows_nothing_on_the_screen_prints_nothing():
    cells = [
        shown(text_markdown="", text_plain="<Markdown object>"),
        shown(text_html="<style>x</style>", text_plain="<y>"),
    ]
    assert "<" not in text_of(convert(*cells))


def test_latex_alone_is_set_or_shown():
    assert "tabular" in text_of(convert(shown(text_latex=r"\begin{tabular}{l}x\end{tabular}", text_plain="x")))
    assert "$" not in text_of(convert(shown(text_latex=r"$\displaystyle x^{2}$", text_plain="x**2")))


# ----- nothing from outside


@pytest.fixture
def server():
    """The URL of a server on this machine, and the paths that it is asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_an_export_fetches_nothing_and_prints_links(server):
    url, asked = server
    tags = ["iframe src", "img src", "embed src", "object data", "video src", "audio src", "link rel=stylesheet href"]
    sources = [f'<{tag}="{url}/{number}"></{tag.split()[0]}>' for number, tag in enumerate(tags)]
    sources += [f"![picture]({url}/md)", f"<style>@import url({url}/css);</style>", f"<base href='{url}/'>"]
    image = f'<image href="{url}/svg.png" width="9" height="9"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{image}</svg>'
    cells = [markdown(source) for source in sources] + [shown(text_html=source) for source in [*sources, svg]]
    text = words(text_of(convert(*cells, shown(**{"image_svg+xml": svg}))))
    assert asked == []
    assert all(f"{url}/{number}" in text for number in (0, 2, 3, 4, 5))


def test_an_export_reads_nothing_outside_the_notebooks_folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.png").write_bytes(picture("PNG"))
    with suppress(OSError):  # Windows lets few people make one
        (inside / "link.png").symlink_to(tmp_path / "secret.png")
    names = [
        "../secret.png",
        str(tmp_path / "secret.png"),
        f"file://{tmp_path}/secret.png",
        "link.png",
        "%2e%2e/secret.png",
    ]
    names += ["../../../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd"]
    cells = [
        markdown(f"![]({name})\n\n<iframe src='{name}'></iframe><object data='{name}'></object>") for name in names
    ]
    made = convert(*cells, path=inside)
    assert images(made) == [] and "root:" not in text_of(made)


# ----- one bad piece


def test_html_that_is_never_closed_ends_with_its_output():
    cells = [
        shown(text_html="<table><tr><td>one<div><pre>two"),
        markdown("## Three"),
        shown(text_html="</div></td>four"),
    ]
    text = text_of(convert(*cells))
    assert [word for word in text.split() if word in ("one", "two", "Three", "four")] == ["one", "two", "Three", "four"]


def test_deep_nesting_is_printed():
    assert "deep" in text_of(convert(markdown("<div>" * 3000 + "deep"), markdown(">" * 200 + "deep")))


def test_no_notebook_can_write_typst(tmp_path):
    hostile = '<pre data-typst="#import &quot;@preview/x:1.0.0&quot;">a</pre><code data-typst="#nonsense()">b</code>'
    fence = "```{=typst}\n#nonsense()\n```"
    text = text_of(convert(shown(text_html=hostile), markdown(hostile), markdown(fence), markdown("#nonsense() \\#x")))
    assert "nonsense()" in text and "@preview" not in text and text.count("b") >= 2
