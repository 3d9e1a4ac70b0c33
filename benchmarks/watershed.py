"""The watershed that cuts a picture into objects, against the same chain written plainly with scipy and scikit-image.

    python benchmarks/watershed.py          writes watershed.json beside it; a minute on one core

Twenty drawn pictures of 500×400 with 3 to 8 people that touch: the true normalised distances, made coarse to a quarter of the
size and back as a network's are, with noise. Both chains turn the same mask and energy into an instance map; the maps must be
equal. Milliseconds of processor time on one thread, the best of several turns for each picture.
"""

import json
import platform
import time
from pathlib import Path

import numpy as np
import scipy
import skimage
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from pixelwise.imaging.instances.targets import normalised_distances
from pixelwise.imaging.instances.watershed import separate

SIZE, PICTURES, TURNS = (400, 500), 20, 5
OPTIONS = {"smoothing": 2.0, "depth": 0.3, "smallest": 50}


def plain(inside: np.ndarray, energy: np.ndarray, smoothing: float, depth: float, smallest: int) -> np.ndarray:
    energy = np.maximum(energy, 0)
    smooth = np.where(inside, ndimage.gaussian_filter(energy, smoothing), np.float32(-1))
    rebuilt = reconstruction(smooth - np.float32(depth), smooth)
    markers, _ = ndimage.label(local_maxima(rebuilt) & inside, np.ones((3, 3)))
    labels = watershed(-energy, markers, connectivity=np.ones((3, 3)), mask=inside)
    numbers, first, counts = np.unique(labels, return_index=True, return_counts=True)
    kept = [n for _, n, count in sorted(zip(first, numbers, counts, strict=True)) if n and count >= max(1, smallest)]
    table = np.zeros(labels.max() + 1, np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels]


def drawn(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(inside, energy) of people in a row, each with a head, a body, arms and legs."""
    rows, columns = np.indices(SIZE)
    numbers = np.zeros(SIZE, np.uint16)
    middle = generator.uniform(40, 120)
    for number in range(1, int(generator.integers(4, 10))):
        tall, top = generator.uniform(180, 280), generator.uniform(20, 100)
        down, right = (rows - top) / tall, (columns - middle) / tall
        person = down**2 * 40 + right**2 * 160 < 0.3
        person |= (abs(right) < 0.11) & (down > 0.1) & (down < 0.55)
        for side in (-1, 1):
            person |= (abs(right - side * (0.03 + 0.1 * down)) < 0.04) & (down >= 0.5) & (down < 1)
            person |= (abs(right - side * (0.09 + 0.12 * down)) < 0.025) & (down > 0.12) & (down < 0.6)
        numbers[person & (numbers == 0)] = number
        middle += tall * generator.uniform(0.2, 0.45)
    coarse = ndimage.zoom(normalised_distances(numbers), 0.25, order=1)
    coarse = coarse + 0.03 * generator.standard_normal(coarse.shape)
    energy = ndimage.zoom(coarse, (SIZE[0] / coarse.shape[0], SIZE[1] / coarse.shape[1]), order=1).astype(np.float32)
    return ndimage.gaussian_filter((numbers > 0).astype(np.float32), 2) > 0.5, energy


def best(function, *given, **options) -> tuple[float, np.ndarray]:
    spent = []
    for _ in range(TURNS):
        start = time.process_time()
        found = function(*given, **options)
        spent.append(1000 * (time.process_time() - start))
    return min(spent), found


def main() -> None:
    generator = np.random.default_rng(0)
    ours, theirs, objects, equal = [], [], [], True
    for _ in range(PICTURES):
        inside, energy = drawn(generator)
        took, found = best(separate, inside, energy, **OPTIONS)
        took_plain, wanted = best(plain, inside, energy, **OPTIONS)
        equal &= bool((found == wanted).all())
        ours.append(took)
        theirs.append(took_plain)
        objects.append(int(found.max()))
    told = {
        "machine": platform.processor() or platform.machine(),
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__},
        "size": list(SIZE),
        "pictures": PICTURES,
        "options": OPTIONS,
        "objects": objects,
        "equal": equal,
        "milliseconds": {"ours": round(float(np.median(ours)), 1), "plain": round(float(np.median(theirs)), 1)},
        "times_faster": round(float(np.median(np.array(theirs) / np.array(ours))), 2),
        "least_times_faster": round(float(min(np.array(theirs) / np.array(ours))), 2),
    }
    print(json.dumps(told, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
