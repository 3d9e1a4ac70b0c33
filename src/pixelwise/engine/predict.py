"""Pictures of any size labelled by an opened run."""

from __future__ import annotations

from collections.abc import Sequence

from pixelwise.engine.base import Opened
from pixelwise.engine.checks.explain import explain_memory
from pixelwise.engine.evaluate import predict
from pixelwise.engine.tiles import cover, cut
from pixelwise.errors import DeviceError, RunError
from pixelwise.imaging.canvas import Canvas, PerPixel
from pixelwise.imaging.resize import resize_image
from pixelwise.types import Image, Labels, Sample

CONFIDENT = ("probability",)


def predict_labels(opened: Opened, images: Sequence[Image]) -> list[Labels]:
    """The class of each picture (H, W, 3), all of the size of the training pictures (`resize_image` brings them there)."""
    samples = [Sample(f"picture {number}", image) for number, image in enumerate(images)]
    found = predict(opened.learner, samples)
    labels = [prediction for prediction in found if isinstance(prediction, Labels)]
    if len(labels) < len(found):
        raise RunError(
            f"its task '{opened.recipe.task.name}' gives no class for a whole picture.", where=str(opened.run.path)
        )
    return labels


def predict_resized(opened: Opened, image: Image) -> PerPixel:
    """The class (or colour) of every pixel of a picture (H, W, 3) of any size, computed at the size of the training pictures.

    The picture is resized to the recipe's size, and the scores (not the finished class map, whose outlines would turn
    into stairs) are resized back bilinearly, a band of rows at a time, so that memory does not grow with classes × pixels.
    """
    canvas = Canvas(image.shape[:2], len(opened.info.classes))
    outputs = _outputs(opened, resize_image(image, opened.size))
    for rows, reduced in opened.learner.bands(outputs, size=canvas.size, needs=CONFIDENT):
        _put(opened, canvas, reduced, rows, slice(0, canvas.size[1]))
    return canvas.finished()


def predict_tiles(opened: Opened, image: Image, *, tile: int = 512, overlap: int = 64) -> PerPixel:
    """The class (or colour) of every pixel of a picture (H, W, 3), computed at its own size; larger ones in tiles.

    Memory is that of one tile, beside the picture and its class map. A picture that fits into one tile is computed whole.
    Raises RunError for a network that reads pictures of one size only, ShapeError where the overlap leaves nothing.
    """
    if not opened.learner.any_size:
        height, width = opened.size
        raise RunError(
            f"its network has Linear layers, so it reads pictures of {width}×{height} only.",
            where=str(opened.run.path),
            hint="Use --scale recipe.",
        )
    canvas = Canvas(image.shape[:2], len(opened.info.classes))
    for rows, columns in cut(canvas.size, tile, overlap, multiple=opened.learner.multiple):
        outputs = _outputs(opened, image[rows.read, columns.read])
        for part, reduced in opened.learner.bands(outputs, crop=(rows.inner, columns.inner), needs=CONFIDENT):
            place = slice(rows.kept.start + part.start, rows.kept.start + part.stop)
            _put(opened, canvas, reduced, place, columns.kept)
    return canvas.finished()


def check_tiles(opened: Opened, tile: int, overlap: int) -> None:
    """Raise ShapeError where tiles of this size and overlap cannot cover a large picture."""
    cover(tile + 1, tile, overlap, multiple=opened.learner.multiple)


def _outputs(opened: Opened, image: Image) -> object:
    try:
        return opened.learner.forward(opened.learner.encode([Sample("picture", image)]))
    except (RuntimeError, MemoryError) as error:
        if explain_memory(error, 1) is None:
            raise
        height, width = image.shape[:2]
        raise DeviceError(
            f"there is not enough memory for {width}×{height} pixels at once.",
            hint="Lower --tile, or use --scale recipe.",
        ) from error


def _put(opened: Opened, canvas: Canvas, reduced, rows: slice, columns: slice) -> None:
    decoded = opened.task.decode(reduced)
    canvas.put(decoded, decoded.confidence, rows, columns)
