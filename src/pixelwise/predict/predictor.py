"""A run opened without its data set: pictures of any size predicted with it, or a split scored. For both engines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pixelwise.errors import DataError, DeviceError, PixelwiseError, Problem, RunError
from pixelwise.imaging.channels import Reading
from pixelwise.imaging.files import as_rgb, read_image
from pixelwise.imaging.fit import fit_image, placed
from pixelwise.imaging.resize import resize_image
from pixelwise.outside import allow as allow_modules
from pixelwise.predict.tiles import cover, cut
from pixelwise.recipe.place import innermost
from pixelwise.report.record import seen_of
from pixelwise.run.folder import RunFolder
from pixelwise.shown import recorded_kind, shown_as
from pixelwise.shown.base import Canvas
from pixelwise.types import DatasetInfo, Image, Prediction, Sample, seen

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from pixelwise.engine.base import Opened
    from pixelwise.engine.build import CachingProgress
    from pixelwise.engine.evaluate import Scored
    from pixelwise.tasks.base import Reduced

Checkpoint = Literal["best", "last"]
CONFIDENCE = ("probability",)


@dataclass(frozen=True)
class Tiles:
    """The tiles in which a large picture is computed at its own size.

    tile:     the largest side of a tile in pixels
    overlap:  pixels that neighbouring tiles share; each keeps its half of them
    """

    tile: int = 512
    overlap: int = 64


@dataclass(frozen=True, eq=False)
class Predicted:
    """The result for one file: its prediction, or the problems with reading it.

    size:   (H, W) of the picture
    image:  the picture as it is drawn, for kinds of predictions that are drawn over it; others are read many at a time
    """

    file: Path
    size: tuple[int, int] | None = None
    image: Image | None = None
    prediction: Prediction | None = None
    problems: tuple[Problem, ...] = ()


class Predictor:
    """A trained run that predicts.

        predictor = Predictor.open("runs/voc2007/basic_fcn")
        prediction = predictor.predict("street.jpg")

    opened:  the run, its recipe, its checkpoint, and the engine's learner
    info:    names and colours of the classes, from the run's own record: the data set need not be there
    size:    (H, W) that the run was validated at, so its scores hold there: pictures are predicted at it by default
    shown:   how its kind of prediction is shown and kept
    """

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.shown = shown_as(opened.task.kind)
        self.reading = Reading.of(innermost(opened.recipe))  # files are read as those of the training were

    @classmethod
    def open(
        cls,
        run: RunFolder | os.PathLike[str] | str,
        checkpoint: Checkpoint = "best",
        device: str = "auto",
        allow: Sequence[str] = (),
        *,
        flips: bool = False,
        scales: str | Sequence[float] = (1.0,),
    ) -> Predictor:
        """Open a run folder with the weights of a checkpoint. torch is imported for its own runs alone.

        allow:   modules outside pixelwise that this process may import because the run's recipe names them
        flips:   whether probabilities are averaged over each picture and the same one mirrored, left to right
        scales:  factors of the pictures' size over which they are averaged too, e.g. (0.75, 1, 1.25)

        Raises RunError if the checkpoint is missing, cut short or of another architecture, or for other scales,
        DeviceError if the device does not exist.
        """
        from pixelwise.engine.setup import open_learner
        from pixelwise.engine.views import Views

        views = Views.asked(flips, scales)

        allow_modules(allow)
        folder = run if isinstance(run, RunFolder) else RunFolder.open(Path(run))
        opened = open_learner(folder, checkpoint=checkpoint, device=device)
        opened.learner.views = views
        return cls(opened)

    @property
    def info(self) -> DatasetInfo:
        return self.opened.info

    @property
    def size(self) -> tuple[int, int]:
        return self.opened.size

    @property
    def keeps_sizes(self) -> bool:
        """Whether each picture is predicted at its own size: the run finds objects, and its recipe resizes no picture."""
        return self.shown.own_size and self.opened.recipe.data.size is None

    @property
    def trained_at(self) -> list[int] | None:
        """[H, W] of the training pictures as the model saw them, after augmentation; None if they varied."""
        size: list[int] | None = seen_of(self.opened.run.read("setup"))["training"].get("size")
        return size

    def predict(
        self,
        image: Image | Picture | Path | str,
        tiles: Tiles | int | None = None,
        *,
        needs: Sequence[str] = CONFIDENCE,
    ) -> Prediction:
        """The prediction for one picture of any size.

        image:  (H, W, 3) uint8, or with the channels of the training; a Pillow picture, or the path of a file
        tiles:  None: the picture is resized to `size`, and the scores (not the finished class
                map, whose outlines would turn into stairs) are resized back bilinearly. `Tiles`, or the side of tiles
                that overlap by a quarter, at most 64 pixels: it is computed at its own size; a picture that fits into
                one tile is computed whole.
        needs:  reductions that are computed besides those of the task; without `probability` there is no confidence

        Memory does not grow with classes × pixels of the picture. Raises DataError for a picture that cannot be read or is
        not (H, W, 3) uint8, ShapeError if the overlap leaves nothing of a tile, RunError if the run cannot compute
        pictures of another size than the training's, DeviceError if there is not enough memory.
        """
        array = _array(image, self.reading)
        if array.shape[2] != self.info.channels:
            what = f"has {array.shape[2]} channels; the run was trained on {self.info.channels}."
            raise DataError(what, where=str(image) if isinstance(image, Path | str) else "picture")
        if not self.shown.by_bands:
            self.check_tiles(tiles)
            if not self.shown.own_size:
                (prediction,) = self._predict_whole([self._fitted(array)], needs)
                return prediction
            image, part = (array, None) if self.keeps_sizes else self._placed(array)
            (prediction,) = self._predict_whole([image], needs)
            resized: Prediction = self.shown.resized(prediction, array.shape[:2], part)
            return resized
        canvas = Canvas(array.shape[:2])
        if tiles is None:
            image, crop = self._placed(array)
            outputs = self._outputs([image])
            for rows, reduced in self.opened.learner.bands(outputs, size=canvas.size, crop=crop, needs=needs):
                canvas.put(self._decode(reduced), rows, slice(0, canvas.size[1]))
        else:
            tiles = self.check_tiles(tiles)
            for down, across in cut(canvas.size, tiles.tile, tiles.overlap, multiple=self.opened.learner.multiple):
                outputs = self._outputs([array[down.read, across.read]])
                crop = (down.inner, across.inner)
                for rows, reduced in self.opened.learner.bands(outputs, crop=crop, needs=needs):
                    kept = slice(down.first + rows.start, down.first + rows.stop)
                    canvas.put(self._decode(reduced), kept, across.kept)
        return replace(canvas.finished(), info=self.info)

    def predict_files(
        self, files: Path | str | Iterable[Path | str], tiles: Tiles | int | None = None
    ) -> Iterator[Predicted]:
        """The prediction for each file, in order; a file that cannot be read does not stop the others.

        Pictures that are not drawn over (`Shown.folders`) are computed many at a time.
        """
        self.check_tiles(tiles)
        alone, rest = bool(self.shown.folders), iter([files] if isinstance(files, Path | str) else files)
        while part := list(islice(rest, 1 if alone else self.opened.learner.evaluation_batch)):
            read: list[Predicted] = []
            images: list[Image] = []
            for file in map(Path, part):
                try:
                    image = read_image(file, reading=self.reading)
                except DataError as error:
                    problems = [Problem(p.where or str(file), p.what) for p in error.problems]
                    read.append(Predicted(file, problems=tuple(problems)))
                else:
                    read.append(Predicted(file, image.shape[:2], seen(image) if alone else None))
                    images.append(image if alone else self._fitted(image))
            found = [self.predict(one, tiles) for one in images] if alone else self._predict_whole(images, CONFIDENCE)
            predictions = iter(found)
            for one in read:
                yield one if one.problems else replace(one, prediction=next(predictions))

    def check_tiles(self, tiles: Tiles | int | None) -> Tiles:
        """The tiles. Raises ShapeError if they cannot cover a large picture, RunError if the run cannot use any."""
        tiles = Tiles(tiles, min(Tiles.overlap, tiles // 4)) if isinstance(tiles, int) else tiles
        where = str(self.opened.run.path)
        if tiles is None:
            return Tiles()
        if not self.shown.by_bands:
            what = f"{self.shown.does}, at the size that the run was validated at."
            raise RunError(
                what, where=where, hint="Leave out the tiles (--scale own): they are for runs that label pixels."
            )
        cover(tiles.tile + 1, tiles.tile, tiles.overlap, multiple=self.opened.learner.multiple)
        if not self.opened.learner.any_size:
            height, width = self.size
            what = (
                f"its model reads whole pictures only, at {width}×{height}: it has Linear layers, or counts locations."
            )
            raise RunError(what, where=where, hint="Leave out the tiles (--scale own).")
        return tiles

    def _fitted(self, image: Image) -> Image:
        """The picture at `size`, as those of the training."""
        return fit_image(image, self.size, self.opened.recipe.data.fit)

    def _placed(self, image: Image) -> tuple[Image, tuple[slice, slice] | None]:
        """The input for a whole picture, and the part of it that is the picture, in a letterbox.

        If the training crops pictures, the whole picture is computed at the scale of the crops.
        """
        fit = self.opened.recipe.data.fit
        place = placed((image.shape[0], image.shape[1]), self.size, fit)
        if fit == "letterbox":
            return self._fitted(image), place.window
        learner = self.opened.learner
        if fit == "squash" or not learner.any_size:
            return resize_image(image, self.size), None
        height, width = (max(1, round(side / learner.multiple)) * learner.multiple for side in place.inner)
        return resize_image(image, (height, width)), None

    def _predict_whole(self, images: Sequence[Image], needs: Sequence[str]) -> list[Prediction]:
        """Predictions for pictures of `size`, in one batch."""
        if not images:
            return []
        reduced = self.opened.learner.reduced(self._outputs(images), needs)
        return [replace(self._decode(one), info=self.info) for one in reduced]

    def _decode(self, reduced: Reduced) -> Prediction:
        """The prediction of what was reduced. Raises RunError, before anything is written, if that is not finite."""
        arrays = (array for head in reduced.values() for array in head.values() if isinstance(array, np.ndarray))
        if not all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f"):
            raise RunError(
                "its weights are finite, but so large that its outputs are not.",
                where=str(self.opened.run.path / self.opened.checkpoint),
                hint="Take the run's other checkpoint with --checkpoint, or train again with a lower learning rate.",
            )
        return self.opened.task.decode(reduced)

    def _outputs(self, images: Sequence[Image]) -> Any:
        """The model's outputs for pictures of one size."""
        from pixelwise.engine.checks.guard import explain_memory

        samples = [Sample(f"picture {number}", image) for number, image in enumerate(images)]
        learner = self.opened.learner
        height, width = images[0].shape[:2]
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # `_decode` looks
                return learner.forward(learner.encode(samples))
        except PixelwiseError:
            raise
        except Exception as error:  # of a model that somebody has changed, or written
            if explain_memory(error, len(images)) is None:
                said = (str(error).strip().splitlines() or [""])[0]
                what = f"its model does not compute a picture of {width}×{height}: {type(error).__name__}: {said}"
                raise RunError(
                    what, where=str(self.opened.run.path), hint="Check whether recipe.yaml was changed."
                ) from error
            raise DeviceError(
                f"there is not enough memory for {width}×{height} pixels at once.",
                hint="Choose smaller tiles (--tile), or compute at the size that the run was validated at (--scale recipe).",
            ) from error


def _array(image: Any, reading: Reading) -> Image:
    if isinstance(image, Path | str):
        return read_image(Path(image), reading=reading)
    return as_rgb(image) if hasattr(image, "getexif") else Sample("picture", np.asarray(image)).image  # validated there


def score_run(
    run: Path,
    split: str = "",
    *,
    checkpoint: Checkpoint = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    data: Path | None = None,
    data_path: Path | None = None,
    device: str = "auto",
    progress: CachingProgress | None = None,
    flips: bool = False,
    scales: str | Sequence[float] = (1.0,),
) -> Scored:
    """The record of the scores, and the file in the run that it was written to. split: by default the validation split.

    data_path: where the data set lies, in place of the recipe's data.dataset.path.
    flips, scales: the views over which probabilities are averaged (engine/views.py); the record and its file name say so.

    Raises RunError for a run that cannot be scored so, DataError if the data are not there or are damaged.
    """
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    folder = RunFolder.open(run)
    shown = shown_as(recorded_kind(folder.read("setup"), str(run / "setup.json")))
    if resolution == "own" and not (shown.by_bands or shown.own_size):
        raise RunError(
            f"{shown.does}: nothing is counted at a picture's own size.",
            where=str(run),
            hint="Leave out --resolution own: it is for runs that label pixels or find objects.",
        )
    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.evaluate import score_own, score_recipe
    from pixelwise.recipe.place import moved

    predictor = Predictor.open(folder, checkpoint=checkpoint, device=device, flips=flips, scales=scales)
    opened = predictor.opened
    if data_path is not None:
        opened = replace(opened, recipe=moved(opened.recipe, data_path))
    split = split or opened.recipe.data.validation
    if resolution == "own":
        return score_own(opened, split, predictor.predict, data=data, progress=progress)
    return score_recipe(opened, split, data=data, progress=progress)
