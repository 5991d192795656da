"""Settings for Jupyter's own exporters, so that each of them prints the report and not its plumbing.

The package installs etc/jupyter_config.py, which calls `configure`: nbconvert reads it, and so does Jupyter's server,
whose export menu uses the same exporters. Every command of Jupyter's reads it, so nothing heavy is imported here.
"""

import os
import shutil
from pathlib import Path

import pypandoc

__all__ = ["TAGS", "configure"]

TAGS = {  # of nbconvert's TagRemovePreprocessor
    "remove_cell_tags": {"remove-cell"},
    "remove_input_tags": {"remove-input", "injected-parameters"},  # papermill adds the second
    "remove_all_outputs_tags": {"remove-output"},
}
SOURCES = ["NotebookExporter", "PythonExporter", "ScriptExporter"]  # a notebook, or a script, keeps all its cells


def configure(config):
    """Configure nbconvert.

    Parameters
    ----------
    config : traitlets.config.Config
        Jupyter's, which is changed.
    """
    config.TagRemovePreprocessor.update(TAGS)  # here, so that sets that somebody gives take precedence
    for exporter in SOURCES:
        config[exporter].TagRemovePreprocessor.enabled = False
    config.HTMLExporter.preprocessors.append("report.paper.routes.described")
    config.HTMLExporter.filters.update({"clean_html": "report.paper.routes.clean_html"})
    config.LatexExporter.preprocessors.append("report.paper.routes.for_latex")
    config.SlidesExporter.update(reveal_scroll=True, reveal_width="1200")  # a section is longer than a slide
    if not shutil.which("pandoc"):
        pandoc = Path(pypandoc.get_pandoc_path())
        os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(pandoc.parent)])
