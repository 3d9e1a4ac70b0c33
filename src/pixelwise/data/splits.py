"""Which mask belongs to which picture, and which picture to which split: by names alone, without opening a picture."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.base import Dataset
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.files import SUFFIXES, read_image, read_mask
from pixelwise.types import RGB, Sample
from pixelwise.yaml_text import read_file

SPLITS = ("train", "val", "test")
SPELLINGS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
MOST_BYTES = 1 << 26  # of a list of names
WILD = re.compile("[*?[]")  # what makes a part of a path a pattern
ADD, KEEP = "Add what is missing, or remove the rest.", "Keep one of them."
# the pairs of each split, what has no partner, and whether the splits were drawn
Splits = tuple[dict[str, tuple["Pair", ...]], tuple[Problem, ...], bool]
Drawing = tuple[Mapping[str, float], int, Callable[[str], str] | None]  # shares, seed, name → group


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; the name is the image's path within its folder, without suffix."""

    name: str
    image: Path
    mask: Path


class Paired(Dataset):
    """Pairs of an image and a mask in each split; `_colours`: the class of each colour in masks of colours."""

    _pairs: dict[str, tuple[Pair, ...]]
    _colours: dict[RGB, int] | None = None

    def splits(self) -> tuple[str, ...]:
        return tuple(self._pairs)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(pair.name for pair in self._pairs[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        pair = self._pairs[split][index]
        return pair.image, pair.mask

    def read(self, split: str, index: int) -> Sample:
        pair = self._pairs[split][index]
        return Sample(pair.name, read_image(pair.image), read_mask(pair.mask, colours=self._colours))


def find_splits(path: Path, images: str, masks: str, mask_suffix: str, lists: str, drawing: Drawing) -> Splits:
    """The splits of a folder: subfolders `train/`, `val/`, `test/`; else lists; else drawn with (shares, seed, group)."""
    named = [(SPELLINGS.get(place.name.lower()), place) for place in sorted(path.iterdir()) if place.is_dir()]
    folders = {split: place for split, place in named if split}
    inner = {split: folders[split] for split in SPLITS if split in folders and _files(folders[split], images)}
    if inner:
        pairs, problems = {}, []
        for split, place in inner.items():
            found, faults = pair_files(place, images, masks, mask_suffix)
            pairs[split] = tuple(found.values())
            problems += faults
        return pairs, tuple(problems), False
    known, problems = pair_files(path, images, masks, mask_suffix)
    if not known and not problems:
        hint = "Name the folders of images and masks with the options `images` and `masks`."
        raise DataError(f"there are no pictures in {images} ({', '.join(SUFFIXES)}).", where=str(path), hint=hint)
    if files := _list_files(path, lists):
        pairs = {}
        for split, file in files.items():
            pairs[split], faults = _listed(file, known, unpaired=problems)
            problems += faults
        return pairs, tuple(problems), False
    shares, seed, group = drawing
    if not known:
        return {"train": ()}, tuple(problems), True
    drawn = draw_splits(known, shares, seed=seed, group=group)
    return {split: tuple(known[name] for name in names) for split, names in drawn.items()}, tuple(problems), True


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
    """(name, file) of every picture under a folder, or of every picture that a pattern finds.

    The name is what the pattern leaves open: with `*/images/*.png` that of `a/images/0.png` is `a/0`.
    """
    search: tuple[str, ...]
    base, search = path / pattern, ("**", "*")
    if "*" in pattern:
        parts = Path(pattern).parts
        first = next(place for place, part in enumerate(parts) if WILD.search(part))
        base, search = path.joinpath(*parts[:first]), parts[first:]
    try:
        found = sorted(base.glob("/".join(search)))
    except (ValueError, NotImplementedError, re.error) as error:
        hint = "`*` stands for any letters of a name, and `**` for folders inside each other."
        raise DataError(f"read {pattern!r}, which is not a pattern: {error}.", where=str(path), hint=hint) from error
    files = [file for file in found if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    return [(_open_part(file.relative_to(base), search), file) for file in files if file.is_file()]


def _open_part(file: Path, pattern: Sequence[str]) -> str:
    """The parts of a path that its pattern does not name in full, without suffix."""
    parts = file.with_suffix("").parts
    head = pattern.index("**") if "**" in pattern else len(pattern) - 1
    tail = pattern[::-1].index("**") if "**" in pattern else 1
    last = len(parts) - max(tail, 1)
    begun = [part for part, how in zip(parts[:head], pattern, strict=False) if WILD.search(how)]
    ended = [part for part, how in zip(parts[last:-1], pattern[-tail:], strict=False) if WILD.search(how)]
    return "/".join([*begun, *parts[head:last], *ended, parts[-1]])


def _by_name(files: Iterable[tuple[str, Path]], suffix: str) -> tuple[dict[str, Path], list[str]]:
    found: dict[str, Path] = {}
    doubled = []
    for name, file in files:
        if not name.endswith(suffix):
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
    for word in filter(None, map(str.strip, read_file(file, DataError, MOST_BYTES).splitlines())):
        short = word.rsplit(".", 1)[0] if Path(word).suffix.lower() in SUFFIXES else word
        name = short if short in known else by_last.get(Path(short).name, "")
        if name:
            pairs.append(known[name])
        else:
            strange.append(word)
    if not strange:
        return tuple(pairs), []
    hint = "" if unpaired else did_you_mean(strange[0], known)
    return tuple(pairs), [Problem(str(file), f"{len(strange)} lines name no pair: {listing(strange)}.", hint)]


def draw_splits(
    names: Iterable[str], fractions: Mapping[str, float], *, seed: int = 0, group: Callable[[str], str] | None = None
) -> dict[str, tuple[str, ...]]:
    """`names` divided into `train` and the splits of `fractions`, e.g. `{"val": 0.2}`; names in order within each.

    Groups (pictures of one scene, patient or street: those for which `group` gives the same word) are never torn apart.
    They are ordered by SHA-256 of seed and group, and each split in turn takes groups until it holds its share of the
    pictures. So the draw is the same on every machine, and a new picture moves at most those at the borders.

    Raises DataError where a share is not in [0, 1), or where there are too few groups for each split to have one.
    """
    total = sum(fractions.values())
    if any(not 0 <= fraction < 1 for fraction in fractions.values()) or total >= 1:
        read = ", ".join(f"{split} {fraction}" for split, fraction in fractions.items())
        raise DataError(f"the shares {read} must each be at least 0 and together less than 1: train takes the rest.")
    members: dict[str, list[str]] = defaultdict(list)
    for name in names:
        members[group(name) if group else name].append(name)
    order = sorted(members, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest())
    wanted = {split: fraction for split, fraction in fractions.items() if fraction > 0}
    if len(order) <= len(wanted):
        there, splits = f"{len(order)} {'groups' if group else 'pictures'}", ", ".join(wanted)
        hint = "Add pictures, set the shares to 0, or write lists splits/train.txt and splits/val.txt."
        raise DataError(f"{there} cannot be divided into train, {splits}: each needs at least one.", hint=hint)
    count = sum(map(len, members.values()))
    drawn: dict[str, tuple[str, ...]] = {}
    for position, (split, fraction) in enumerate(wanted.items()):
        keep = len(wanted) - position  # groups that must be left for those that come after, train among them
        chosen: list[str] = []
        while len(order) > keep and (not chosen or len(chosen) < round(fraction * count)):
            chosen += members[order.pop(0)]
        drawn[split] = tuple(sorted(chosen))
    train = tuple(sorted(name for key in order for name in members[key]))
    return {"train": train, **drawn}


def draw_stratified(
    strata: Mapping[str, str], fractions: Mapping[str, float], *, seed: int = 0, groups: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """`draw_splits` within each stratum, so that every split has nearly the same share of each.

    strata:  name → its stratum, e.g. its class
    groups:  name → the first name of its group; names without an entry are alone. A group has the stratum of that first name

    A stratum with too few groups for every split goes to `train` whole. Where all are so small, strata do not count.
    """
    together, members = groups or {}, defaultdict(list)
    for name in strata:
        members[strata[together.get(name, name)]].append(name)
    wanted = [split for split, fraction in fractions.items() if fraction > 0]
    drawn: dict[str, list[str]] = {split: [] for split in ("train", *wanted)}
    for names in members.values():
        if len({together.get(name, name) for name in names}) <= len(wanted):
            drawn["train"] += names
            continue
        for split, some in draw_splits(names, fractions, seed=seed, group=lambda n: together.get(n, n)).items():
            drawn[split] += some
    if not all(drawn.values()):
        return draw_splits(strata, fractions, seed=seed, group=lambda n: together.get(n, n))
    return {split: tuple(sorted(names)) for split, names in drawn.items()}


def drawing_remark(given: Mapping[str, object], defaults: Mapping[str, object], reason: str) -> tuple[str, ...]:
    """The line about options of a draw that is not made, where any of them is given.

    given, defaults:  option → value
    reason:           why nothing is drawn
    """
    idle = [f"data.dataset.{name}={value}" for name, value in given.items() if value != defaults[name]]
    return (f"{' and '.join(idle)}: no effect, because {reason}.",) if idle else ()
