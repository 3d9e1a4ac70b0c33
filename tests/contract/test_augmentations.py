"""What every augmentation on the shelf owes: planes of one size, values that existed before, and the same draw twice."""

import numpy as np
import pytest
import torch

from pixelwise.augment import AUGMENTATIONS
from pixelwise.augment.pipeline import Augmentation
from pixelwise.rle import RLE
from pixelwise.types import Object, Sample

FILL = 255
NEEDED = {"scale_crop": {"size": (21, 17)}, "resize": {"size": (21, 17)}, "rotation": {"degrees": 30.0}}
SIZES = [(1, 1), (2, 9), (40, 30)]


@pytest.fixture(params=sorted(AUGMENTATIONS))
def augment(request):
    return Augmentation([AUGMENTATIONS.build(request.param, FILL, **NEEDED.get(request.param, {}))], seed=0)


def drawn(size, dtype):
    generator = np.random.default_rng(0)
    numbers = np.random.default_rng(1).integers(1, 4, size)
    return Sample(
        "drawn",
        generator.integers(0, 256, (*size, 3), dtype=np.uint8),
        mask=generator.integers(3, 9, size).astype(dtype),
        objects=tuple(Object.of(label, RLE.of(numbers == label)) for label in (1, 2, 3)),
        label=1,
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", SIZES)
def test_planes_stay_planes_of_one_size(augment, size, dtype):
    for index in range(4):
        sample = augment(drawn(size, dtype), 0, index)  # Sample itself checks sizes and types
        assert sample.mask.dtype == dtype
        assert set(np.unique(sample.mask)) <= {*range(3, 9), FILL}
        masks = [one.mask.mask() for one in sample.objects]
        assert np.sum(masks, axis=0).max(initial=0) <= 1  # objects that do not overlap still do not
        assert (sample.name, sample.label) == ("drawn", 1)


def test_the_same_draw_twice(augment):
    once, again = (augment(drawn((40, 30), np.uint8), 2, 5) for _ in range(2))
    assert np.array_equal(once.image, again.image)
    assert np.array_equal(once.mask, again.mask)


def test_void_is_never_an_object(augment):
    for index in range(6):
        sample = augment(drawn((40, 30), np.uint8), 0, index)
        assert np.array_equal(sample.mask != FILL, np.any([one.mask.mask() for one in sample.objects], axis=0))


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_batch_is_what_its_pictures_are_each_by_itself(augment, size):
    if not augment.batchwise:
        pytest.skip("it has no form for whole batches")
    generator = np.random.default_rng(1)
    pictures = generator.integers(0, 256, (9, *size, 3), dtype=np.uint8)
    epochs, indices = [0, 1, 1 << 32, *range(6)], [0, 0, 7, *range(6)]
    alone = [augment(Sample("one", p), e, i).image for p, e, i in zip(pictures, epochs, indices, strict=True)]
    given = torch.from_numpy(pictures.copy())
    assert np.array_equal(augment.batch(given, epochs, indices).numpy(), np.stack(alone))
    assert np.array_equal(given.numpy(), pictures)
