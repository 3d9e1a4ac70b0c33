"""Turns of phrase that are hard to read, in the texts that people read: pages, help, errors, docstrings, recipes, reports.

    python tests/docs/words.py        prints FILE:LINE for each, and exits with 1 where there are any

Comments of Python are read as well, in tests and benchmarks too. Code, quoted code, CHANGELOG.md and LAB.md are not read.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("words.yaml")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`|^    [^\n]*$", re.M | re.S)
BLANK = re.compile(r"\S")


@dataclass(frozen=True)
class Phrase:
    pattern: re.Pattern[str]
    write: str


def phrases() -> list[Phrase]:
    listed = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    # a space of a phrase may be a line's end, also behind the sign of a comment
    return [Phrase(re.compile(one["phrase"].replace(" ", r"(?:\s+#?\s*)"), re.I), one["write"]) for one in listed]


def texts(root: Path = ROOT) -> Iterator[tuple[Path, int, str]]:
    """(file, line on which it begins, text) of everything that is read."""
    for page in [
        *sorted((root / "docs").glob("*.md")),
        *(root / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    ]:
        yield page, 1, without_code(page.read_text(encoding="utf-8"))
    for file in sorted((root / "src").rglob("*")):
        if file.suffix == ".py":
            yield from ((file, line, text) for line, text in strings(file.read_text(encoding="utf-8")))
        elif file.suffix in (".yaml", ".html", ".j2", ".js"):
            yield file, 1, file.read_text(encoding="utf-8")
    for folder in ("src", "tests", "benchmarks", "results"):
        for file in sorted((root / folder).rglob("*.py")):
            yield from ((file, line, text) for line, text in comments(file.read_text(encoding="utf-8")))
    for script in ("results/collect.py", "docs/reference_pages.py"):  # they write pages
        yield from ((root / script, line, text) for line, text in strings((root / script).read_text(encoding="utf-8")))


def without_code(page: str) -> str:
    """A page with its code replaced by spaces, so that lines keep their numbers."""
    return CODE.sub(lambda found: BLANK.sub("x", found[0]), page)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every literal with more than one word; the parts of an f-string are one text."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in inside
        ):
            yield node.lineno, node.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every comment; lines of comments below each other are one text."""
    first, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != first + len(lines):
                yield first, "\n".join(lines)
                lines = []
            first = first if lines else token.start[0]
            lines.append(token.string)
    if lines:
        yield first, "\n".join(lines)


def hits(text: str, listed: list[Phrase]) -> Iterator[tuple[int, str, str]]:
    """(line within the text, what was read, what to write)."""
    for phrase in listed:
        for found in phrase.pattern.finditer(text):
            yield text.count("\n", 0, found.start()), " ".join(found[0].split()), phrase.write


def report(root: Path = ROOT) -> list[str]:
    listed = phrases()
    return [
        f"{file.relative_to(root)}:{first + line}: “{read}”; write: {write}"
        for file, first, text in texts(root)
        for line, read, write in hits(text, listed)
    ]


if __name__ == "__main__":
    found = report()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.exit(bool(found))
