"""The same picture twice: between splits it makes scores too good, within a split it counts twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.checks.survey import Facts, Finding, Survey

# Root mean square difference of 16×16 thumbnails, in grey levels. Stored again or resized, the same picture stays below
# 1; the nearest two different pictures of VOC 2007, Stanford Background and the scenes are 13 or more apart.
NEAR = 3.0
CONTRAST = 0.15  # and below this share of the picture's own contrast, so that two dark pictures are not one
CHUNK = 256


def copies(survey: Survey) -> Iterator[Finding]:
    """Pictures that are there more than once, to the pixel or stored again; one finding a pair of splits."""
    pairs = _equal_pairs(survey.readable)
    between = [(a, b) for a, b in pairs if a.split != b.split]
    within = [(a, b) for a, b in pairs if a.split == b.split]
    for first, second in sorted({(a.split, b.split) for a, b in between}):
        found = [(a, b) for a, b in between if (a.split, b.split) == (first, second)]
        what = f"{_pictures(len(found))} of '{first}' also in '{second}'."
        cure = f"Remove them from '{first}': scores on '{second}' are too good with them."
        yield Finding("copies", "fatal", what, _files(found), cure)
    for split in sorted({a.split for a, _ in within}):
        found = [(a, b) for a, b in within if a.split == split]
        what = f"{_pictures(len(found))} twice in '{split}'."
        yield Finding("copies", "warning", what, _files(found), "Keep one of each: the other counts double.")


def _equal_pairs(facts: list[Facts]) -> list[tuple[Facts, Facts]]:
    """Each picture with the nearest earlier one of every split, where the two are equal."""
    known = [(f, f.thumbnail) for f in facts if f.thumbnail is not None]
    if len(known) < 2:
        return []
    thumbnails = np.stack([thumbnail for _, thumbnail in known]).astype(np.float32)
    limits = np.minimum(NEAR, CONTRAST * thumbnails.std(axis=1))
    earlier: dict[str, list[int]] = {}  # split → indices so far
    exact: dict[tuple[str, bytes], int] = {}  # split and digest → index
    pairs = []
    for index, (one, _) in enumerate(known):
        if index % CHUNK == 0:
            distances = _distances(thumbnails[index : index + CHUNK], thumbnails)
        for split, indices in earlier.items():
            nearest = exact.get((split, one.digest))
            if nearest is None:
                near = indices[int(distances[index % CHUNK, indices].argmin())]
                nearest = near if distances[index % CHUNK, near] < limits[index] else None
            if nearest is not None:
                pairs.append((known[nearest][0], one))
        earlier.setdefault(one.split, []).append(index)
        exact.setdefault((one.split, one.digest), index)
    return pairs


def _distances(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square differences (n, m), by |a − b|² = |a|² + |b|² − 2ab."""
    squares = (some * some).sum(1)[:, None] + (others * others).sum(1)[None] - 2 * some @ others.T
    return np.asarray(np.sqrt(np.maximum(squares, 0) / some.shape[1]))


def _files(pairs: list[tuple[Facts, Facts]]) -> tuple[str, ...]:
    return tuple(f"{a.where} = {b.where}" for a, b in pairs)


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"
