"""Pairs of a picture and a mask by their names; what has no partner, with the likely cause."""

from __future__ import annotations

import os.path
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixelwise.data.pairing.files import Found, find_files
from pixelwise.errors import Problem, listing
from pixelwise.imaging.files import SUFFIXES

LOOKED_AT = 50  # names of masks among which the partner of the first picture is sought
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ADD, KEEP = "Add what is missing, or remove the rest.", "Keep one of them."
LEAVE_OUT = "Set unpaired: skip to leave them out, or add what is missing."


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; the name is the image's path within its folder, without suffix."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Naming:
    """How names pair: what images and masks have before and after the part that they share, and whether its case counts."""

    image_prefix: str = ""
    image_suffix: str = ""
    mask_prefix: str = ""
    mask_suffix: str = ""
    case: str = "exact"

    def options(self) -> dict[str, str]:
        """Those of the data set `folder` that say the same."""
        return {key: value for key, value in vars(self).items() if value != getattr(Naming, key)}

    def key(self, name: str) -> str:
        """What two names have in common that pair: the Unicode form never counts."""
        composed = unicodedata.normalize("NFC", name)
        return composed if self.case == "exact" else composed.casefold()


@dataclass
class Pairs:
    """Pairs by name in order of their names; what is wrong with the rest; what is left out and worth a word.

    alone:     the names of pictures and masks that have no partner
    unpaired:  the problems that this is
    """

    known: dict[str, Pair] = field(default_factory=dict)
    alone: tuple[str, ...] = ()
    unpaired: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)


def pair_files(path: Path, images: str, masks: str, naming: Naming = Naming()) -> Pairs:
    """Pair by name, without regard to the Unicode form in which a name is written (a Mac decomposes its letters).

    Masks that lie in one folder pair with pictures in folders inside each other where the last part of every name is
    unique. One problem for each kind of fault.
    """
    found, found_masks = find_files(path, images), find_files(path, masks)
    pictures, doubled = _by_name(found, naming, naming.image_prefix, naming.image_suffix)
    planes, doubled_masks = _by_name(found_masks, naming, naming.mask_prefix, naming.mask_suffix)
    if images == masks and (naming.mask_prefix or naming.mask_suffix):  # side by side: no mask is a picture
        drawn = {file for _, file in planes.values()}
        pictures = {key: picture for key, picture in pictures.items() if picture[1] not in drawn}
    flat = _flat(pictures.keys() - planes.keys(), planes.keys() - pictures.keys())
    for name, last in flat.items():
        planes[name] = planes.pop(last)
    both = sorted(pictures[key][0] for key in pictures.keys() & planes.keys())
    pairs = Pairs({name: Pair(name, pictures[key][1], planes[key][1]) for name in both for key in [naming.key(name)]})
    no_mask = dict(sorted(pictures[key] for key in pictures.keys() - planes.keys()))
    no_picture = dict(sorted(planes[key] for key in planes.keys() - pictures.keys()))
    where = str(path)
    pairs.alone = (*no_mask, *no_picture)
    pairs.unpaired += _without_partner(where, no_mask, no_picture, images, masks, paired=len(both))
    for names, place in ((doubled, images), (doubled_masks, masks)):
        if names:
            what = _counted(names, f"name in {place} has several files", f"names in {place} have several files")
            files = tuple(str(file) for several in names.values() for file in several)
            pairs.problems.append(Problem(where, f"{what}: {listing(names)}.", KEEP, files))
    links = [os.path.relpath(file, path) for one in {images: found, masks: found_masks}.values() for file in one.broken]
    if links:
        what = _counted(links, "link leads nowhere", "links lead nowhere")
        pairs.problems.append(
            Problem(
                where,
                f"{what}: {listing(links)}.",
                "Bring the files back, or remove the links.",
                tuple(str(path / link) for link in links),
            )
        )
    pairs.notices += _unread(path, {images: found, masks: found_masks})
    return pairs


def _by_name(
    found: Found, naming: Naming, prefix: str, suffix: str
) -> tuple[dict[str, tuple[str, Path]], dict[str, list[Path]]]:
    """Key → (name, file) of what has the prefix and the suffix in the last part of its name; names with several files."""
    by_key: dict[str, tuple[str, Path]] = {}
    doubled: dict[str, list[Path]] = {}
    for name, file in found.files:
        folder, slash, last = name.rpartition("/")
        if not (last.startswith(prefix) and last.endswith(suffix)):
            continue
        short = folder + slash + last.removeprefix(prefix).removesuffix(suffix)
        if naming.key(short) in by_key:
            doubled.setdefault(short, [by_key[naming.key(short)][1]]).append(file)
        by_key.setdefault(naming.key(short), (short, file))
    return by_key, doubled


def _flat(no_mask: Iterable[str], no_picture: Iterable[str]) -> dict[str, str]:
    """Picture → mask, where masks lie in one folder, pictures in several, and each last part of a name is unique."""
    by_last: dict[str, list[str]] = {}
    for name in no_mask:
        by_last.setdefault(name.rpartition("/")[2], []).append(name)
    return {
        names[0]: mask for mask in no_picture if "/" not in mask and len(names := by_last.get(mask, [])) == 1
    }  # fmt: skip


def _counted(names: Collection[object], one: str, many: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else many}"


def _unread(path: Path, places: Mapping[str, Found]) -> Iterator[Problem]:
    """The pictures of kinds that are not read, one line for all."""
    if files := [file for found in places.values() for file in found.unread]:
        kinds = ", ".join(sorted({file.suffix.lower() for file in files}))
        what = _counted(
            files,
            f"picture is of a kind that is not read ({kinds})",
            f"pictures are of kinds that are not read ({kinds})",
        )
        names = listing([os.path.relpath(file, path) for file in files], 5)
        yield Problem(str(path), f"{what} and left out: {names}.", f"Save as one of {', '.join(SUFFIXES)}.")


# -- without a partner -----------------------------------------------------------------------------------------------


def _without_partner(
    where: str, no_mask: Mapping[str, Path], no_picture: Mapping[str, Path], images: str, masks: str, paired: int
) -> Iterator[Problem]:
    """no_mask, no_picture: name → file."""
    if (cause := _cause([*no_mask], [*no_picture])) is not None:
        what, cure = cause
        counts = f"{_counted(no_mask, 'picture has', 'pictures have')} no mask in {masks}, and "
        counts += f"{_counted(no_picture, 'mask has', 'masks have')} no picture in {images}"
        yield Problem(where, f"{counts}: {what}", cure, tuple(map(str, [*no_mask.values(), *no_picture.values()])))
        return
    cure = LEAVE_OUT if len(no_mask) + len(no_picture) <= paired else ADD
    for names, one, many in (
        (no_mask, f"picture has no mask in {masks}", f"pictures have no mask in {masks}"),
        (no_picture, f"mask has no picture in {images}", f"masks have no picture in {images}"),
    ):
        if names:
            yield Problem(
                where, f"{_counted(names, one, many)}: {listing(names)}.", cure, tuple(map(str, names.values()))
            )


def _cause(no_mask: Sequence[str], no_picture: Sequence[str]) -> tuple[str, str] | None:
    """(what, cure) where most names differ in one way."""
    if not no_mask or not no_picture:
        return None
    least = min(len(no_mask), len(no_picture)) / 2
    found = likely_naming(no_mask, no_picture)
    if found is None or found[1] < least:
        return None
    if found[0].case == "ignore":
        first = next(name for name in no_mask if found[0].key(name) == found[0].key(found[2]))
        return (
            f"names differ in upper and lower case only, e.g. {first} and {found[2]}.",
            "Set case: ignore for the data set, or rename one side.",
        )
    options = found[0].options()
    return (
        f"their names differ in how they begin or end, e.g. {no_mask[0]} and {found[2]}.",
        f"Set {' and '.join(f'{name}: {value!r}' for name, value in options.items())} for the data set.",
    )


def likely_naming(no_mask: Sequence[str], no_picture: Sequence[str]) -> tuple[Naming, int, str] | None:
    """How two sides of names pair, how many then do, and a partner: in another case, or with other beginnings and ends."""
    anyhow = Naming(case="ignore")
    folded = {anyhow.key(name): name for name in no_picture}
    same = [name for name in no_mask if anyhow.key(name) in folded]
    if 2 * len(same) >= min(len(no_mask), len(no_picture)) > 0:
        return anyhow, len(same), folded[anyhow.key(same[0])]
    return _likely_affixes(no_mask, no_picture)


def _likely_affixes(no_mask: Sequence[str], no_picture: Sequence[str]) -> tuple[Naming, int, str] | None:
    """What two sides of names have before and after a shared part, how many then pair, and the first one's partner."""
    best: tuple[Naming, int, str] | None = None
    sides = [[(name.rpartition("/")[0], name.rpartition("/")[2]) for name in side] for side in (no_mask, no_picture)]
    (folder, first), masks = sides[0][0], Counter(sides[1])
    likely = [place for place in sides[1] if place[0] == folder and first in place[1]]
    for other, last in dict.fromkeys([*likely[:1], *sides[1][:LOOKED_AT]]):
        if other != folder:
            continue
        for core in _shared(first, last):
            before, after = first.split(core, 1)
            mask_before, mask_after = last.split(core, 1)
            count = sum(
                masks[place, mask_before + name[len(before) : len(name) - len(after)] + mask_after] > 0
                for place, name in sides[0]
                if name.startswith(before) and name.endswith(after)
            )
            contained = first in last or last in first
            if count >= (1 if contained else 2) and (best is None or count > best[1]):
                partner = f"{other}/{last}" if other else last
                start = ("", "") if before == mask_before else (before, mask_before)
                end = ("", "") if after == mask_after else (after, mask_after)
                best = (Naming(start[0], end[0], start[1], end[1]), count, partner)
        if best is not None and best[1] == min(map(len, sides)):
            break
    return best


def _shared(one: str, other: str) -> Iterator[str]:
    """Pieces that two names have in common: how they begin, how they end, the longest, and the digits of each."""
    from difflib import SequenceMatcher

    match = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    pieces = [_begun(one[::-1], other[::-1])[::-1], _begun(one, other), one[match.a : match.a + match.size]]
    digits = ["".join(filter(str.isdigit, piece)) for piece in pieces]
    yield from dict.fromkeys(piece for piece in (*pieces, *digits) if piece and piece in one and piece in other)


def _begun(one: str, other: str) -> str:
    """What both names begin with, without a part of a word."""
    length = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    inside = one[length : length + 1].isalpha() and other[length : length + 1].isalpha()
    return one[:length].rstrip(LETTERS) if inside else one[:length]
