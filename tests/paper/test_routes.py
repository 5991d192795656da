"""What nbconvert's own exporters make of headings, pictures and hostile HTML."""

import re

from nbconvert.exporters import HTMLExporter, LatexExporter
from nbformat import v4
from notebooks import HOSTILE, configured, drawing, notebook, printable

from report import show
from report.paper.routes import clean_html


def test_html_has_the_alternative_text_of_every_figure_and_its_width_sanitized_or_not():
    for sanitize in (False, True):
        exporter = HTMLExporter(config=configured(), sanitize_html=sanitize)
        source, _ = exporter.from_notebook_node(notebook())
        (picture,) = re.findall('<img[^>]*alt="A line that rises."[^>]*>', source)
        assert "data:image/png;base64," in picture and 'width="624"' in picture


def test_latex_has_the_title_once_the_numbers_of_the_notebook_and_vectors():
    source, resources = LatexExporter(config=configured()).from_notebook_node(printable())
    assert r"\title{Lab 0 - A fixture}" in source and source.count("Lab 0 - A fixture") == 1
    assert r"\setcounter{secnumdepth}{0}" in source and r"\subsection{1 The book}" in source
    for part in (r"\textbf{Table 1.}", r"\textbf{Figure 1.}", r"\tag{1}", r"\tag{3}", "alert(1)", r"\ttfamily{}"):
        assert part in source
    (picture,) = re.findall(r"\\adjustimage\{.*\}\{(.*?)\}", source)
    assert picture.endswith(".pdf") and resources["outputs"][picture].startswith(b"%PDF")
    LatexExporter(config=configured()).from_notebook_node(v4.new_notebook())  # nothing to mend in there


def test_pictures_without_their_metadata_and_titles_with_markup_stay_as_they_are():
    foreign = v4.new_notebook(cells=[v4.new_markdown_cell("# A *title*"), v4.new_code_cell("x", outputs=drawing())])
    for output in foreign.cells[1].outputs:
        output.metadata = {}
    assert 'alt=""' in HTMLExporter(config=configured()).from_notebook_node(foreign)[0]
    source, _ = LatexExporter(config=configured()).from_notebook_node(foreign)
    assert r"A \emph{title}" in source and r"\title{A" not in source and "secnumdepth" not in source


def test_sanitized_html_keeps_tables_and_text_as_they_are():
    for shown in (
        show.table(
            ["a", ""], [[show.verbatim(HOSTILE + "\n x"), 7]], "Table 1. *Text.*", align="rl", size=80, widths=[3, 1]
        ),
        show.passage(HOSTILE),
        show.listing(show.inline),
    ):
        source = shown.formats["html"]
        plain = lambda text: re.sub(r"[;\s]", "", text).replace("&#x27", "'").replace("&quot", '"')  # noqa: E731
        assert plain(clean_html(source)) == plain(source)


def test_links_that_need_a_click_stay_and_bytes_are_read_as_text():
    for source in ('<a href="README.md">a</a>', '<a href="HTTPS://a.b">a</a>', '<a href="#b">a</a>'):
        assert clean_html(source) == source
    assert clean_html(b"<b>b</b>") == "<b>b</b>"


def test_sanitized_html_has_nothing_that_runs_loads_or_lies_over_the_page():
    hostile = (
        "<script>run()</script><iframe src='https://a.b'></iframe><svg onload=run()></svg><form action=x><input></form>"
        "<img src=https://a.b/c.png onerror=run()><img src='data:image/svg+xml;base64,AAAA'><b onclick=run()>b</b>"
        "<a href='javascript:run()'>1</a><a href=' data:text/html,x'>2</a><a href='vbscript:run()'>3</a>"
        "<style>b{}</style><p style='position: fixed; color: red; background: url(https://a.b)'>p</p>"
        "<p style='margin: 1px -9px'>q</p>"
    )
    clean = clean_html(hostile)
    assert set(re.findall(r"<(\w+)", clean)) == {"a", "b", "img", "p"}
    assert not re.search(r"<[^>]*(src|href|on\w+)=", clean)
    assert "color: red" in clean and not re.search("position|margin|url", "".join(re.findall("<p.*?>", clean)))
