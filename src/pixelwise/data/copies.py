"""Pictures that a data set has more than once, found by their thumbnails in time that grows with their number.

The mean square difference of two thumbnails is at least that of their lowest frequencies (Parseval's theorem). So a
k-d tree of the lowest frequencies finds every pair that can be equal, and few others; each is then compared exactly, in
whole numbers. It takes longer only if nearly all pictures look alike, such as the frames of a fixed camera, because then
there are many pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.resize import resize_image
from pixelwise.types import Image, IndexMap, seen

THUMBNAIL = 16
# Root mean square difference of 16×16 thumbnails, in grey levels. Stored again or resized, the same picture stays below
# 1; the nearest two different pictures of VOC 2007, Stanford Background and the scenes are 13 or more apart.
NEAR = 3.0
CONTRAST = 0.15  # and below this share of the picture's own contrast, so that two dark pictures are not one
# Pictures in grey with about 64 × 64 pixels: a place of 3 × 3 of them in which the mean differs by more is another object.
# Pictures of VOC 2007 and Stanford Background stored again as JPEG (quality 20 to 75), or at half or twice the size, stay
# at 6.1 or less, at half the size by nearest neighbour at 18.6; the drawn pictures of one scene with other objects differ by 38
# or more. Where masks differ too, and pictures have one size, less is enough.
FINE, BOX, LOCAL, LOCAL_BY_MASK = 64, 3, 24, 8
LOWEST = 4  # frequencies an axis that the tree looks at
SLACK = 1e-3  # for what floats round: every pair is compared in whole numbers afterwards
CHUNK, PAIRS = 256, 4096  # thumbnails looked up, and pairs compared, at a time


def digest_of(image: Image | IndexMap) -> bytes:
    """A digest of the pixels: two pictures, or two masks, have the same digest if they are equal in every pixel."""
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def thumbnail_of(image: Image) -> NDArray[np.uint8]:
    """The picture at 16×16, flat (768,): what stays equal when a picture is stored again or resized."""
    return resize_image(seen(image), (THUMBNAIL, THUMBNAIL)).reshape(-1)


def fine_of(image: Image) -> NDArray[np.uint8]:
    """The picture in grey with about 64 × 64 pixels, its shape kept."""
    height = max(BOX + 1, 4 * round(FINE * (image.shape[0] / image.shape[1]) ** 0.5 / 4))
    small: NDArray[np.uint16] = (
        resize_image(seen(image), (height, max(BOX + 1, FINE**2 // height))).astype(np.uint16).sum(axis=2) // 3
    )
    return np.asarray(small, np.uint8)


def differ_somewhere(one: NDArray[np.uint8], other: NDArray[np.uint8], other_mask: bool) -> bool:
    """Whether two small pictures differ in one place, as two of one scene with another object do."""
    if one.shape != other.shape:
        return False
    difference = one.astype(np.int32) - other
    whole = np.pad(difference, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)  # sums of all that is above and left
    boxes = whole[BOX:, BOX:] - whole[:-BOX, BOX:] - whole[BOX:, :-BOX] + whole[:-BOX, :-BOX]
    return bool(np.abs(boxes).max() > (LOCAL_BY_MASK if other_mask else LOCAL) * BOX**2)


def find_copies(
    splits: Sequence[str], digests: Sequence[bytes], thumbnails: NDArray[np.uint8]
) -> list[tuple[int, int]]:
    """(earlier, later) for each picture and the nearest earlier one of every split, where the two are equal.

    splits:      the split of each picture
    digests:     of its pixels: pictures with the same digest are equal
    thumbnails:  (N, 16·16·3), of which two are equal where their difference is below NEAR and CONTRAST
    """
    kinds, kind_of = np.unique(thumbnails, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    near = _near(kinds)
    first: dict[tuple[str, int], int] = {}  # split and kind of thumbnail → the first picture so far
    exact: dict[tuple[str, bytes], int] = {}  # split and digest → index
    pairs, order = [], dict.fromkeys(splits)
    for index, (split, digest, kind) in enumerate(zip(splits, digests, kind_of.tolist(), strict=True)):
        for other in order:
            found = exact.get((other, digest))
            if found is None:
                there = [(distance, first[other, k]) for k, distance in near.get(kind, ()) if (other, k) in first]
                found = min(there)[1] if there else None
            if found is not None:
                pairs.append((found, index))
        first.setdefault((split, kind), index)
        exact.setdefault((split, digest), index)
    return pairs


def group_copies(names: Sequence[str], digests: Sequence[bytes], thumbnails: NDArray[np.uint8]) -> dict[str, str]:
    """Name → the first name of its group, for each picture that equals an earlier one."""
    groups: dict[str, str] = {}
    for earlier, later in find_copies([""] * len(names), digests, thumbnails):
        groups[names[later]] = groups.get(names[earlier], names[earlier])
    return groups


def _near(kinds: NDArray[np.uint8]) -> dict[int, list[tuple[int, int]]]:
    """Thumbnail → those that equal it, itself included, each with the sum of square differences."""
    near: dict[int, list[tuple[int, int]]] = {}
    limits = np.minimum(NEAR, CONTRAST * _contrast(kinds))
    for ones, others in _candidates(kinds, limits):
        for at in range(0, len(ones), PAIRS):
            one, other = ones[at : at + PAIRS], others[at : at + PAIRS]
            squares = ((kinds[one].astype(np.int32) - kinds[other]) ** 2).sum(axis=1)
            equal = np.sqrt(squares / kinds.shape[1]) < limits[one]
            for a, b, square in zip(one[equal].tolist(), other[equal].tolist(), squares[equal].tolist(), strict=True):
                near.setdefault(a, []).append((b, square))
    return near


def _candidates(
    kinds: NDArray[np.uint8], limits: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs (one, other) of thumbnails whose lowest frequencies are within the limit of the first."""
    from scipy.spatial import cKDTree

    lowest = _lowest(kinds)
    tree = cKDTree(lowest)
    for at in range(0, len(kinds), CHUNK):
        lists = tree.query_ball_point(lowest[at : at + CHUNK], limits[at : at + CHUNK] + SLACK)
        ones = np.repeat(np.arange(at, at + len(lists)), [len(one) for one in lists])
        yield ones, np.concatenate([np.asarray(one, np.int64) for one in lists])


def _lowest(kinds: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 48): the lowest frequencies of thumbnails, so scaled that distances are root mean squares over the thumbnail."""
    from scipy.fft import dctn

    parts = []
    for at in range(0, len(kinds), CHUNK):
        pictures = kinds[at : at + CHUNK].reshape(-1, THUMBNAIL, THUMBNAIL, 3).astype(np.float32)
        spectrum = dctn(pictures, axes=(1, 2, 3), norm="ortho")[:, :LOWEST, :LOWEST]
        parts.append(spectrum.reshape(len(pictures), -1) / np.float32(np.sqrt(kinds.shape[1])))
    return np.concatenate(parts)


def _contrast(kinds: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The standard deviation of each thumbnail."""
    sums = kinds.sum(axis=1, dtype=np.int64)
    squares = np.einsum("nd,nd->n", kinds, kinds, dtype=np.int64, casting="unsafe")
    count = kinds.shape[1]
    return np.asarray(np.sqrt(squares * count - sums**2) / count)
