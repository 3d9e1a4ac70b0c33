"""Which picture is in which split: by folders, by lists, or drawn; by names alone, without opening a picture."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pixelwise.data.base import Dataset
from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.groups import united
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS, Listed, faults_of, list_files, notices_of, read_list
from pixelwise.data.pairing.matching import Naming, Pair, Pairs, pair_files
from pixelwise.data.pairing.values import ValueTable, look_up
from pixelwise.errors import DataError, PixelwiseError, Problem, listing
from pixelwise.imaging.channels import USUAL, Reading
from pixelwise.imaging.files import SUFFIXES, UnknownValues, read_image, read_mask
from pixelwise.types import RGB, IndexMap, Sample


class Drawing(NamedTuple):
    """How splits are drawn.

    group:  name → its group; pictures of one group stay in one split
    alike:  name → file of pictures to name → the first one that looks like it, if those stay in one split too
    """

    shares: Mapping[str, float] = {}
    seed: int = 0
    group: Callable[[str], str] | None = None
    alike: Callable[[Mapping[str, Path]], Mapping[str, str]] | None = None

    def group_of(self, images: Mapping[str, Path]) -> Callable[[str], str] | None:
        """The group of each of the pictures that splits are drawn from; None if each is alone."""
        return self.group if self.alike is None else united(images, self.group, self.alike(images))


class Paired(Dataset):
    """Pairs of an image and a mask in each split.

    _colours:   the class of each colour in masks of colours
    _reading:   how pictures are read
    _fallback:  the same for index masks, of which some may be in colour
    """

    _colours: dict[RGB, int] | None = None
    _fallback: dict[RGB, int] | None = None
    _reading: Reading = USUAL

    @cached_property
    def _pairs(self) -> dict[str, tuple[Pair, ...]]:
        """Split → its pairs. A data set assigns them, or finds them when they are first read."""
        raise NotImplementedError

    def splits(self) -> tuple[str, ...]:
        return tuple(self._pairs)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(pair.name for pair in self._pairs[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        pair = self._pairs[split][index]
        return pair.image, pair.mask

    def read(self, split: str, index: int) -> Sample:
        pair = self._pairs[split][index]
        return Sample(pair.name, read_image(pair.image, reading=self._reading), self.read_mask(pair.mask))

    def reading(self) -> Reading:
        return self._reading

    def values(self) -> ValueTable | None:
        """The class of each value in index masks, where it is not the value itself."""
        return None

    def colour_table(self) -> dict[RGB, int] | None:
        """Colour → class of masks in colour, where some may be."""
        return self._colours or self._fallback

    def read_mask(self, file: Path) -> IndexMap:
        """The classes in the file of a mask. Raises DataError if a value or a colour is neither a class nor void."""
        table = self.values()
        lossy = table is not None and table.takes_any
        mask = read_mask(file, colours=self._colours, fallback=self._fallback, lossy=lossy)
        if table is None:
            return mask
        mask, strange = look_up(mask, table)
        if strange:
            raise UnknownValues(strange, table.told, where=str(file))
        return mask


@dataclass
class Layout:
    """The pairs of each split.

    problems:  files without a partner, names that occur twice, names in a list that do not exist
    notices:   files that no split uses, and choices that the files leave open
    drawn:     the splits that were drawn
    skip:      leave out files without a partner, if other files have one
    """

    splits: dict[str, tuple[Pair, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    drawn: tuple[str, ...] = ()
    skip: bool = False

    def take(self, pairs: Pairs, unlisted: bool = False) -> dict[str, Pair]:
        """The pairs; their problems and notices are noted. unlisted: no list names what has no partner."""
        if pairs.known and (self.skip or unlisted):
            why = "No list names them: they are left out." if unlisted else "They are left out."
            self.notices += [Problem(one.where, f"{one.what} {why}") for one in pairs.unpaired]
        else:
            self.problems += pairs.unpaired
        self.problems += pairs.problems
        self.notices += pairs.notices
        return pairs.known


def find_splits(
    path: Path, images: str, masks: str, naming: Naming, lists: str, drawing: Drawing, *, skip: bool = False
) -> Layout:
    """The splits of a folder, of which some may be drawn. skip: leave out what has no partner.

    They are folders `train/`, `val/`, `test/` with images and masks in each; else lists; else such folders inside those
    of images and masks. Without any, all pictures are `train`. A split that has a share and is not there is drawn from `train`.
    """
    layout = Layout(skip=skip)
    places = _split_folders(path, images, layout)
    listed = list_files(path, lists)
    if places:
        for split, place in places.items():
            layout.splits[split] = tuple(layout.take(pair_files(place, images, masks, naming)).values())
        used = {pair.image for pairs in layout.splits.values() for pair in pairs}
        loose = pair_files(path, images, masks, naming)
        rest = {name: pair for name, pair in loose.known.items() if pair.image not in used}
        if rest or ((loose.problems or loose.unpaired) and "train" not in places):
            layout.take(loose)
        if listed:
            names, there = (
                listing(file.name for file in listed.values()),
                listing(f"{place.name}/" for place in places.values()),
            )
            these = f"the list {names} is" if len(listed) == 1 else f"the lists {names} are"
            say = f"the folder {there} says" if len(places) == 1 else f"the folders {there} say"
            what = f"{these} not used, because {say} which picture is in which split."
            layout.notices.append(Problem(str(path), what, "Keep the folders or the lists."))
    else:
        pairs = pair_files(path, images, masks, naming)
        if not (pairs.known or pairs.unpaired or pairs.problems or layout.problems):
            raise _no_pictures(path, images, [*layout.notices, *pairs.notices])
        read = _read_lists(listed, pairs, layout, naming)
        # most of VOC's pictures have no mask and are in no list
        unlisted = not skip and "train" in read and not any(one.strange for one in read.values())
        rest = layout.take(pairs, unlisted=unlisted)
        if read:
            rest = _listed_splits(read, rest, layout)
        else:
            rest = _inner_splits(rest, layout)
    _distribute(path, rest, layout, drawing, images)
    return layout


def _split_folders(path: Path, images: str, layout: Layout) -> dict[str, Path]:
    """Split → its folder, of those in which there are pictures."""
    found: dict[str, Path] = {}
    for place in sorted(path.iterdir()):
        split = SPELLINGS.get(place.name.lower())
        if split is None or not place.is_dir():
            continue
        if not find_files(place, images).files:
            if any(find_files(place, ".").files):
                what = f"the folder {place.name}/ is not used: no pictures were found in {place.name}/{images}."
                layout.notices.append(Problem(str(path), what, "Move its pictures there, or name the option `images`."))
        elif split in found:
            what = f"{found[split].name}/ and {place.name}/ are both the split '{split}'."
            layout.problems.append(Problem(str(path), what, "Keep one of them, or put both together."))
        else:
            found[split] = place
    return {split: found[split] for split in SPLITS if split in found}


def _read_lists(files: Mapping[str, Path], pairs: Pairs, layout: Layout, naming: Naming) -> dict[str, Listed]:
    """Split → what its list names. Other texts beside the lists are noted."""
    alone = pairs.alone if layout.skip and pairs.known else ()
    read = {split: read_list(file, pairs.known, naming, alone) for split, file in files.items()}
    for split, one in list(read.items()):
        if split not in SPLITS and one.is_strange:
            what = f"{one.file.name} is not a list of pictures: none of its lines names one."
            layout.notices.append(Problem(str(one.file), what, "Move it out of the folder of the lists."))
            del read[split]
    return read


def _listed_splits(read: Mapping[str, Listed], known: dict[str, Pair], layout: Layout) -> dict[str, Pair]:
    """Take the pictures that lists name as splits, and leave the rest."""
    faults = list(faults_of([*read.values()], known, unpaired=bool(layout.problems)))
    layout.splits |= {split: tuple(one.pairs.values()) for split, one in read.items()}
    layout.notices += notices_of([*read.values()])
    layout.problems += faults
    if faults and not all(layout.splits.values()):  # that their pictures are in no split is the same fault
        return {}
    used = {pair.image for pairs in layout.splits.values() for pair in pairs}
    return {name: pair for name, pair in known.items() if pair.image not in used}


def _inner_splits(known: dict[str, Pair], layout: Layout) -> dict[str, Pair]:
    """Take the pictures in folders `train/`, `val/`, `test/` inside that of the images as splits, and leave the rest."""
    rest, splits = {}, dict[str, list[Pair]]()
    for name, pair in known.items():
        split = SPELLINGS.get(name.partition("/")[0].lower()) if "/" in name else None
        if split is None:
            rest[name] = pair
        else:
            splits.setdefault(split, []).append(replace(pair, name=name.partition("/")[2]))
    layout.splits |= {split: tuple(splits[split]) for split in SPLITS if split in splits}
    return rest


def _distribute(path: Path, rest: dict[str, Pair], layout: Layout, drawing: Drawing, images: str) -> None:
    """Give the pictures that are in no split to `train` where it is not there, and draw the splits that are missing."""
    shares, given = drawing.shares, tuple(layout.splits)
    if rest and "train" not in layout.splits:
        layout.splits = {"train": tuple(rest.values()), **layout.splits}
        if given:
            what = f"the {len(rest)} pictures in {images} that are in no split are taken as 'train', beside {_named(given)}."
            layout.notices.append(Problem(str(path), what))
    elif rest:
        what = f"{len(rest)} {'picture is' if len(rest) == 1 else 'pictures are'} in no split and not used: {listing(rest)}."
        layout.notices.append(Problem(str(path), what, "Add them to a split, or remove them."))
    missing = {split: share for split, share in shares.items() if split not in layout.splits}
    known = {pair.name: pair for pair in layout.splits.get("train", ())}
    if not known and not given:
        layout.splits, layout.drawn = {"train": ()}, tuple(missing)
    elif missing and known and not (given and "val" in given):
        group = drawing.group_of({name: pair.image for name, pair in known.items()})
        if given and len({group(name) if group else name for name in known}) <= len(missing):
            what = f"split {_named(missing)} is missing, and 'train' has too few pictures to draw it from."
            layout.notices.append(Problem(str(path), what, "Add pictures for it."))
            return
        drawn = draw_splits(known, missing, seed=drawing.seed, group=group)
        layout.splits |= {split: tuple(known[name] for name in names) for split, names in drawn.items()}
        order = [split for split in SPLITS if split in layout.splits]
        layout.splits = {split: layout.splits[split] for split in dict.fromkeys([*order, *layout.splits])}
        layout.drawn = tuple(missing)
        if given:
            took = " and ".join(f"{share * 100:g} % for '{split}'" for split, share in missing.items())
            what = f"split {_named(missing)} is missing: {took} are drawn from 'train'."
            layout.notices.append(
                Problem(str(path), what, "Make the split yourself, or set its share (val, test) to 0.")
            )


def _named(splits: Iterable[str]) -> str:
    return " and ".join(f"'{split}'" for split in splits)


def _no_pictures(path: Path, images: str, notices: Sequence[Problem]) -> PixelwiseError:
    hint = "Name the folders of images and masks with the options `images` and `masks`."
    if notices:
        return DataError.all(
            [Problem(str(path), f"no pictures that can be read were found in {images}.", hint), *notices]
        )
    return DataError(f"no pictures were found in {images} ({', '.join(SUFFIXES)}).", where=str(path), hint=hint)


def draw_splits(
    names: Iterable[str], fractions: Mapping[str, float], *, seed: int = 0, group: Callable[[str], str] | None = None
) -> dict[str, tuple[str, ...]]:
    """`names` divided into `train` and the splits of `fractions`, e.g. `{"val": 0.2}`; names in order within each.

    Groups (pictures of one scene, patient or street: those for which `group` gives the same word) stay in one split.
    They are ordered by SHA-256 of seed and group, and each split in turn takes groups until it holds its share of the
    pictures. So the draw is the same on every machine, and a new picture moves at most those at the borders.

    Raises DataError if a share is not in [0, 1), or if there are too few groups for each split to have one.
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
        there = f"{len(order)} {'group' if group else 'picture'}{'' if len(order) == 1 else 's'}"
        splits = ", ".join(wanted)
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


def group_by(pattern: str) -> Callable[[str], str] | None:
    """Name → what the pattern finds in it, or the name where it finds nothing; None for an empty pattern."""
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"read {pattern!r}, which is not a regular expression: {error}.", where="group") from error

    def group_of(name: str) -> str:
        match = compiled.search(name)
        found = None if match is None else match.group(1 if compiled.groups else 0)
        return name if found is None else found

    return group_of


def drawing_remark(given: Mapping[str, object], defaults: Mapping[str, object], reason: str) -> tuple[str, ...]:
    """The line about options of a draw that is not made, where any of them is given.

    given, defaults:  option → value
    reason:           why nothing is drawn
    """
    idle = [f"data.dataset.{name}={value}" for name, value in given.items() if value != defaults[name]]
    return (f"{' and '.join(idle)}: no effect, because {reason}.",) if idle else ()
