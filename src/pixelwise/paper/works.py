"""The works that a report cites: those that the sources of what the runs use name, and those of its own text.

`works/TOPIC.yaml` has an entry for each:

    says     what the work did, as a sentence; @ is the place of its authors. Works of `text` have no sentence
    cited    how docstrings write it: a run cites it if the source of something that it uses does
    only     option (or kind of thing) → values: and only where that thing has one of them; `any` is all but 0, none and no
    used     what cites it without a docstring: kind → names, or kind.option → values
    source   a part of the `source` of a data set

The rest of an entry is what references.bib says of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pixelwise.paper.sources import KINDS, Used, citations, used
from pixelwise.paper.tex import TeX, escape
from pixelwise.report.record import Record
from pixelwise.yaml_text import parse

FOLDER = Path(__file__).resolve().parent / "works"
TOPICS = ("data", "networks", "losses", "training", "scores")
RULES = ("says", "cited", "only", "used", "source")
NOTHING = (None, False, 0, "none", "no", ())
URL = re.compile(r"https?://[\w./~?=&+:-]+")


@dataclass(frozen=True, eq=False)
class Work:
    """A work that can be cited. entry: its fields in references.bib, `type` among them."""

    key: str
    topic: str
    entry: Mapping[str, Any]
    says: str = ""
    cited: tuple[str, ...] = ()
    only: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    used: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    source: str = ""

    @property
    def bibtex(self) -> str:
        """The entry in references.bib."""
        told = {name: value for name, value in self.entry.items() if name != "type"}
        lines = [f"  {name} = {{{_bibtex(name, str(value))}}}," for name, value in told.items()]
        return "\n".join([f"@{self.entry['type']}{{{self.key},", *lines, "}"])


@cache
def known_works() -> dict[str, Work]:
    """Every work of `works/` by its key."""
    found = {}
    for topic in (*TOPICS, "text"):
        for key, told in parse(FOLDER / f"{topic}.yaml").items():
            rules = {name: told[name] for name in RULES if name in told}
            rules["cited"] = tuple(rules.get("cited", ()))
            found[key] = Work(key, topic, {name: told[name] for name in told if name not in RULES}, **rules)
    return found


def works_of(record: Record) -> list[Work]:
    """The works that a run builds on, by topic; its data set's comes first."""
    things = used(record)
    engine = str((record.setup.get("recipe") or {}).get("engine") or "torch")
    named = {(one.kind, one.name): citations(one, engine) for one in things}
    found = [work for work in known_works().values() if any(_builds_on(work, one, things, named) for one in things)]
    source = str(record.data.get("source") or "")
    data = [work for work in known_works().values() if work.source and work.source in source]
    data = data or ([_own_data(record, source)] if source.count(" ") > 2 and "pixelwise" not in source else [])
    by_key = {work.key: work for work in (*data, *found)}
    return sorted(by_key.values(), key=lambda work: TOPICS.index(work.topic))


def _builds_on(work: Work, one: Used, things: Sequence[Used], named: Mapping[tuple[str, str], list[str]]) -> bool:
    names = work.used.get(one.kind, ())
    options = {key.partition(".")[2]: values for key, values in work.used.items() if key.startswith(f"{one.kind}.")}
    if one.name in names or any(one.options.get(key) in values for key, values in options.items()):
        return True
    return any(text in named[one.kind, one.name] for text in work.cited) and all(
        _has(one, key, values, things) for key, values in work.only.items()
    )


def _has(one: Used, key: str, values: Sequence[Any], things: Sequence[Used]) -> bool:
    if key in KINDS:
        return any(other.kind == key and other.name in values for other in things)
    value = one.options.get(key)
    return value in values or ("any" in values and value not in NOTHING)


def _own_data(record: Record, source: str) -> Work:
    """A data set that is not among the works: its `source` is all that is known about it."""
    name = str(record.data.get("name") or "data set")
    told = re.fullmatch(r"([^:]{2,200}): (.{5,300}?) \(([^()]*?)(\d{4})\), (https?://\S+)", source)
    entry: dict[str, Any] = {"type": "misc", "title": name, "note": source}
    if told:
        authors, title, venue, year, url = told.groups()
        entry = {"type": "misc", "author": authors.replace(", ", " and "), "title": title, "note": venue.strip(),
                 "year": year, "url": url}  # fmt: skip
    return Work(f"data-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-') or 'set'}", "data", entry)


def sentence(work: Work) -> TeX:
    """A sentence on what a work did, with its authors cited; for a data set that is only cited, a short one."""
    cite = TeX(rf"\citet{{{work.key}}}" if "author" in work.entry else rf"\citep{{{work.key}}}")
    if not work.says:
        return TeX(f"The data set is described by {cite}." if "author" in work.entry else f"The data: {cite}.")
    before, _, after = work.says.partition("@")
    return TeX(f"{escape(before)}{cite}{escape(after)}")


def bibliography(works: Iterable[Work]) -> str:
    """references.bib of these works, by key."""
    return "\n\n".join(work.bibtex for work in sorted(works, key=lambda work: work.key)) + "\n"


def _bibtex(name: str, value: str) -> str:
    if name == "url":
        return "".join(URL.findall(value)[:1])
    if name == "author":
        return " and ".join(escape(author) for author in value.split(" and "))
    if name == "pages":
        return value
    text = escape(value)
    return f"{{{text}}}" if name == "title" else text  # in the case in which it is written
