"""Whatever a notebook's HTML holds is adapted to paper, or named."""

import base64
import http.server
import io
import re
import threading
from contextlib import suppress

import pytest
import typst
from nbformat import v4
from notebooks import convert, text_of, words
from PIL import Image


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
    assert "costs $5 and $6" in text_of(convert(markdown(r"costs \$5 and \$6")))


def test_formulas_are_found_in_html_but_not_in_code_or_where_they_are_to_be_ignored():
    table = '<table><tr><td>$x^2$</td><td class="mathjax_ignore">$y$</td><td><code>$z$</code></td></tr></table>'
    text = text_of(convert(shown(text_html=table)))
    assert "$x" not in text and "$y$" in text and "$z$" in text


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


def test_very_long_text_is_cut_and_says_so():
    plain = convert(shown(text_plain="x" * 1_000_000 + "end"))
    assert "940,003 characters of 1,000,003 are left out here" in text_of(plain) and "end" in text_of(plain)
    assert "98,000 characters of 100,000 are left out here" in text_of(convert(markdown("y" * 100_000)))
    rows = "".join(f"<tr><td>{number}</td></tr>" for number in range(1200))
    assert "200 rows are left out here" in text_of(convert(shown(text_html=f"<table>{rows}</table>")))


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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO"])
def test_pictures_are_known_by_their_bytes(kind, tmp_path):
    (tmp_path / "a photo.png").write_bytes(picture(kind, size=(32, 32)))
    made = convert(markdown("![photo](<a photo.png>)"), path=tmp_path)
    assert len(images(made)) == 1


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
