"""Test-time augmentation: a picture is also predicted mirrored and at other scales, and the probabilities are averaged.

Every view's scores are brought back to the picture (mirrored again, resized bilinearly), turned into probabilities, and
averaged where they were computed. The averaged scores are the logarithms of those: their softmax is the mean probability, so
reductions, tiles and metrics need to know nothing of views. One view, the picture itself, is left unchanged, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixelwise.errors import RunError
from pixelwise.types import Score

LARGEST = 8.0  # times the picture


@dataclass(frozen=True)
class Views:
    """Which views of a picture are averaged.

    flips:   whether each is also taken mirrored, left to right
    scales:  factors of the picture's height and width
    """

    flips: bool = False
    scales: tuple[float, ...] = (1.0,)

    @classmethod
    def asked(cls, flips: bool, scales: str | Sequence[float]) -> Views | None:
        """The views of options as typed, e.g. `0.75,1,1.25`; None for the picture alone. Raises RunError for other scales."""
        words = scales.split(",") if isinstance(scales, str) else list(scales)
        found = []
        for word in words:
            try:
                found.append(float(word))
            except (TypeError, ValueError):
                found.append(math.nan)
        if not found or not all(0 < scale <= LARGEST for scale in found) or len(set(found)) < len(found):
            told = scales if isinstance(scales, str) else ",".join(map(str, scales))
            what = f"read '{told}'; scales must be different numbers above 0 and up to {LARGEST:g}."
            raise RunError(what, where="--scales", hint="Write e.g. --scales 0.75,1,1.25.")
        views = cls(bool(flips), tuple(found))
        return None if views == cls() else views

    def __iter__(self) -> Iterator[tuple[float, bool]]:
        """(scale, whether mirrored) of each view."""
        for scale in self.scales:
            for flipped in (False, True) if self.flips else (False,):
                yield scale, flipped

    @property
    def count(self) -> int:
        return len(self.scales) * (1 + self.flips)

    @property
    def short(self) -> str:
        """E.g. `flip/0.75/1/1.25`: a part of score keys and, with - for /, of file names."""
        return "/".join(["flip"] * self.flips + [f"{scale:g}" for scale in self.scales])

    @property
    def words(self) -> str:
        scales = f"scales {', '.join(f'{scale:g}' for scale in self.scales)}" if self.scales != (1.0,) else ""
        return f"mean of {self.count} views ({' and '.join(filter(None, ['flips' * self.flips, scales]))})"

    def as_record(self) -> dict[str, Any]:
        return {"flips": self.flips, "scales": list(self.scales), "count": self.count, "mean of": "probabilities"}

    def size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        return max(1, round(scale * height)), max(1, round(scale * width))

    def marked(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record of scores with the views in it: in their resolution, and in every convention."""
        metrics = [self._marked_metric(metric) for metric in record["metrics"]]
        return {
            **record,
            "resolution": f"{record['resolution']}, {self.words}",
            "views": self.as_record(),
            "metrics": metrics,
        }

    def _marked_metric(self, metric: Mapping[str, Any]) -> dict[str, Any]:
        guess = metric.get("constant_guess")
        if guess is not None:
            guess = {**guess, "scores": {self._key(key): value for key, value in guess["scores"].items()}}
        scores = []
        for score in metric["scores"]:
            convention = {**score["convention"], "views": self.short}
            scores.append({**score, "convention": convention, "key": self._key(score["key"])})
        return {**metric, "scores": scores, "constant_guess": guess}

    def _key(self, key: str) -> str:
        score = Score.from_key(key)
        return Score(score.name, convention={**score.convention, "views": self.short}).key


def refused(where: str, kind: str) -> RunError:
    """The error for predictions that cannot be averaged."""
    what = f"predictions of the kind '{kind}' are not scores of classes or values, and cannot be averaged over views."
    return RunError(what, where=where, hint="Leave out --flips and --scales.")
