"""Penn-Fudan pedestrians (Wang, Shi, Song, Shen 2007): street scenes in which every pedestrian has its own mask.

<data folder>/PennFudanPed/{PNGImages/NAME.png, PedMasks/NAME_mask.png}; a pixel of a mask holds the number of its
pedestrian, 0 for background.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from pixelwise.data.base import Dataset
from pixelwise.data.instance_maps import sample_of
from pixelwise.data.pairing.matching import Naming, pair_files
from pixelwise.data.splits import Paired, draw_stratified, drawing_remark
from pixelwise.errors import DataError
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, DatasetInfo, Sample

FOLDER, IMAGES, MASKS, SUFFIX = "PennFudanPed", "PNGImages", "PedMasks", "_mask"
FOLDS = 5
SPLITS = ("train", "val")


class PennFudan(Paired):
    """Two drawn splits. Raises DataError for pictures and masks without a partner."""

    def __init__(self, folder: Path, val: int, fold: int | None, seed: int) -> None:
        self.val, self.fold, self.seed = val, fold, seed
        self.info = DatasetInfo(
            name="penn_fudan",
            classes=(BACKGROUND, "pedestrian"),
            colours=((0, 0, 0), (230, 159, 0)),
            knows=frozenset({"mask", "objects"}),
            source="Wang, Shi, Song, Shen: Object Detection Combining Recognition and Segmentation (ACCV 2007), "
            "https://www.cis.upenn.edu/~jshi/ped_html/",
        )
        found = pair_files(folder, IMAGES, MASKS, Naming(mask_suffix=SUFFIX))
        pairs = found.known
        if problems := [*found.problems, *found.unpaired]:
            raise DataError.all(problems)
        drawn = draw(tuple(pairs), val, fold, seed)
        self._pairs = {split: tuple(pairs[name] for name in drawn[split]) for split in SPLITS}

    def settings(self) -> dict[str, object]:
        return {"val": self.val, "fold": self.fold, "seed": self.seed}

    def remarks(self) -> tuple[str, ...]:
        if self.fold is None:
            return ()
        reason = f"the validation pictures are a {FOLDS}th of all with `fold`"
        return drawing_remark({"val": self.val}, penn_fudan.__kwdefaults__ or {}, reason)

    def read(self, split: str, index: int) -> Sample:
        pair = self._pairs[split][index]
        return sample_of(pair.name, read_image(pair.image), read_mask(pair.mask))


def draw(names: tuple[str, ...], val: int, fold: int | None, seed: int) -> dict[str, tuple[str, ...]]:
    """The names of `train` and `val`, drawn by `draw_splits` within each campus (Fudan and Penn, by the first letter).

    With a fold, all names are drawn into `FOLDS` parts of nearly the same size, and `val` is the part of that number.
    """
    campus = {name: name[:1] for name in names}
    if fold is None:
        if val >= len(names):
            raise DataError(
                f"{val} of {len(names)} pictures are wanted for validation.", where="penn_fudan", hint="Lower `val`."
            )
        return draw_stratified(campus, {"val": val / len(names)}, seed=seed)
    drawn = draw_stratified(campus, {str(part): 1 / FOLDS for part in range(1, FOLDS)}, seed=seed)
    parts = [drawn["train"], *(drawn[str(part)] for part in range(1, FOLDS))]
    rest = sorted(name for part, some in enumerate(parts) if part != fold for name in some)
    return {"train": tuple(rest), "val": parts[fold]}


@declares(knows=("mask", "objects"), draws=("val",))
def penn_fudan(
    root: Path,
    *,
    val: Annotated[int, Ge(1)] = 20,
    fold: Annotated[int, Ge(0), Le(4)] | None = None,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Penn-Fudan pedestrians: street scenes with 1 to 8 people, each with its own mask.

    val:   number of pictures that are drawn for the split `val`; the others are `train`. The publisher has no splits
    fold:  0 to 4, for cross-validation: `val` is then that fifth of all pictures
    seed:  of the draw. Within each of the two campuses pictures are ordered by SHA-256 of seed and name, and the first
           are for validation: it depends only on the names
    """
    folder = root / FOLDER
    if not (folder / IMAGES).is_dir():
        hint = "Unpack PennFudanPed.zip there, or name the folder that contains it with --data or PIXELWISE_DATA."
        raise DataError("Penn-Fudan is not here.", where=str(folder), hint=hint)
    return PennFudan(folder, val, fold, seed)
