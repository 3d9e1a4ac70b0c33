"""The usual layouts of images and masks: which folders or names pair, and what is in none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.lists import SPELLINGS
from pixelwise.data.pairing.matching import Naming, likely_naming, pair_files
from pixelwise.errors import DataError, listing

MASKS = ("mask", "label", "annotation", "segment", "truth", "gt", "target", "trimap")  # in names of folders and files
BEHIND = (*MASKS, "seg")  # at the end of names
VOC_LISTS = "ImageSets/Segmentation"
NNUNET = "_0000"  # end of the names of the first channel


def voc_lists(path: Path) -> dict[str, str]:
    """The option `lists` where they are in the folder that VOC has for them."""
    there = {file.stem.lower() for file in (path / VOC_LISTS).glob("*.txt")}
    return {"lists": VOC_LISTS} if there & set(SPELLINGS) and not (path / "splits").is_dir() else {}


def not_read(path: Path, used: Container[Path], naming: Naming | None = None) -> list[str]:
    """A sentence about the pictures in the folder that are in no pair and in no line of a table; without any, an empty list."""
    rest = [(name, file) for name, file in find_files(path, "").files if file not in used]
    if not rest:
        return []
    folders = Counter(name.partition("/")[0] if "/" in name else "." for name, _ in rest)
    first = {name.partition("/")[0] if "/" in name else ".": file.name for name, file in reversed(rest)}
    some = listing(
        [f"{count:,} in {folder} ({first[folder]}{', …' if count > 1 else ''})" for folder, count in folders.items()]
    )
    said = [f"{len(rest):,} other {'picture is' if len(rest) == 1 else 'pictures are'} not read: {some}."]
    if (
        naming is not None
        and naming.image_suffix == NNUNET
        and any(re.search(r"_\d{4}$", name) and name[-5:] != NNUNET for name, _ in rest)
    ):
        what = "nnU-Net has a file for each channel; only the first is read. To read all, put those of a picture into one TIFF."
        said.append(what)
    return said


def two_folders(path: Path, names: Sequence[str], objects: bool = False) -> tuple[str, str, Naming] | None:
    """Two folders whose files pair; those of masks have a name that says so, or the unchanged names pair."""
    places = [one for one in sorted(path.iterdir()) if one.name.lower() in SPELLINGS and one.is_dir()]
    tops: Counter[str] = Counter()
    for name in names:
        parts = name.split("/")
        if places and parts[0].lower() in SPELLINGS:
            parts = parts[1:]
        if len(parts) > 1:
            tops[parts[0]] += 1
    base = places[0] if places and not any(_is_masks(name) for name in tops if (path / name).is_dir()) else path
    masks = [name for name in tops if _is_masks(name) and (base / name).is_dir()]
    for mask in masks:
        for image in sorted(tops, key=lambda name: (not re.search("ima?ge?|pic|photo|jpe?g|png", name.lower()), name)):
            if image != mask and (base / image).is_dir() and not _is_masks(image):
                naming = pairing(base, image, mask, objects)
                if naming is not None:
                    return image, mask, naming
    return None


def pairing(base: Path, images: str, masks: str, objects: bool = False) -> Naming | None:
    """How the names in two folders pair; None if fewer than half of the masks do. Of several masks of each picture those
    that are named after labels, as in Cityscapes, or after objects where these are to be told apart."""
    pairs = pair_files(base, images, masks)
    pictures, planes = ([name for name, _ in find_files(base, place).files] for place in (images, masks))
    if 2 * len(pairs.known) >= len(planes) > 0:
        return Naming()
    named = "instance" if objects else "label"
    planes = [name for name in planes if re.search(rf"{named}_?ids?$", name.lower())] or planes
    found = likely_naming(pictures, planes)
    return found[0] if found is not None and 2 * found[1] >= len(planes) else None


def side_by_side(path: Path, inside: str = "") -> tuple[str, str, Naming] | None:
    """`tom.jpg` beside `tom.png`, or `tom.png` beside `tom_mask.png`; with `**/` also in a folder for each patient, say."""
    files = [file for _, file in find_files(path, "").files if inside or file.parent == path]
    suffixes = Counter(file.suffix for file in files)
    if len(suffixes) == 2 and ".png" in suffixes:
        other = next(suffix for suffix in suffixes if suffix != ".png")
        if len(pair_files(path, f"{inside}*{other}", f"{inside}*.png").known) * 2 > suffixes[".png"]:
            return f"{inside}*{other}", f"{inside}*.png", Naming()
    behind = [file for file in files if any(re.search(rf"[_\-.]{word}s?$", file.stem.lower()) for word in BEHIND)]
    before = [file for file in files if any(re.match(rf"{word}s?[_\-.]", file.stem.lower()) for word in MASKS)]
    marked = behind or before
    if 2 * len(marked) < len(files) * 0.8 or not marked:
        return None
    match = re.search(r"[_\-.][^_\-.]+$" if behind else r"^[^_\-.]+[_\-.]", marked[0].stem)
    affix = match.group() if match else ""
    kind = next((file.suffix for file in files if file not in marked), ".png")
    if all(file.stem.endswith(affix) if behind else file.stem.startswith(affix) for file in marked):
        naming = Naming(mask_suffix=affix) if behind else Naming(mask_prefix=affix)
        return f"{inside}*{kind}", f"{inside}*{marked[0].suffix}", naming
    return None


def in_each_folder(path: Path, names: Sequence[str]) -> tuple[str, str, Naming] | None:
    """`anna/scan/1.tif` and `anna/seg/1.tif`: two folders in that of each patient, say.

    Raises DataError if there are such folders and most of their names do not pair: they are not classes.
    """
    parents: dict[str, set[str]] = {}
    for name in names:
        above, _, inner = name.rpartition("/")[0].rpartition("/")
        parents.setdefault(inner, set()).add(above)
    masks = [name for name in parents if _is_masks(name)]
    if len(parents) != 2 or len(masks) != 1:
        return None
    images = next(name for name in parents if name not in masks)
    both = parents[images] & parents[masks[0]]
    last = {above.rpartition("/")[2].lower() for above in both}
    if 2 * len(both) <= len(parents[images]) or not all(last) or last & set(SPELLINGS):
        return None
    patterns = f"**/{images}/*", f"**/{masks[0]}/*"
    known = pair_files(path, *patterns).known
    if 2 * len(known) > len(find_files(path, patterns[0]).files):
        return *patterns, Naming()
    what = (
        f"there are folders {images} and {masks[0]} in each of {len(both)} folders, but the names in them do not pair."
    )
    hint = (
        "Each picture needs one mask of its name. For a mask per object, join them: the value is the object's number."
    )
    raise DataError(what, where=str(path), hint=hint)


def _is_masks(name: str) -> bool:
    return name.lower() in ("seg", "segs") or any(word in name.lower() for word in MASKS)
