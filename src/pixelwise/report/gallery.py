"""The gallery: picture, truth and prediction side by side, drawn in the data set's colours and small enough to embed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from pixelwise.imaging.draw import colourise
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.report.record import Json, Record
from pixelwise.run.records.plain import is_plain_file
from pixelwise.shown import kind_by_task, shown_as
from pixelwise.types import RGB, Image, IndexMap

SIDES = (360, 240, 160, 96)  # longest side of an embedded picture in pixels: the largest that fits the budget is taken
PIXELATED = 96  # pixels: smaller pictures are kept unchanged, and the page shows their pixels as squares
BUDGET = 3_500_000  # bytes of all embedded pictures together, as base64
RANKS = {"best": "Best", "typical": "Typical", "worst": "Worst"}


@dataclass(frozen=True)
class Panel:
    """One embedded picture: its caption and its data URI."""

    caption: str
    uri: str
    height: int
    width: int


@dataclass(frozen=True)
class Card:
    """One picture of the gallery with everything drawn for it."""

    name: str
    score: float | None
    panels: tuple[Panel, ...]
    words: tuple[tuple[str, str], ...] = ()  # of what cannot be drawn: truth and prediction of a whole picture


@dataclass(frozen=True)
class Gallery:
    """Cards by rank, and the colours that occur in them."""

    split: str
    groups: tuple[tuple[str, tuple[Card, ...]], ...]
    legend: tuple[tuple[str, RGB], ...]
    missing: tuple[str, ...] = ()  # names of pictures whose files are not all there


@dataclass
class Seen:
    """Classes met while drawing."""

    indices: set[int] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)


def build_gallery(record: Record, folder: Path) -> Gallery | None:
    """The gallery of the pictures in `folder` (a run's predictions/), or None if the run kept no picture."""
    pictures = record.gallery.get("pictures") or ()
    if not pictures:
        return None
    for side in SIDES:
        seen = Seen()
        cards = [(str(entry.get("rank") or ""), build_card(entry, record, folder, side, seen)) for entry in pictures]
        if sum(len(panel.uri) for _, card in cards for panel in card.panels) <= BUDGET:
            break
    ranks = [*RANKS, *sorted({rank for rank, _ in cards} - set(RANKS))]
    groups = [(RANKS.get(rank, rank), tuple(card for r, card in cards if r == rank and card.panels)) for rank in ranks]
    legend = [(name, record.colours[i]) for i, name in enumerate(record.classes) if i in seen.indices]
    if record.void is not None and record.void in seen.indices:
        legend.append(("void (not labelled)", VOC_VOID))
    return Gallery(
        split=str(record.gallery.get("split") or ""),
        groups=tuple((title, group) for title, group in groups if group),
        legend=tuple(legend),
        missing=tuple(seen.missing),
    )


def build_card(entry: Json, record: Record, folder: Path, side: int, seen: Seen) -> Card:
    panels = [
        _photo(caption, picture) if is_photo else _mask(caption, picture)
        for caption, picture, is_photo in pictures(entry, record, folder, side, seen)
    ]
    score = entry.get("score")
    words = tuple((str(key), str(word)) for key, word in (entry.get("words") or {}).items())
    return Card(str(entry.get("name", "")), None if score is None else float(score), tuple(panels), words)


def pictures(
    entry: Json, record: Record, folder: Path, side: int, seen: Seen
) -> Iterator[tuple[str, Pillow.Image, bool]]:
    """(caption, picture of at most `side` pixels, whether it is a photograph) of everything drawn for one picture."""
    photos = entry.get("photos") or ["image"]  # what is a picture by itself; the rest are class maps
    captions = entry.get("captions") or shown_as(kind_by_task(record.setup)).captions  # version 0.1 kept none
    for part, caption in captions.items():
        file = (entry.get("files") or {}).get(part)
        if not file:
            continue
        path = folder / Path(str(file)).name  # never outside the folder
        if not is_plain_file(path):
            seen.missing.append(str(entry.get("name", "")))
        elif part in photos:
            image = read_image(path)
            yield caption, Pillow.fromarray(resize_image(image, _within(image.shape[:2], side))), True
        else:
            indices = read_mask(path)
            indices = resize_mask(indices, _within(indices.shape, side))
            seen.indices |= {int(value) for value in np.unique(indices)}
            yield caption, _coloured(indices, record.colours, record.void), False


def _photo(caption: str, small: Pillow.Image) -> Panel:
    stream = io.BytesIO()
    if max(small.size) < PIXELATED:
        small.save(stream, format="PNG", optimize=True)
        return Panel(caption, _uri("png", stream), small.height, small.width)
    small.save(stream, format="JPEG", quality=86, subsampling=0, optimize=True)
    return Panel(caption, _uri("jpeg", stream), small.height, small.width)


def _mask(caption: str, picture: Pillow.Image) -> Panel:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return Panel(caption, _uri("png", stream), picture.height, picture.width)


def _coloured(indices: IndexMap, colours: Sequence[RGB], void: int | None) -> Pillow.Image:
    """A palette picture where 256 colours are enough: a third of the size of the same in RGB."""
    drawn: Image = colourise(indices, colours, void=void)
    if len(colours) > 255 or indices.max(initial=0) > 255:
        return Pillow.fromarray(drawn)
    picture = Pillow.fromarray(indices.astype(np.uint8), mode="P")
    table = np.full((256, 3), VOC_VOID, np.uint8)
    table[: len(colours)] = np.reshape(colours, (-1, 3))
    picture.putpalette(table.tobytes())
    return picture


def _within(size: tuple[int, ...], side: int) -> tuple[int, int]:
    """The largest (H, W) of the same shape whose longer side is at most `side`; never larger than it was."""
    height, width = size[:2]
    scale = min(1.0, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
