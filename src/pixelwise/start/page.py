"""The page about a folder: its content, the assumptions, its pictures with masks laid over, shares, sizes, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.errors import PixelwiseError, listing
from pixelwise.report.page import template
from pixelwise.report.pictures import MOST_CLASSES, Tile, class_shares, extent, sample_tile, size_rows
from pixelwise.start.plan import Plan

SHOWN = 24  # pictures of the contact sheet


def build_page(
    plan: Plan,
    dataset: Dataset,
    seen: Survey,
    findings: Sequence[Finding],
    accepted: Sequence[tuple[Finding, str]] = (),
    *,
    recipe: str,
    estimate: str,
    commands: Sequence[str],
) -> str:
    """The page as HTML, without external files. accepted: findings that a person accepted, with the reason."""
    tiles = [*_tiles(dataset, seen)]
    page: str = template("start.html.j2").render(
        title=plan.title.partition(":")[0] or "a folder",
        said=plan.found.said,
        keys=plan.found.keys,
        tiles=tiles,
        legend=[*zip(seen.info.classes, seen.info.colours, strict=True)][:MOST_CLASSES]
        if "mask" in seen.info.knows and "objects" not in seen.info.knows
        else [],
        objects="objects" in seen.info.knows,
        splits=[(split, len(seen.of(split))) for split in seen.splits],
        shares=class_shares(seen),
        unit="pixels" if "mask" in seen.info.knows else "pictures",
        sizes=size_rows(seen),
        findings=[(one, listing(one.files, 8)) for one in findings],
        accepted=[(one, listing(one.files, 8), reason) for one, reason in accepted],
        extent=extent(seen),
        size=f"{plan.size[1]}×{plan.size[0]}",
        recipe=recipe,
        estimate=estimate,
        commands=commands,
    )
    return page


def _tiles(dataset: Dataset, seen: Survey) -> Iterator[Tile]:
    """Pictures spread evenly over the splits, in the order of their names; where they have labels, over the classes."""
    readable = [facts for facts in seen.readable if facts.split in dataset.splits()]
    if "label" in seen.info.knows:
        rank: Counter[int | None] = Counter()
        order = []
        for facts in readable:
            rank[facts.label] += 1
            order.append((rank[facts.label], facts.label or 0))
        readable = [readable[at] for at in sorted(range(len(order)), key=lambda at: order[at])[:SHOWN]]
    spread = np.linspace(0, len(readable) - 1, min(SHOWN, len(readable))).round().astype(int)
    index = {split: {name: at for at, name in enumerate(dataset.names(split))} for split in dataset.splits()}
    for place in np.unique(spread).tolist():
        facts = readable[place]
        try:
            sample = dataset.read(facts.split, index[facts.split][facts.name])
        except PixelwiseError:
            continue
        yield sample_tile(sample, facts.split, seen.info)
