"""Which image belongs to which mask, and which pair to which split: by names alone, without opening a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.splits.draw import draw_splits
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.files import SUFFIXES

SPLITS = ("train", "val", "test")
SPELLINGS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
ADD, KEEP = "Add what is missing, or remove the rest.", "Keep one of them."
Drawing = tuple[Mapping[str, float], int, Callable[[str], str] | None]  # shares, seed, name → group


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; the name is the image's path within its folder, without suffix."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Splits:
    """The pairs of each split, `train` first, and what could not be paired."""

    pairs: dict[str, tuple[Pair, ...]]
    problems: tuple[Problem, ...]


def find_splits(path: Path, images: str, masks: str, mask_suffix: str, lists: str, drawing: Drawing) -> Splits:
    """The splits of a folder: subfolders `train/`, `val/`, `test/`; else lists; else drawn with (shares, seed, group)."""
    folders = {
        SPELLINGS[p.name.lower()]: p for p in sorted(path.iterdir()) if p.is_dir() and p.name.lower() in SPELLINGS
    }
    inner = {split: folders[split] for split in SPLITS if split in folders and _files(folders[split], images)}
    if inner:
        pairs, problems = {}, []
        for split, place in inner.items():
            found, faults = pair_files(place, images, masks, mask_suffix)
            pairs[split] = tuple(found.values())
            problems += faults
        return Splits(pairs, tuple(problems))
    known, problems = pair_files(path, images, masks, mask_suffix)
    if not known and not problems:
        raise DataError(
            f"there are no pictures in {images} ({', '.join(SUFFIXES)}).",
            where=str(path),
            hint="Name the folders of images and masks with the options `images` and `masks`.",
        )
    if files := _list_files(path, lists):
        pairs = {}
        for split, file in files.items():
            pairs[split], faults = _listed(file, known, unpaired=problems)
            problems += faults
        return Splits(pairs, tuple(problems))
    shares, seed, group = drawing
    if not known:
        return Splits({"train": ()}, tuple(problems))
    drawn = draw_splits(known, shares, seed=seed, group=group)
    return Splits({split: tuple(known[name] for name in names) for split, names in drawn.items()}, tuple(problems))


def pair_files(path: Path, images: str, masks: str, mask_suffix: str = "") -> tuple[dict[str, Pair], list[Problem]]:
    """Pairs by name in order of their names, and one problem for each kind of fault."""
    pictures, doubled = _by_name(_files(path, images), "")
    planes, doubled_masks = _by_name(_files(path, masks), mask_suffix)
    no_mask, no_picture = sorted(pictures.keys() - planes.keys()), sorted(planes.keys() - pictures.keys())
    problems = [
        Problem(str(path), f"{len(names)} {one if len(names) == 1 else many}: {listing(names)}.", cure)
        for names, one, many, cure in (
            (no_mask, f"picture has no mask in {masks}", f"pictures have no mask in {masks}", ADD),
            (doubled, f"name in {images} has several files", f"names in {images} have several files", KEEP),
            (doubled_masks, f"name in {masks} has several files", f"names in {masks} have several files", KEEP),
            (no_picture, f"mask has no picture in {images}", f"masks have no picture in {images}", ADD),
        )
        if names
    ]
    both = sorted(pictures.keys() & planes.keys())
    return {name: Pair(name, pictures[name], planes[name]) for name in both}, problems


def _files(path: Path, pattern: str) -> list[tuple[str, Path]]:
    """(name, file) of every picture beneath a folder, or of every picture that a pattern finds."""
    base, search = (path, pattern) if "*" in pattern else (path / pattern, "**/*")
    files = [
        file
        for file in sorted(base.glob(search))
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    if "*" in pattern:
        fixed = Path(*[part for part in Path(pattern).parts[:-1] if "*" not in part])
        base = path / fixed
    return [(file.relative_to(base).with_suffix("").as_posix(), file) for file in files]


def _by_name(files: Iterable[tuple[str, Path]], suffix: str) -> tuple[dict[str, Path], list[str]]:
    found: dict[str, Path] = {}
    doubled = []
    for name, file in files:
        if suffix and not name.endswith(suffix):
            continue
        short = name.removesuffix(suffix)
        if short in found:
            doubled.append(short)
        found.setdefault(short, file)
    return found, doubled


def _list_files(path: Path, lists: str) -> dict[str, Path]:
    """The lists of splits: in the folder `lists`, else beside the images; train, val, test first, then others."""
    named = {file.stem.lower(): file for file in sorted((path / lists).glob("*.txt"))}
    if not named:
        named = {file.stem.lower(): file for file in sorted(path.glob("*.txt")) if file.stem.lower() in SPELLINGS}
    found = {SPELLINGS.get(stem, stem): file for stem, file in named.items()}
    order = sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))
    return {split: found[split] for split in order}


def _listed(file: Path, known: Mapping[str, Pair], unpaired: list[Problem]) -> tuple[tuple[Pair, ...], list[Problem]]:
    """The pairs that a list names; a line may be a name, or a file name or path that ends in one."""
    by_last = {Path(name).name: name for name in known}
    pairs, strange = [], []
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        word = line.strip()
        if not word:
            continue
        short = word.rsplit(".", 1)[0] if Path(word).suffix.lower() in SUFFIXES else word
        name = short if short in known else by_last.get(Path(short).name, "")
        if name:
            pairs.append(known[name])
        else:
            strange.append(word)
    problems = []
    if strange:
        hint = did_you_mean(strange[0], known) if not unpaired else ""
        problems.append(Problem(str(file), f"{len(strange)} lines name no pair: {listing(strange)}.", hint))
    return tuple(pairs), problems
