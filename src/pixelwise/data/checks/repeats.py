"""The check for pictures that a data set has more than once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.data.copies import find_copies


def copies(survey: Survey) -> Iterator[Finding]:
    """Pictures that are there more than once, to the pixel or stored again; one finding a pair of splits."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    known = [facts for facts in survey.readable if facts.thumbnail is not None]
    thumbnails = [facts.thumbnail for facts in known if facts.thumbnail is not None]
    if len(known) < 2:
        return
    for first_one, again in find_copies([f.split for f in known], [f.digest for f in known], np.stack(thumbnails)):
        a, b = known[first_one], known[again]
        found[a.split, b.split].append(f"{a.where} = {b.where}")
    for (first, second), files in sorted(found.items(), key=lambda item: (item[0][0] == item[0][1], item[0])):
        count = "1 picture is" if len(files) == 1 else f"{len(files):,} pictures are"
        if first == second:
            cure = "Keep one of each, e.g. by data.exclude: the other counts double."
            yield Finding("copies", "warning", f"{count} twice in '{first}'.", tuple(files), cure)
        else:
            cure = f"Remove them from '{first}', or name them in data.exclude: scores on '{second}' are too good with them."
            yield Finding("copies", "fatal", f"{count} of '{first}' also in '{second}'.", tuple(files), cure)
