"""Convolutions of any kernel ≥ 2 that keep, halve or double a size: their paddings come from the solver of `arithmetic`."""

from __future__ import annotations

from torch import nn

from pixelwise.arithmetic.padding import solve_padding, solve_transposed
from pixelwise.errors import ShapeError

EVEN = 64  # a size to solve for: what fits one even size fits them all, because it appears on both sides of the sum


def check_kernel(kernel: int) -> None:
    """Raise ShapeError for a kernel that has no neighbours to look at."""
    if kernel < 2:
        raise ShapeError(
            f"kernel {kernel} sees one pixel and none of its neighbours, so strides would skip pixels unseen.",
            where="kernel",
            hint="It must be at least 2; 3 is usual.",
        )


def keeping(in_channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    """A convolution that keeps the size. An even kernel has no middle: it is padded by one more after than before."""
    solution = solve_padding(kernel, EVEN, EVEN)
    if solution.fitting:
        return [nn.Conv2d(in_channels, out_channels, kernel, padding=solution.fitting[0].padding)]
    before, after = solution.one_sided or (0, 0)
    return [nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(in_channels, out_channels, kernel)]


def halving(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    """A convolution of stride 2 that halves every even size."""
    padding = solve_padding(kernel, EVEN, EVEN // 2, stride=2).fitting[0].padding
    return nn.Conv2d(in_channels, out_channels, kernel, stride=2, padding=padding)


def doubling(in_channels: int, out_channels: int, kernel: int) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 that doubles every size."""
    found = solve_transposed(kernel, EVEN // 2, EVEN, stride=2).fitting[0]
    return nn.ConvTranspose2d(
        in_channels, out_channels, kernel, stride=2, padding=found.padding, output_padding=found.output_padding
    )
