"""What a kind of prediction provides: panels of the gallery, files and records of `pixelwise predict`, a notebook's view."""

from __future__ import annotations

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.files import write_image, write_mask
from pixelwise.imaging.resize import resize_image
from pixelwise.terminal.output import clean
from pixelwise.types import DatasetInfo, Image, Prediction, Sample

Drawing = NDArray[Any]  # (H, W, 3) uint8: a picture; (H, W): an index map, which is written in the classes' colours
Record = Mapping[str, Any]
LARGEST = 800  # pixels of a picture in a notebook


class Shown(ABC):
    """How one kind of prediction is shown and kept. Builders on the shelf have the form `def labels(*, top=5) -> Shown`.

    unit:      what its classes are counted in, e.g. `pixel`
    does:      what a run of this kind does, for messages, e.g. `labels pixels`
    by_bands:  whether the prediction of a part of a picture is that part of the prediction, so that large pictures can
               be predicted in tiles and bands of rows (`Canvas`)
    captions:  the panels of the gallery in their order, part → caption
    folders:   the files that `pixelwise predict` writes for each picture, what → folder; each has a record besides
    own_size:  whether a picture is predicted at its own size if the recipe gives no size
    legend:    whether the files have the colours of the classes, so that a legend belongs beside them
    together:  the one file that holds the records of all pictures, for a kind that writes no files for each picture
    """

    unit: ClassVar[str]
    does: ClassVar[str]
    by_bands: ClassVar[bool] = False
    captions: ClassVar[Mapping[str, str]] = {"image": "picture", "truth": "truth", "prediction": "prediction"}
    folders: ClassVar[Mapping[str, str]] = {}
    own_size: ClassVar[bool] = False
    legend: ClassVar[bool] = False
    together: ClassVar[str] = ""

    @abstractmethod
    def panels(self, sample: Sample, prediction: Any, info: DatasetInfo) -> dict[str, Drawing]:
        """The panels of the gallery: those parts of `captions` that exist."""

    @abstractmethod
    def counts(self, prediction: Any, info: DatasetInfo) -> dict[str, Any]:
        """The prediction as JSON values: classes with their numbers and confidence."""

    @abstractmethod
    def summary(self, counts: Record) -> str:
        """The same in a few words, e.g. `road 51 %, sky 30 %`."""

    def words(self, sample: Sample, prediction: Any, info: DatasetInfo) -> dict[str, str]:
        """The words of the gallery: truth and prediction, if they cannot be drawn."""
        return {}

    def drawings(self, image: Image, prediction: Any, info: DatasetInfo) -> dict[str, Drawing]:
        """The contents of the files of `folders`."""
        return {}

    def resized(self, prediction: Any, size: tuple[int, int], part: tuple[slice, slice] | None = None) -> Any:
        """The prediction for the picture at its own `size` (H, W), where it was computed at another.

        part: the rows and columns of what was computed that are the picture, in a letterbox
        """
        return prediction

    def plane(self, prediction: Any) -> NDArray[Any] | None:
        """(H, W): the values of the written mask, if there is one."""
        return None

    def picture(self, prediction: Any, info: DatasetInfo) -> Image | None:
        """The prediction by itself as a picture, if it can be drawn."""
        return None

    def record(
        self, file: Path, size: tuple[int, int], counts: Record, files: Mapping[str, str], settings: Record
    ) -> dict[str, Any]:
        """The record of a picture of `size` (H, W). files: what `write` wrote; settings: how it was computed."""
        height, width = size
        named = {"file": str(file), "size": {"height": height, "width": width}}
        return {**named, **files, **counts, "settings": dict(settings)}

    def lines(self, records: Sequence[Record]) -> list[str]:
        """The records for a terminal, e.g. `street.jpg  1024×768  road 51 %, sky 30 %  confidence 0.91`."""
        return [
            f"{Path(one['file']).name}  {one['size']['width']}×{one['size']['height']}  {self.summary(one)}"
            for one in records
        ]

    def remarks(self, records: Sequence[Record], info: DatasetInfo) -> list[str]:
        """Notes for a reader of the records, as lines for a terminal."""
        return []

    # -- the same for every kind

    def keep(
        self, folder: Path, stem: str, sample: Sample, prediction: Any, info: DatasetInfo
    ) -> dict[str, dict[str, str] | list[str]]:
        """Write the panels of a sample, and give their entry in predictions/index.json."""
        panels = self.panels(sample, prediction, info)
        files = {part: f"{stem}-{part}.png" for part in self.captions if part in panels}
        for part, file in files.items():
            _write(folder / file, panels[part], info)
        return {
            "files": files,
            "photos": [part for part in files if panels[part].ndim == 3],
            "captions": {part: self.captions[part] for part in files},
            "words": self.words(sample, prediction, info),
        }

    def files(self, name: str) -> dict[str, str]:
        """The files of a picture of that name, as paths within the folder that is written to."""
        return {what: f"{folder}/{name}.png" for what, folder in self.folders.items()}

    def write(self, folder: Path, name: str, image: Image, prediction: Any, info: DatasetInfo) -> dict[str, str]:
        """Write the files of a picture: what → path within the folder."""
        files = self.files(name)
        for what, drawing in self.drawings(image, prediction, info).items():
            _write(folder / files[what], drawing, info)
        return files

    def html(self, prediction: Any, info: DatasetInfo) -> str:
        """The picture, at most 800 pixels wide and high, and the summary, for a notebook."""
        summary = escape(clean(self.summary(self.counts(prediction, info))))
        said = f'<div style="white-space: pre-wrap">{summary}</div>'
        if (picture := self.picture(prediction, info)) is None:
            return said
        scale = min(1.0, LARGEST / max(picture.shape))
        small = resize_image(picture, (max(1, round(scale * len(picture))), max(1, round(scale * picture.shape[1]))))
        return f'<img src="{_uri(small)}" style="max-width: 100%; image-rendering: pixelated">{said}'


class Canvas:
    """The prediction of a picture of `size` (H, W) while its parts come in, for kinds that are predicted by bands.

    Every array of such a prediction has the picture's rows and columns as its first two axes.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._planes: dict[str, NDArray[Any]] = {}
        self._make: Callable[..., Prediction] | None = None

    def put(self, part: Prediction, rows: slice, columns: slice) -> None:
        """Put the prediction of a part into these rows and columns."""
        self._make = type(part)
        for field in fields(part):
            if (plane := getattr(part, field.name)) is not None and field.name != "info":
                if field.name not in self._planes:
                    self._planes[field.name] = np.zeros((*self.size, *plane.shape[2:]), plane.dtype)
                self._planes[field.name][rows, columns] = plane

    def finished(self) -> Prediction:
        """The prediction of the whole picture; at least one part has been put."""
        assert self._make is not None
        return self._make(**self._planes)


def _write(path: Path, drawing: Drawing, info: DatasetInfo) -> None:
    if drawing.ndim == 3:
        write_image(path, drawing)
    else:
        write_mask(path, drawing, info.colours)


def _uri(image: Image) -> str:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
