"""A strict reader of LaTeX, for machines without LaTeX: what is not closed, not defined, or not escaped."""

from __future__ import annotations

import re
from pathlib import Path

MATHS = r"equation|align"
BLOCK = re.compile(r"\\(begin|end)\{([\w*]+)\}")


def problems(file: Path) -> list[str]:
    """Everything wrong in a report and its bibliography."""
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    text = "\n".join(lines)
    body = text[text.index(r"\begin{document}") :]
    bib = file.with_name("references.bib").read_text(encoding="utf-8")
    return [
        *_unbalanced(text),
        *_unescaped(body),
        *_unresolved(body, file.parent),
        *_citations(body, bib),
        *(f"bib: {what}" for what in _braces(bib)),
    ]


def _braces(text: str) -> list[str]:
    depth = 0
    for letter in re.sub(r"\\.", "", text, flags=re.S):
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return ["a } without its {"]
    return [f"{depth} braces are open"] if depth else []


def _unbalanced(text: str) -> list[str]:
    open_blocks: list[str] = []
    for what, name in BLOCK.findall(text):
        if what == "begin":
            open_blocks.append(name)
        elif not open_blocks or open_blocks.pop() != name:
            return [f"\\end{{{name}}} without its \\begin"]
    return [*_braces(text), *(f"\\begin{{{name}}} without its \\end" for name in open_blocks)]


def _unescaped(body: str) -> list[str]:
    """Letters with a meaning outside of where they have it: & in tables, ^ and _ in maths, and # % ~ $ nowhere alone."""
    plain = re.sub(rf"\\begin\{{({MATHS})\}}.*?\\end\{{\1\}}", "", body, flags=re.S)
    plain = re.sub(r"\\(label|ref|cite[tp]|includegraphics(\[[^]]*\])?|bibliography(style)?)\{[^}]*\}", "", plain)
    plain = re.sub(r"\\[^a-zA-Z]", "", plain)
    plain = re.sub(r"\$[^$\n]*(\n[^$\n]+)?\$", "", plain)
    found = [f"unescaped {letter}" for letter in "#%$^_" if letter in plain]
    tables = re.sub(r"\\begin\{(tabular|longtable)\}.*?\\end\{\1\}", "", plain, flags=re.S)
    found += ["& outside of a table"] * ("&" in tables)
    for table in re.findall(r"\\midrule\n(.*?)\\bottomrule", body, flags=re.S):
        counts = {
            len(re.findall(r"(?<!\\)&", row))
            for row in re.split(r"\\\\\s*\n", table)
            if "&" in row and "rule" not in row
        }
        found += ["rows of a table have different numbers of cells"] * (len(counts) > 1)
    known = set(re.findall(r"\\([a-zA-Z]+)", body))
    return found + [
        f"\\{name}" for name in sorted(known & {"input", "write", "openout", "immediate", "def", "catcode"})
    ]


def _unresolved(body: str, folder: Path) -> list[str]:
    labels = re.findall(r"\\label\{([^}]*)\}", body)
    missing = set(re.findall(r"\\ref\{([^}]*)\}", body)) - set(labels)
    files = [
        name
        for name in re.findall(r"\\includegraphics(?:\[[^]]*\])?\{([^}]*)\}", body)
        if not (folder / name).is_file()
    ]
    twice = {label for label in labels if labels.count(label) > 1}
    return [f"\\ref{{{m}}}" for m in missing] + [f"twice: {t}" for t in twice] + [f"no file {name}" for name in files]


def _citations(body: str, bib: str) -> list[str]:
    cited = {key for keys in re.findall(r"\\cite[tp]\{([^}]*)\}", body) for key in keys.split(",")}
    known = re.findall(r"^@\w+\{([^,]+),", bib, flags=re.M)
    return [f"not in the bibliography: {key}" for key in cited - set(known)] + [
        f"not cited: {k}" for k in set(known) - cited
    ]
