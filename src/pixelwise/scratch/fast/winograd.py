"""Convolution with stride 1 in a quarter of the multiplications: Winograd's F(4×4, 3×3), and variants for 2×2 to 5×5.

The product of two polynomials can be computed by evaluating both at enough points, multiplying the values, and
interpolating. A convolution of 6 numbers with 3 weights, which gives 4 numbers, is such a product (transposed), and
six points are enough: 0, 1, −1, 2, −2, ∞. So instead of 4·3 = 12 multiplications there are 6; in two dimensions
instead of 16·9 = 144 there are 36. For a 6×6 tile d of the picture and a 3×3 kernel g

    out = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A          (4×4)

where Bᵀ evaluates the picture, G the kernel, and Aᵀ interpolates. The sum over input channels can be taken before
interpolating, and then each of the 36 points is one matrix product (tiles × channels) · (channels × filters).
Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), section 4.3, has the three matrices.

The same six points serve every k and m with k + m − 1 = 6: a kernel of 5 with 2 outputs a tile (36 multiplications
instead of 100), one of 4 with 3, one of 2 with 5. Bᵀ stays; G and Aᵀ gain and lose powers of the points.

The price is precision, about one decimal digit, because the points 2 and −2 make large numbers that cancel. The gain is
limited by the transforms, so they too are matrix products, on arrays with the channels of a pixel side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_convolution, check_gradient
from pixelwise.scratch.fast.bands import Band, bands, channel_sums, cut_out
from pixelwise.scratch.fast.workspace import Buffers, Workspace, added
from pixelwise.scratch.functional.convolution import ConvolutionCache

TILE = 6  # a tile reads 6×6 inputs, and gives 4×4 outputs for a 3×3 kernel
POINTS = TILE * TILE
KERNELS = (2, 3, 4, 5)
BIAS_POINT = TILE + 1  # Aᵀ is all ones at the point 1, so what is added there, in both directions, reaches every output
BYTES_AT_ONCE = 2_500_000  # of evaluated tiles; measured: half or twice as much is slower

EVALUATE_PICTURE = np.array(  # Bᵀ
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float64,
)


def powers(count: int) -> Array:
    """p⁰, p¹, … of the points 0, 1, −1, 2, −2, ∞, one point a row: (6, count). Of ∞ only the highest power counts."""
    finite = np.array([0, 1, -1, 2, -2])[:, None] ** np.arange(count)
    return np.vstack([finite, np.arange(count) == count - 1]).astype(np.float64)


def evaluate_kernel(side: int) -> Array:
    """G (6, side): a kernel at the six points, each divided by Π (p − q) over the other finite points q."""
    matrix: Array = powers(side) / np.array([[4], [-6], [-6], [24], [24], [1]])
    return matrix


def interpolate(side: int) -> Array:
    """Aᵀ (m, 6) for a kernel of this side, m = 7 − side."""
    matrix: Array = powers(TILE + 1 - side).T
    return matrix


@dataclass(frozen=True)
class Grid:
    """The tiles of an output: `down` rows of `right`, each of them `step` × `step` outputs."""

    step: int
    down: int
    right: int

    @classmethod
    def over(cls, size: tuple[int, int], side: int) -> Grid:
        """For outputs of this size (h, w) of a kernel of this side; the last tiles may reach beyond them."""
        step = TILE + 1 - side
        return cls(step, -(-size[0] // step), -(-size[1] // step))

    def bands(self, part: slice, bytes_a_pixel: int) -> list[Band]:
        """Bands whose rows are rows of tiles, cut so that the evaluated tiles of one stay near the core."""
        return list(bands(part, self.down, POINTS * self.right * bytes_a_pixel, BYTES_AT_ONCE))


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, *, padding: int | tuple[int, int] = 0, workspace: Workspace
) -> tuple[Array, ConvolutionCache]:
    """`functional.conv2d` for a square kernel of 2 to 5 with stride 1 and a padding below its side.

    x (N, C, H, W), weight (O, C, k, k), bias (O,) → out (N, O, h, w), channels last in memory. In float32 the result
    differs from the exact one by about 1e-5 of its largest value. The cache holds the inputs only: the evaluated tiles,
    2¼ times as large (3×3), are computed again. Raises ShapeError for any other kernel or padding.
    """
    check_convolution(x, weight, bias)
    window = Window(weight.shape[2:], 1, padding)
    if not fits(window):
        raise ShapeError(
            f"kernel {window.kernel} with padding {window.padding}: this algorithm is for square kernels of 2 to 5 with "
            "a padding below their side.",
            hint="Use pixelwise.scratch.fast.unfold.",
        )
    kernels = _evaluate_kernels(weight.transpose(2, 3, 1, 0))
    out = _convolve(x.transpose(0, 2, 3, 1), kernels, bias, window, workspace).transpose(0, 3, 1, 2)
    return out, ConvolutionCache(x, weight, window, 1, bias is not None, out.shape)


def fits(window: Window) -> bool:
    """Whether this algorithm can compute it."""
    side = window.kernel[0]
    square = side in KERNELS and window.kernel == (side, side) and max(window.padding) < side
    return square and window.stride == window.dilation == (1, 1)


def input_gradient(dout: Array, cache: ConvolutionCache, *, workspace: Workspace) -> Array:
    """dx (N, C, H, W), which with stride 1 is itself a convolution with a k×k kernel and is computed as one.

    x[y] reaches out[y + p − i] through weight[i], for p rows of padding. So

        dx[y] = Σ_i weight[i] · dout[y + p − i] = Σ_j weight[k−1 − j] · dout[y − (k−1 − p) + j]      (j = k−1 − i)

    a convolution of dout with the kernel turned by 180°, input and output channels exchanged, and padding k − 1 − p.
    """
    check_gradient(dout, cache.x, cache.output_shape)
    side, (rows, columns) = cache.weight.shape[2], cache.window.padding
    turned = cache.weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)  # (k, k, O, C)
    window = Window(side, 1, (side - 1 - rows, side - 1 - columns))
    dx = _convolve(dout.transpose(0, 2, 3, 1), _evaluate_kernels(turned), None, window, workspace)
    return dx.transpose(0, 3, 1, 2)


def weight_gradient(dout: Array, cache: ConvolutionCache, *, workspace: Workspace) -> tuple[Array, Array | None]:
    """dweight (O, C, k, k) and dbias (O,).

    Each step of the forward is linear, so its gradient is the transposed step, in reverse order. With tiles d, evaluated
    tiles V = Bᵀ d B, evaluated kernels U = G g Gᵀ and out = Aᵀ (Σ_c V ⊙ U) A,

        dM = A · dout · Aᵀ          dU = Σ_tiles Vᵀ · dM (one matrix product a point)          dg = Gᵀ dU G
    """
    check_gradient(dout, cache.x, cache.output_shape)
    x, dpictures = cache.x.transpose(0, 2, 3, 1), dout.transpose(0, 2, 3, 1)
    channels, (_, outputs, height, width) = x.shape[3], cache.output_shape
    corner, side = (-cache.window.padding[0], -cache.window.padding[1]), cache.weight.shape[2]
    grid = Grid.over((height, width), side)
    evaluate, spread = EVALUATE_PICTURE.astype(x.dtype), interpolate(side).T.astype(x.dtype)

    def work(part: slice, buffers: Buffers) -> tuple[Array, Array]:
        dkernels = np.zeros((POINTS, channels, outputs), x.dtype)
        more = buffers.take("product", dkernels.shape, x.dtype)
        for band in grid.bands(part, max(channels, outputs) * x.itemsize):
            tiles = _evaluate_tiles(x, band, grid, corner, evaluate, "tiles", buffers)
            dproducts = _evaluate_tiles(dpictures, band, grid, (0, 0), spread, "products", buffers)
            dkernels += np.matmul(tiles.transpose(0, 2, 1), dproducts, out=more)
        return dkernels, channel_sums(dpictures[part])

    dkernels, sums = added(workspace.over(len(x), work))
    both = _both(evaluate_kernel(side), x.dtype)  # (36, k²)
    dweight = (both.T @ dkernels.reshape(POINTS, -1)).reshape(side, side, channels, outputs).transpose(3, 2, 0, 1)
    return np.ascontiguousarray(dweight), sums if cache.has_bias else None


def _evaluate_kernels(kernels: Array) -> Array:
    """G g Gᵀ of kernels (k, k, C, O) → (36, C, O). For the row-wise flattened g that is one product with G ⊗ G."""
    side = len(kernels)
    flat = np.ascontiguousarray(kernels).reshape(side * side, -1)
    evaluated: Array = _both(evaluate_kernel(side), kernels.dtype) @ flat
    return evaluated.reshape(POINTS, *kernels.shape[2:])


def _both(matrix: Array, dtype: Any) -> Array:
    """matrix ⊗ matrix: what mixes the rows and the columns of a flattened tile in one product."""
    return np.kron(matrix, matrix).astype(dtype)


def _convolve(x: Array, kernels: Array, bias: Array | None, window: Window, workspace: Workspace) -> Array:
    """x (N, H, W, C) and evaluated kernels (36, C, O) → (N, h, w, O)."""
    count, height, width, channels = x.shape
    outputs, side = kernels.shape[2], window.kernel[0]
    size = window.output_size((height, width))
    grid, corner = Grid.over(size, side), (-window.padding[0], -window.padding[1])
    out = workspace.result((count, *size, outputs), x.dtype)
    evaluate, combine = EVALUATE_PICTURE.astype(x.dtype), interpolate(side).astype(x.dtype)

    def work(part: slice, buffers: Buffers) -> None:
        for band in grid.bands(part, max(channels, outputs) * x.itemsize):
            tiles = _evaluate_tiles(x, band, grid, corner, evaluate, "tiles", buffers)
            products = buffers.take("products", (POINTS, tiles.shape[1], outputs), x.dtype)
            np.matmul(tiles, kernels, out=products)
            if bias is not None:
                products[BIAS_POINT] += bias
            _interpolate_tiles(products, band, grid, combine, out, buffers)

    workspace.over(count, work)
    return out


def _evaluate_tiles(
    x: Array, band: Band, grid: Grid, corner: tuple[int, int], matrix: Array, name: str, buffers: Buffers
) -> Array:
    """matrix · tile · matrixᵀ for each tile of a band of x (N, H, W, C) → (36, tiles, C).

    A matrix of 6 columns (Bᵀ) reads 6×6 tiles that overlap by k − 1; one of m columns (A) m×m tiles side by side.
    `corner` is where the first tile begins. First along the rows of the picture, then
    along its columns. Tiles that overlap are a view with overlapping steps, so nothing is copied but the padding, and
    each of the two is one call: many small products, which NumPy hands to BLAS without coming back to Python.
    """
    step, tiles, reach, channels = grid.step, grid.right, matrix.shape[1], x.shape[3]
    rows, columns = step * (band.rows - 1) + reach, step * (tiles - 1) + reach
    place = (corner[0] + step * band.top, corner[1])
    picture = cut_out(x, band.pictures, place, (rows, columns), name + " picture", buffers)
    image, row, column, number = picture.strides
    across = as_strided(
        picture, (band.count, rows, tiles, reach, channels), (image, row, step * column, column, number)
    )
    mixed = buffers.take("mixed", (TILE, band.count, rows, tiles, channels), x.dtype)
    np.matmul(matrix, across, out=mixed.transpose(1, 2, 3, 0, 4))

    point, image, row, _, number = mixed.strides
    down = as_strided(
        mixed, (TILE, band.count, band.rows, reach, tiles * channels), (point, image, step * row, row, number)
    )
    out = buffers.take(name, (TILE, TILE, band.count, band.rows, tiles * channels), x.dtype)
    np.matmul(matrix, down, out=out.transpose(1, 2, 3, 0, 4))
    return out.reshape(POINTS, -1, channels)


def _interpolate_tiles(products: Array, band: Band, grid: Grid, matrix: Array, out: Array, buffers: Buffers) -> None:
    """Write Aᵀ · product · A of each tile of a band into out (N, h, w, O). The way back of `_evaluate_tiles`.

    The last product writes each tile's row of m outputs where it belongs. If the width is not a multiple of m, the last
    tiles are shorter: fewer rows of Aᵀ.
    """
    _, height, width, outputs = out.shape
    step, tiles = grid.step, grid.right
    points = products.reshape(TILE, TILE, band.count, band.rows, tiles * outputs)
    mixed = buffers.take("mixed", (TILE, band.count, band.rows, step, tiles * outputs), out.dtype)
    np.matmul(matrix, points.transpose(1, 2, 3, 0, 4), out=mixed)
    target = out[band.pictures, band.rows_of(step, height)]
    across = mixed.reshape(TILE, band.count, step * band.rows, tiles, outputs)[:, :, : target.shape[1]]
    across = across.transpose(1, 2, 3, 0, 4)  # (images, rows, tiles, 6, O)
    whole, rest = divmod(width, step)
    image, row, column, number = target.strides
    if whole:
        shape = (*target.shape[:2], whole, step, outputs)
        side_by_side = as_strided(target, shape, (image, row, step * column, column, number))
        np.matmul(matrix, across[:, :, :whole], out=side_by_side)
    if rest:
        np.matmul(matrix[:rest], across[:, :, whole], out=target[:, :, step * whole :])
