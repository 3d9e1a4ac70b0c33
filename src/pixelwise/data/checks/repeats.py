"""The checks for pictures that a data set has more than once, and for those that only look alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from pixelwise.data.checks.accepted import Entry
from pixelwise.data.checks.pictures import is_plain
from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.data.copies import differ_somewhere, find_copies, group_copies


def copies(survey: Survey) -> Iterator[Finding]:
    """Pictures that occur more than once, equal in every pixel or stored again; one finding for each pair of splits."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    other_masks: dict[tuple[str, str], int] = defaultdict(int)
    for a, b in _pairs(survey):
        if not _only_alike(a, b):
            found[a.split, b.split].append(f"{a.where} = {b.where}")
            other_masks[a.split, b.split] += a.size == b.size and a.drawn != b.drawn
    for (first, second), files in sorted(found.items(), key=lambda item: (item[0][0] == item[0][1], item[0])):
        count = "1 picture is" if len(files) == 1 else f"{len(files):,} pictures are"
        other = other_masks[first, second]
        masks = f" {other:,} of them {'has' if other == 1 else 'have'} another mask." if other else ""
        if first == second:
            cure = "Keep one of each, e.g. with data.exclude. Otherwise a picture counts twice."
            yield Finding("copies", "warning", f"{count} twice in '{first}'.{masks}", tuple(files), cure)
        else:
            cure = f"Remove them from '{first}', or name them in data.exclude. Otherwise scores on '{second}' are too good."
            pictures, verb = count.rsplit(" ", 1)
            what = f"{pictures} of '{first}' {verb} also in '{second}'.{masks}"
            yield Finding("copies", "fatal", what, tuple(files), cure)


def leaked(survey: Survey, accepted: Sequence[Entry] = ()) -> tuple[str, ...]:
    """The pictures of each split, as `split/name`, that a later split has too, without the copies that are accepted."""
    pairs = ((a, b) for a, b in _pairs(survey) if a.split != b.split and not _only_alike(a, b))
    left = (a for a, b in pairs if not any(e.kind == "copies" and e.names(f"{a.where} = {b.where}") for e in accepted))
    return tuple(dict.fromkeys(a.where for a in left))


def alike(survey: Survey) -> Iterator[Finding]:
    """Pictures of two splits that look alike as a whole and differ in one place: another object, or the next frame."""
    files = [f"{a.where} ~ {b.where}" for a, b in _pairs(survey) if a.split != b.split and _only_alike(a, b)]
    if files:
        count = "1 picture looks" if len(files) == 1 else f"{len(files):,} pictures look"
        what = f"{count} like one of another split, and differ in one place. They are not copies."
        cure = "If they belong together, e.g. as frames of one film, keep them in one split with the option group or alike."
        yield Finding("alike", "warning", what, tuple(files), cure)


def alike_groups(survey: Survey) -> dict[str, str]:
    """Name of a picture → that of the first one that looks like it, as a draw finds them that keeps such pictures together."""
    known = [facts for facts in survey.readable if facts.thumbnail is not None]
    thumbnails = [facts.thumbnail for facts in known if facts.thumbnail is not None]
    if len(known) < 2:
        return {}
    return group_copies([f.where for f in known], [f.digest for f in known], np.stack(thumbnails))


def _pairs(survey: Survey) -> list[tuple[Facts, Facts]]:
    """Each picture with the nearest earlier one of every split, where their thumbnails are equal.

    Pictures of a single colour show nothing that could be the same; another check names them.
    """
    known = [facts for facts in survey.readable if facts.thumbnail is not None and not is_plain(facts)]
    thumbnails = [facts.thumbnail for facts in known if facts.thumbnail is not None]
    if len(known) < 2:
        return []
    pairs = find_copies([f.split for f in known], [f.digest for f in known], np.stack(thumbnails))
    return [(known[first], known[again]) for first, again in pairs]


def _only_alike(one: Facts, other: Facts) -> bool:
    if one.digest == other.digest or one.fine is None or other.fine is None:
        return False
    return differ_somewhere(one.fine, other.fine, one.size == other.size and one.drawn != other.drawn)
