"""The pages of the documentation that a course points to, as HTML beside its page, so that both can be read offline."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from pixelwise.report.page import template
from pixelwise.run.atomic import write_text

HERE = Path(__file__).resolve()
INSTALLED, CHECKOUT = HERE.parent / "pages", HERE.parents[3] / "docs"
KINDS = {".svg": "svg+xml", ".png": "png", ".jpg": "jpeg"}


def explaining(why: Iterable[str]) -> tuple[str, ...]:
    """The names of the pages in `page.md#anchor`, each once."""
    return tuple(sorted({one.partition("#")[0].removesuffix(".md") for one in why}))


def pages_folder() -> Path | None:
    """Where the documentation is: in the installed package, or beside it in a checkout; None if it is in neither."""
    return next((folder for folder in (INSTALLED, CHECKOUT) if (folder / "arithmetic.md").is_file()), None)


def write_pages(folder: Path, names: Iterable[str]) -> bool:
    """Write pages/NAME.html into a folder; whether the documentation was found."""
    there = pages_folder()
    names = set(names)
    if there is None or any(not (there / f"{name}.md").is_file() for name in names):
        return False
    page = template("explain.html.j2")
    for name in names:
        text = (there / f"{name}.md").read_text(encoding="utf-8")
        title = text.partition("\n")[0].lstrip("# ")
        body = _html(text, there, names)
        write_text(folder / "pages" / f"{name}.html", page.render(title=title, body=body))
    return True


def slug(heading: str) -> str:
    """The anchor of a heading: `Ranked pixels: `average_precision`` → `ranked-pixels-average_precision`."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of a page of Markdown; lines of code blocks are not headings."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", outside, flags=re.M)}


def _html(text: str, there: Path, names: set[str]) -> str:
    from markdown_it import MarkdownIt

    text = re.sub(r"^```\{code-block\} (\w+)\n:caption: (.*)\n", r"*\2*\n\n```\1\n", text, flags=re.M)
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(re.sub(r"<!--.*?-->\n?", "", text, flags=re.S))
    for token, after in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(after.content))
    for child in (child for token in tokens for child in token.children or ()):
        if child.type == "link_open":
            child.attrSet("href", _target(str(child.attrGet("href")), names))
        elif child.type == "image":
            child.attrSet("src", _embedded(there / str(child.attrGet("src"))))
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html


def _target(target: str, names: set[str]) -> str:
    """Where a link leads from the written pages; one to a page that is not written stays on its own."""
    page, _, anchor = target.partition("#")
    if page.removesuffix(".md") in names and page.endswith(".md"):
        return f"{page.removesuffix('.md')}.html{f'#{anchor}' if anchor else ''}"
    return target if "://" in target or not page else "#"


def _embedded(file: Path) -> str:
    if not file.is_file() or file.suffix not in KINDS:
        return ""
    return f"data:image/{KINDS[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"
