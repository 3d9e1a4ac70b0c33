"""Drawing splits: reproducible, independent of the order of files, with whole groups on one side."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from pixelwise.errors import DataError


def draw_splits(
    names: Iterable[str], fractions: Mapping[str, float], *, seed: int = 0, group: Callable[[str], str] | None = None
) -> dict[str, tuple[str, ...]]:
    """`names` divided into `train` and the splits of `fractions`, e.g. `{"val": 0.2}`; names in order within each.

    Groups (pictures of one scene, patient or street: those for which `group` gives the same word) are never torn apart.
    They are ordered by SHA-256 of seed and group, and each split in turn takes groups until it holds its share of the
    pictures. So the draw is the same on every machine, and a new picture moves at most those at the borders.

    Raises DataError where a fraction is no fraction, or where there are too few groups for each split to have one.
    """
    total = sum(fractions.values())
    if any(not 0 <= fraction < 1 for fraction in fractions.values()) or total >= 1:
        read = ", ".join(f"{split} {fraction}" for split, fraction in fractions.items())
        raise DataError(f"the shares {read} must each be at least 0 and together less than 1: train takes the rest.")
    members: dict[str, list[str]] = defaultdict(list)
    for name in names:
        members[group(name) if group else name].append(name)
    order = sorted(members, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    wanted = {split: fraction for split, fraction in fractions.items() if fraction > 0}
    if len(order) <= len(wanted):
        what = "groups" if group else "pictures"
        raise DataError(
            f"{len(order)} {what} cannot be divided into train, {', '.join(wanted)}: each needs at least one.",
            hint="Add pictures, set the shares to 0, or write lists splits/train.txt and splits/val.txt.",
        )
    count = sum(map(len, members.values()))
    drawn: dict[str, tuple[str, ...]] = {}
    for position, (split, fraction) in enumerate(wanted.items()):
        keep = len(wanted) - position  # groups that must be left for those that come after, train among them
        chosen: list[str] = []
        while len(order) > keep and (not chosen or len(chosen) < round(fraction * count)):
            chosen += members[order.pop(0)]
        drawn[split] = tuple(sorted(chosen))
    train = tuple(sorted(name for key in order for name in members[key]))
    return {"train": train, **drawn}
