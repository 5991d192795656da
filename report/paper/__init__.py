"""Any notebook as a PDF, by pandoc and Typst: nbconvert's ``--to labreport``. No LaTeX, no browser, no network.

The folder stands by itself: it imports nothing else of this project. Its way through a notebook:

    exporter.py     the notebook's cells and outputs, as HTML
    tree.py         that HTML, adapted to paper
    formulas.py     its TeX, translated into Typst
    page.py         pandoc, Typst and labreport.typ: the PDF
    config.py, routes.py   settings for Jupyter's other exporters, and what they lack

A notebook speaks to it in five ways:

- *Tags* of a cell: ``remove-cell``, ``remove-input`` and ``remove-output`` leave out the cell, its source or its
  outputs.
- *Captions*: a paragraph that begins with ``**Figure 1.**`` is the caption of the picture above it, one that begins
  with ``**Table 1.**`` that of the table below it. ``**Abstract.**`` begins the abstract.
- *Metadata* of the notebook: ``title``, ``authors`` (a list of names, or of dicts with a ``name``), ``course``,
  ``date``, ``lang``, ``direction`` ("ltr" or "rtl") and ``paper`` ("a4" or "us-letter"). Without a title, the
  first-level heading that the notebook begins with takes its place.
- *The MIME type for paper*, `PAPER`: an output's vector form, which no screen takes and the exporter prefers.
- *Alternative text*: ``alt`` in the metadata of an output.
"""

import re
import unicodedata

__all__ = ["PAPER", "visible"]

PAPER = "image/x.paper+svg"  # SVG that no screen takes: it would prefer image/svg+xml to the PNG


def visible(text):
    """Replace what cannot be seen, line breaks apart, by something that can.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        C0 controls and DEL as control pictures (tab is U+2409); other controls, direction marks, lone surrogates and
        the like as ``<U+202E>``, because a live one would garble the page after it.
    """

    def show(match):
        code = ord(match[0])
        if code < 0x20:
            return chr(0x2400 + code)
        if code == 0x7F:
            return "\u2421"
        joins_emoji = code in (0x200C, 0x200D) or 0xE0020 <= code <= 0xE007F
        nothing = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
        unseen = unicodedata.category(match[0]) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        return f"<U+{code:04X}>" if nothing or (unseen and not joins_emoji) else match[0]

    return re.sub(r"[^ -~\n]", show, text)
