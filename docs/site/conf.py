"""Sphinx's settings for the site; `make site` runs it on the pages that build.py has gathered."""

from importlib.metadata import version as version_of

from docutils import nodes
from sphinx.application import Sphinx

project = "qsweep"
author = "the authors of qsweep"
version = release = version_of("qsweep")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"
templates_path: list[str] = []

myst_heading_anchors = 4
smartquotes = False
default_role = "code"  # docstrings have `names` in Markdown's way
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "qsweep"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # it fetches pages, which browsers refuse for pages of a folder


def without_mail(_: Sphinx, document: nodes.document) -> None:
    """Turn links to mail addresses into text: MODEL@best is a name."""
    for link in list(document.findall(nodes.reference)):
        if link.get("refuri", "").startswith("mailto:"):
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Have it done to every page when it is read."""
    app.connect("doctree-read", without_mail)
