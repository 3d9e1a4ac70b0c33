"""The draw depends on (seed, epoch, index) and on nothing else."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pixelwise.augment.colour import colour
from pixelwise.augment.geometry import PICTURE_FILL, crop, flip, rotation, scale_crop
from pixelwise.augment.pipeline import Augmentation
from pixelwise.types import Sample

ROW = [colour(255, hue=0.1), rotation(255, degrees=20), scale_crop(255, size=(40, 48), scale=(0.3, 1.5)), flip(255)]


def sample(size=(50, 60)):
    generator = np.random.default_rng(0)
    return Sample(
        "noise",
        generator.integers(0, 256, (*size, 3), dtype=np.uint8),
        mask=generator.integers(0, 21, size, dtype=np.uint8),
    )


def equal(one, other):
    return np.array_equal(one.image, other.image) and np.array_equal(one.mask, other.mask)


def test_the_same_key_gives_the_same_sample_and_another_key_another():
    augment = Augmentation(ROW, seed=3)
    first = augment(sample(), 1, 2)
    assert equal(first, augment(sample(), 1, 2))
    assert equal(first, Augmentation(ROW, seed=3)(sample(), 1, 2))
    for seed, epoch, index in [(4, 1, 2), (3, 2, 2), (3, 1, 3), (3, 2, 1)]:
        assert not equal(first, Augmentation(ROW, seed)(sample(), epoch, index))


def test_what_was_drawn_before_does_not_matter():
    augment = Augmentation(ROW, seed=3)
    expected = augment(sample(), 0, 5)
    torch.manual_seed(99)
    random.seed(99)
    torch.rand(7)
    augment(sample(), 0, 4)
    assert equal(augment(sample(), 0, 5), expected)


def test_nobody_elses_draws_change():
    torch.manual_seed(1)
    expected = torch.rand(5)
    torch.manual_seed(1)
    Augmentation(ROW, seed=3)(sample(), 0, 0)
    assert torch.equal(torch.rand(5), expected)


def test_the_generator_is_restored_even_after_an_error():
    def broken(*planes):
        torch.rand(3)
        raise ValueError("broken")

    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="broken"):
        Augmentation([broken], seed=3)(sample(), 0, 0)
    assert torch.equal(torch.get_rng_state(), state)


class Items:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        moved = Augmentation(ROW, seed=3)(sample((224, 224)), 0, index)
        return moved.image, moved.mask, index


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 on, where threads are running
@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_pictures(workers):
    loader = DataLoader(Items(), batch_size=None, num_workers=workers, shuffle=True, multiprocessing_context="fork")
    for image, mask, index in loader:
        expected = Items()[index]
        assert np.array_equal(np.asarray(image), expected[0])
        assert np.array_equal(np.asarray(mask), expected[1])


def test_any_number_of_threads_gives_the_same_bits():
    threads = torch.get_num_threads()
    try:
        seen = []
        for count in (1, 2):
            torch.set_num_threads(count)
            seen.append([Augmentation(ROW, seed=3)(sample((301, 299)), 0, index) for index in range(3)])
    finally:
        torch.set_num_threads(threads)
    assert all(equal(a, b) for later in seen[1:] for a, b in zip(seen[0], later, strict=True))


def test_the_sample_given_is_not_changed_even_where_it_is_read_only():
    given = sample()
    image, mask = given.image.copy(), given.mask.copy()
    given.image.flags.writeable = given.mask.flags.writeable = False
    moved = Augmentation([flip(255, p=1.0), colour(255)], seed=0)(given, 0, 0)
    assert np.array_equal(given.image, image)
    assert np.array_equal(given.mask, mask)
    assert np.array_equal(moved.mask, mask[:, ::-1])
    assert moved.image.flags.c_contiguous
    assert moved.mask.flags.c_contiguous


def test_a_picture_alone_and_a_row_without_transforms():
    alone = Sample("alone", sample().image, label=3)
    moved = Augmentation(ROW, seed=0)(alone, 0, 0)
    assert (moved.size, moved.mask, moved.label) == ((40, 48), None, 3)
    assert Augmentation([], seed=0)(alone, 0, 0) is alone


BATCHWISE = [
    [],
    [flip(255)],
    [crop(255, padding=3), flip(255, p=0.3)],
    [flip(255, direction="vertical"), crop(255, padding=9, edge="black"), crop(255, padding=1), flip(255)],
]


@pytest.mark.parametrize("row", BATCHWISE, ids=len)
@pytest.mark.parametrize("size", [(32, 32), (5, 7)])
def test_a_batch_becomes_what_its_pictures_become_one_by_one(row, size):
    augment = Augmentation(row, seed=2**40 + 1)
    pictures = np.random.default_rng(0).integers(0, 256, (40, *size, 3), dtype=np.uint8)
    indices = np.random.default_rng(1).permutation(50_000)[:40].tolist()
    epochs = [index % 3 + (index % 2 << 32) for index in indices]
    assert augment.batchwise
    state = torch.get_rng_state()
    made = augment.batch(torch.from_numpy(pictures), epochs, indices).numpy()
    assert torch.equal(torch.get_rng_state(), state)
    for picture, epoch, index, found in zip(pictures, epochs, indices, made, strict=True):
        assert np.array_equal(augment(Sample("one", picture), epoch, index).image, found)


def test_a_row_with_a_transform_that_has_no_form_for_batches_has_none():
    assert not Augmentation([flip(255), rotation(255, degrees=5)], seed=0).batchwise


def test_pictures_of_five_channels_move_as_those_of_three():
    """What is beyond the picture has ImageNet's colour in the first three channels, and its mean, 115, in the others."""
    row = [crop(255, padding=6), rotation(255, degrees=20), scale_crop(255, size=(40, 48), scale=(0.3, 1.5)), flip(255)]
    values = np.random.default_rng(1).integers(0, 256, (50, 60, 5), dtype=np.uint8)
    augment = Augmentation(row, seed=3)
    for index in range(8):
        five = augment(Sample("noise", values, mask=sample().mask), 0, index)
        three = augment(Sample("noise", np.ascontiguousarray(values[..., :3]), mask=sample().mask), 0, index)
        assert np.array_equal(five.image[..., :3], three.image)
        assert np.array_equal(five.mask, three.mask)
        moved = Augmentation([crop(255, padding=6)], seed=3)(Sample("noise", values, mask=sample().mask), 0, index)
        assert (moved.image[moved.mask == 255] == (*PICTURE_FILL, 115, 115)).all()
    batchwise = Augmentation([crop(255), flip(255)], seed=3)
    batch = batchwise.batch(torch.from_numpy(values)[None].repeat(4, 1, 1, 1), [0] * 4, range(4))
    singly = [batchwise(Sample("noise", values), 0, index).image for index in range(4)]
    assert np.array_equal(batch.numpy(), np.stack(singly))
    bright = Augmentation([colour(255, brightness=0, contrast=0, saturation=0.9)], seed=3)(Sample("grey", values), 0, 0)
    assert bright.image.shape == values.shape
