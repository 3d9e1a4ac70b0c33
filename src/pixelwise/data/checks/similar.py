"""Pictures of two splits that belong together: crops, mirror images and neighbouring frames; groups that names suggest.

Candidates are pairs whose features, which the caller computes, point nearly the same way. A candidate counts if one
picture, unchanged or mirrored, is found in the other at one of several scales (normalised cross-correlation of small
pictures in grey).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.data.pairing.groups import BEFORE_NUMBER, are_classes, suggested_groups
from pixelwise.imaging.resize import resize_image

LIKE = 0.85  # cosine of the features of a candidate
NEIGHBOURS = 3  # candidates for each picture, of each other split
FOUND = 0.89  # correlation from which a picture is found in another one
SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of the smaller picture in the larger one
INNER = 0.9  # of the picture that is sought: the rest lets frames be shifted
PLAIN = 4.0  # standard deviation in grey levels below which a part says nothing
CLOSER = 0.8  # pictures of one group are closer than others by this factor, or names say nothing about pictures


def near_duplicates(survey: Survey) -> Iterator[Finding]:
    """Pictures of two splits of which one is, mirrored or not, a part of the other, or the next frame."""
    known = [facts for facts in survey.readable if facts.features is not None and facts.fine is not None]
    pairs = [(a, b) for a, b in _candidates(known, survey.splits) if a.digest != b.digest and found_in(a, b)]
    if pairs:
        count = "1 picture is" if len(pairs) == 1 else f"{len(pairs):,} pictures are"
        what = f"{count} similar to one of another split: a crop, a mirror image, or the next frame. They may be one scene."
        cure = "If so, keep them in one split with the option group, or name one in data.exclude."
        yield Finding("similar", "warning", what, tuple(f"{a.where} ~ {b.where}" for a, b in pairs), cure)


def _candidates(known: Sequence[Facts], splits: Sequence[str]) -> Iterator[tuple[Facts, Facts]]:
    for number, split in enumerate(splits):
        own = [facts for facts in known if facts.split == split]
        for other in splits[:number]:
            earlier = [facts for facts in known if facts.split == other]
            if not own or not earlier:
                continue
            features = np.stack([f.features for f in earlier if f.features is not None])
            for facts in own:
                cosines: NDArray[np.float32] = features @ np.asarray(facts.features)
                for place in np.argsort(-cosines, kind="stable")[:NEIGHBOURS].tolist():
                    if cosines[place] >= LIKE:
                        yield earlier[place], facts


def found_in(one: Facts, other: Facts) -> bool:
    """Whether a picture, unchanged or mirrored, is found in the other, or the other in it."""
    if one.fine is None or other.fine is None:
        return False
    return any(
        correlation(large, small[:, ::-1] if mirrored else small, scale) >= FOUND
        for large, small in ((one.fine, other.fine), (other.fine, one.fine))
        for mirrored in (False, True)
        for scale in SCALES
    )


def correlation(large: NDArray[np.uint8], small: NDArray[np.uint8], scale: float) -> float:
    """The largest correlation coefficient of the small picture's middle, at `scale`, with a part of the large one."""
    from scipy.signal import fftconvolve

    size = tuple(max(8, round(scale * side)) for side in large.shape)
    resized = resize_image(np.repeat(small[:, :, None], 3, axis=2), (size[0], size[1]))[..., 0].astype(np.float64)
    cut = [round((1 - INNER) / 2 * side) for side in size]
    part = resized[cut[0] : size[0] - cut[0], cut[1] : size[1] - cut[1]]
    whole = large.astype(np.float64) - large.mean()
    part = part - part.mean()
    if part.std() < PLAIN:
        return 0.0
    ones = np.ones(part.shape)
    sums, squares = fftconvolve(whole, ones, "valid"), fftconvolve(whole**2, ones, "valid")
    spread = np.maximum(squares - sums**2 / part.size, part.size * PLAIN**2)
    products = fftconvolve(whole, part[::-1, ::-1], "valid")
    return float((products / np.sqrt(spread * (part**2).sum())).max())


def torn_groups(survey: Survey) -> Iterator[Finding]:
    """Groups that names suggest, whose pictures do look alike, in more than one split."""
    known = [facts for facts in survey.readable if facts.thumbnail is not None]
    found = suggested_groups([facts.name for facts in known], [BEFORE_NUMBER])
    if found is None or are_classes(found.groups.values(), [facts.label for facts in known]):
        return
    groups = [[known[place] for place in places] for places in found.groups.values()]
    torn = [group for group in groups if len({facts.split for facts in group}) > 1]
    if not torn or not _are_closer([group for group in groups if len(group) > 1]):
        return
    one = len(torn) == 1
    what = f"{len(torn):,} {'group' if one else 'groups'} that names suggest ({found.what}) "
    what += f"{'is' if one else 'are'} in more than one split, and pictures of one group look more alike than others."
    files = tuple(facts.where for group in torn for facts in group)
    cure = f"If they are one scene or patient each, draw the splits by group: '{found.pattern}'."
    yield Finding("groups", "warning", what, files, cure)


def _are_closer(groups: Sequence[Sequence[Facts]]) -> bool:
    """Whether the first two pictures of groups are closer to each other than to those of the next group."""
    planes = [[f.thumbnail.astype(np.float64) for f in group[:2] if f.thumbnail is not None] for group in groups]
    inside = [np.sqrt(((first - second) ** 2).mean()) for first, second in planes]
    outside = [np.sqrt(((a[0] - b[1]) ** 2).mean()) for a, b in zip(planes, [*planes[1:], planes[0]], strict=True)]
    return bool(np.median(inside) < CLOSER * np.median(outside))
