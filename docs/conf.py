"""Sphinx settings: MyST Markdown pages with the theme furo, and a reference that is written from the code."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reference_pages import find_root_pages, write_reference

project = "pixelwise"
author = "the pixelwise authors"
project_copyright = author
release = version = installed("pixelwise")
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "pixelwise"
html_copy_source = False
python_maximum_signature_line_length = 80
maximum_signature_line_length = 80

write_reference(Path(__file__).parent / "reference")


def setup(app):
    app.connect("source-read", find_root_pages)
