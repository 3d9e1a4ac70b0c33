"""Sphinx settings: MyST Markdown pages, no theme to download."""

from importlib.metadata import version as installed

project = "pixelwise"
author = "the pixelwise authors"
release = version = installed("pixelwise")
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {
    "description": "Convolutional vision, from one convolution to labelled pictures",
    "fixed_sidebar": True,
}
