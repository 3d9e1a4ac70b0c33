"""How correct the colours of a picture are: by the chosen palette colour, in RGB, and in CIELAB, as the eye sees them."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.colour import nearest_colours, paint
from pixelwise.metrics import agreement
from pixelwise.metrics.base import ClassRow, ConstantGuess, Metric, class_rows
from pixelwise.metrics.confusion import confusion_matrix
from pixelwise.shelf import declares
from pixelwise.types import IN_TRUTH, RGB, Colours, DatasetInfo, Image, Sample, Score

STEPS = 1 << 20  # a picture's ΔE sum is a whole number of steps of 2⁻²⁰: sums then do not depend on their order
SUMS = 5  # pixels; squared errors and ΔE of the prediction; the same two of the best the palette can do


class ColourScores(Metric):
    """Counts of (nearest palette colour, predicted one) over all pixels, and sums of errors against the original picture.

    state: (Q·Q + 5,) int64: the confusion matrix row by row, the number of pixels, and for the prediction and for the
    original in palette colours: Σ (difference of a channel)² and Σ ΔE in steps of 2⁻²⁰ (rounded once per picture)
    """

    ranks_by = "the accuracy over that picture alone"

    def __init__(self, info: DatasetInfo) -> None:
        self.info = info
        self.state = np.zeros(len(info.classes) ** 2 + SUMS, np.int64)

    def update(self, sample: Sample, prediction: Colours) -> None:
        self.state += self._count(sample, prediction)

    def scores(self) -> list[Score]:
        pixels, *sums = self.state[-SUMS:].tolist()
        original, lab = {"reference": "original", "mse": "pooled"}, {"reference": "original", "formula": "cie76"}
        return [
            *self._over_palette(self._matrix(self.state)),
            Score("psnr", _psnr(sums[0], pixels), original, pixels),
            Score("delta_e", agreement.ratio(sums[1], STEPS * pixels), lab, pixels, higher_is_better=False),
            Score("palette_psnr", _psnr(sums[2], pixels), original, pixels),
            Score("palette_delta_e", agreement.ratio(sums[3], STEPS * pixels), lab, pixels, higher_is_better=False),
        ]

    def constant_guess(self) -> ConstantGuess | None:
        matrix = self._matrix(self.state)
        constant = agreement.most_frequent(matrix)
        if constant is None:
            return None
        scores = self._over_palette(agreement.guessed(matrix, constant))
        return ConstantGuess(self.info.classes[constant], {score.key: score.value for score in scores})

    def per_class(self) -> list[ClassRow]:
        matrix = self._matrix(self.state)
        accuracy, iou = agreement.class_accuracy(matrix), agreement.class_iou(matrix)
        return class_rows(self.info, matrix, accuracy=accuracy, iou=iou)

    def sample_score(self, sample: Sample, prediction: Colours) -> float | None:
        """Accuracy over one picture."""
        return agreement.pixel_accuracy(self._matrix(self._count(sample, prediction)))

    def figures(self) -> dict[str, Any]:
        return {
            "kind": "confusion",
            "convention": {"palette": str(len(self.info.classes))},
            "classes": list(self.info.classes),
            "matrix": self._matrix(self.state).tolist(),
            "per_class": [asdict(row) for row in self.per_class()],
        }

    def _over_palette(self, matrix: agreement.Matrix) -> list[Score]:
        palette, pixels = {"palette": str(len(self.info.classes))}, int(matrix.sum())
        return [
            Score("accuracy", agreement.pixel_accuracy(matrix), palette, pixels),
            Score("mean_class_accuracy", agreement.mean_class_accuracy(matrix), palette | IN_TRUTH, pixels),
        ]

    def _matrix(self, state: NDArray[np.int64]) -> agreement.Matrix:
        colours = len(self.info.classes)
        return state[:-SUMS].reshape(colours, colours)

    def _count(self, sample: Sample, prediction: Colours) -> NDArray[np.int64]:
        from skimage.color import deltaE_cie76

        colours = self.info.colours
        truth = nearest_colours(sample.image, colours)
        matrix = confusion_matrix(truth, prediction.indices, len(colours), where=sample.name)[:-1]
        sums = [truth.size]
        # Of an argmax every pixel is a palette colour, whose place in CIELAB is known: conversions are what costs here.
        best, chosen = paint(truth, colours), paint(prediction.indices, colours)
        palette, original = _palette_in_lab(colours), in_lab(sample.image)
        from_palette = np.array_equal(prediction.image, chosen)
        predicted = palette[prediction.indices] if from_palette else in_lab(prediction.image)
        for picture, lab in ((prediction.image, predicted), (best, palette[truth])):
            difference = sample.image.astype(np.int32) - picture
            squared = int(np.einsum("hwc,hwc->", difference, difference, dtype=np.int64))
            sums += [squared, round(STEPS * float(np.asarray(deltaE_cie76(original, lab), np.float64).sum()))]
        return np.concatenate([matrix.reshape(-1), np.array(sums, np.int64)])


@declares(counts=("colours",))
def colour(info: DatasetInfo) -> ColourScores:
    """Accuracy over the palette, PSNR and mean ΔE against the original picture.

    accuracy:  share of the pixels whose predicted palette colour is the one nearest to the original
    psnr:      10 log10(255² / mean squared error) in dB, the mean over all pixels and channels of the split (not the
               mean of the pictures' PSNR, which one picture without error would make infinite)
    delta_e:   mean distance in CIELAB (CIE 1976, D65); about 2.3 is just noticeable. Less is better.
    palette_psnr, palette_delta_e:  the same for the original in palette colours: no choice of colours can be better
    """
    return ColourScores(info)


def in_lab(image: Image) -> NDArray[np.float64]:
    """An sRGB picture in CIELAB under D65, (H, W, 3)."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image), np.float64)


@lru_cache(maxsize=4)
def _palette_in_lab(colours: tuple[RGB, ...]) -> NDArray[np.float64]:
    """The palette in CIELAB, (Q, 3)."""
    lab: NDArray[np.float64] = in_lab(np.array([colours], np.uint8))[0]
    return lab


def _psnr(squared: int, pixels: int) -> float | None:
    """PSNR in dB; None without pixels, and for pictures without any error, whose PSNR is infinite."""
    return 10 * log10(255**2 * 3 * pixels / squared) if squared else None
