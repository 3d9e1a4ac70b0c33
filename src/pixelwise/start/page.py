"""The page about a folder: what it holds and what is assumed, its pictures with masks laid over, shares, sizes, findings."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow

from pixelwise.data.base import Dataset
from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.errors import PixelwiseError, listing
from pixelwise.imaging.draw import number_objects, overlay
from pixelwise.imaging.fit import extremes
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.report.page import template
from pixelwise.start.plan import Plan, class_counts
from pixelwise.types import RGB, DatasetInfo, Sample

SHOWN, SIDE = 24, 280  # pictures of the contact sheet, and their longest side in pixels
MOST_CLASSES = 60


@dataclass(frozen=True)
class Tile:
    """A picture of the contact sheet."""

    uri: str
    caption: str
    height: int
    width: int


@dataclass(frozen=True)
class Share:
    """A class: its colour, and its share of each split as a number of 0 to 1."""

    name: str
    colour: RGB
    shares: tuple[float, ...]


def build_page(
    plan: Plan,
    dataset: Dataset,
    seen: Survey,
    findings: Sequence[Finding],
    *,
    recipe: str,
    estimate: str,
    commands: Sequence[str],
) -> str:
    """The page as HTML, whole in itself."""
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
        shares=_shares(seen),
        unit="pixels" if "mask" in seen.info.knows else "pictures",
        sizes=_sizes(seen),
        findings=[(one, listing(one.files, 8)) for one in findings],
        extent=_extent(seen),
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
        yield _tile(sample, facts.split, seen.info)


def _tile(sample: Sample, split: str, info: DatasetInfo) -> Tile:
    scale = min(1.0, SIDE / max(sample.size))
    size = (max(1, round(sample.size[0] * scale)), max(1, round(sample.size[1] * scale)))
    image = resize_image(sample.image, size)
    if sample.mask is not None:
        mask, colours = sample.mask, info.colours
        clear = [number for number, name in enumerate(info.classes) if name == "background"]
        if sample.objects is not None:
            mask, clear = number_objects(sample.objects, sample.size), [0]
            colours = distinct_colours(len(sample.objects) + 1)
        image = overlay(image, resize_mask(mask, size), colours, clear=clear, void=info.void)
    label = "" if sample.label is None else f" · {info.classes[sample.label]}"
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, format="JPEG", quality=85)
    uri = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
    return Tile(uri, f"{split}/{sample.name}{label}", *size)


def _shares(seen: Survey) -> list[Share]:
    """The share of each class in each split, most frequent first."""
    if not seen.info.knows:
        return []
    counts = {split: class_counts(seen, split) for split in seen.splits}
    rows = []
    for number, (name, colour) in enumerate(zip(seen.info.classes, seen.info.colours, strict=True)):
        shares = tuple(counts[split][number] / max(1, sum(counts[split])) for split in seen.splits)
        rows.append(Share(name, colour, shares))
    return sorted(rows, key=lambda row: -row.shares[0])[:MOST_CLASSES]


def _extent(seen: Survey) -> str:
    """`46 sizes, from 41×83 to 90×20.`; empty where all pictures have one size."""
    sizes: Counter[tuple[int, int]] = Counter(facts.size for facts in seen.readable if facts.size is not None)
    return f"{len(sizes)} sizes, {extremes(sizes)}." if len(sizes) > 1 else ""


def _sizes(seen: Survey) -> list[tuple[str, int]]:
    """The most frequent sizes, `width×height` → pictures."""
    sizes: Counter[Any] = Counter(facts.size for facts in seen.readable if facts.size)
    rows = [(f"{size[1]}×{size[0]}", count) for size, count in sizes.most_common(8)]
    rest = sum(sizes.values()) - sum(count for _, count in rows)
    return [*rows, (f"{len(sizes) - 8} other sizes", rest)] if rest else rows
