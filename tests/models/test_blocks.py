"""Shared blocks against torch's functions, and the names of their arrays, which checkpoints have."""

import pytest
import torch
from torch.nn import functional

from pixelwise.models.blocks import PictureMean, Residual, conv_norm_relu, double_convolution


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
def test_a_convolution_is_normalised_and_rectified(norm, stride, dilation):
    block = conv_norm_relu(3, 8, norm, stride=stride, dilation=dilation)
    x = torch.randn(2, 3, 9, 10)
    layer = block[0]
    assert (layer.bias is None) == (norm == "batch")
    expected = functional.conv2d(x, layer.weight, layer.bias, stride, padding=dilation, dilation=dilation)
    if norm == "batch":
        expected = functional.batch_norm(expected, None, None, training=True)
    if norm == "group":
        expected = functional.group_norm(expected, 2)  # groups of at least four channels
    torch.testing.assert_close(block(x), functional.relu(expected))


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_residual_block_begins_as_relu_and_is_the_sum_of_its_two_ways(dilation):
    block, x = (
        Residual(4, dilation).eval(),
        torch.randn(2, 4, 7, 8),
    )  # its statistics are a mean of 0 and a variance of 1
    assert torch.equal(block(x), functional.relu(x))
    torch.nn.init.ones_(block.norm.weight)
    first = functional.relu(functional.conv2d(x, block.first[0].weight, padding=dilation, dilation=dilation))
    second = functional.conv2d(first, block.second.weight, padding=dilation, dilation=dilation)
    torch.testing.assert_close(block(x), functional.relu(x + second), rtol=1e-4, atol=1e-4)


def test_the_mean_of_the_picture_is_added_to_every_place():
    block, x = PictureMean(4), torch.randn(2, 4, 5, 6)
    weight, bias = block.project.weight[:, :, 0, 0], block.project.bias
    added = functional.relu(x.mean(dim=(2, 3)) @ weight.T + bias)
    torch.testing.assert_close(block(x), x + added[:, :, None, None])


def test_names_in_checkpoints_stay():
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert list(Residual(4).state_dict()) == [
        *("first.0.weight", *(f"first.1.{name}" for name in norm)),
        *("second.weight", *(f"norm.{name}" for name in norm)),
    ]
    assert list(double_convolution(3, 4, "none").state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(PictureMean(4).state_dict()) == ["project.weight", "project.bias"]
