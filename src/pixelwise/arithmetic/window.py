"""A window that slides over a picture: the one place where output sizes, padding and dilation are computed.

The NumPy convolution, the arithmetic tools and the torch models all use it. Dumoulin and Visin, "A guide to convolution
arithmetic for deep learning" (2016), derive the formulas with pictures.

Lengths and kernels may also be SymPy expressions; conditions that cannot be decided for a symbol are not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import Any

from pixelwise.errors import ShapeError

Length = Any  # an int, or a SymPy expression that stands for one
Pair = tuple[Length, Length]
Shape = tuple[Length, ...]  # (C, H, W), or (F,) once pixels are gone


def span(kernel: Length, dilation: Length = 1) -> Length:
    """The number of rows that a kernel covers: dilation·(kernel − 1) + 1."""
    return dilation * (kernel - 1) + 1


def output_length(
    length: Length, kernel: Length, stride: Length = 1, padding: Length = 0, dilation: Length = 1, extra: Length = 0
) -> Length:
    """Number of places where a window fits: floor((length + 2·padding + extra − dilation·(kernel − 1) − 1)/stride) + 1.

    One axis. `padding` is added on both sides, `extra` on the far side only. Raises ShapeError if no window fits.

    >>> output_length(32, kernel=3, stride=2, padding=1)
    16
    """
    places = (length + 2 * padding + extra - span(kernel, dilation)) // stride + 1
    if not is_symbolic(places) and (places < 1 or length < 1):
        raise _nothing_fits(length, kernel, stride, padding, dilation, extra)
    return places


def transposed_output_length(
    length: Length, kernel: Length, stride: Length = 1, padding: Length = 0, dilation: Length = 1,
    output_padding: Length = 0,
) -> Length:  # fmt: skip
    """Output of a transposed convolution: (length − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.

    `output_padding` chooses among the lengths that a convolution with this stride maps to `length`, so it must stay below
    max(stride, dilation). Raises ShapeError if it does not, and if nothing is left.

    >>> transposed_output_length(8, kernel=3, stride=2, padding=1, output_padding=1)
    16
    """
    if not is_symbolic(output_padding - stride * dilation) and not 0 <= output_padding < max(stride, dilation):
        bound = f"it must be at least 0 and below max(stride, dilation) = {max(stride, dilation)}"
        hint = "With one more stride, the convolution in the other direction would have one more window."
        raise ShapeError(f"output_padding {output_padding} is not allowed: {bound}.", hint=hint)
    rows = (length - 1) * stride - 2 * padding + span(kernel, dilation) + output_padding
    if not is_symbolic(rows) and (rows < 1 or length < 1):
        done = f"({length} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {output_padding} + 1 = {rows}"
        hint = f"Padding may be at most {max(0, (padding * 2 + rows - 1) // 2)} here."
        raise ShapeError(f"a transposed convolution of {length} leaves no rows: {done}.", hint=hint)
    return rows


def same_padding(kernel: Length, dilation: Length = 1) -> tuple[Length, Length]:
    """Rows to add before and after so that a window with stride 1 keeps the length.

    An even kernel has no middle: it gets one row more after than before.

    >>> same_padding(4)
    (1, 2)
    """
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


def transposed_same_padding(kernel: Length, stride: Length = 1, dilation: Length = 1) -> tuple[Length, Length]:
    """(padding, output_padding) with which a transposed convolution makes a length exactly `stride` times as long.

    Solves 2·padding − output_padding = dilation·(kernel − 1) + 1 − stride with the smallest padding. If the kernel
    is shorter than the stride, output_padding supplies the rest. Raises ShapeError for an even kernel at stride 1, the only
    case without a solution: the left side would have to be odd, but output_padding must stay below 1.

    >>> transposed_same_padding(4, stride=2)
    (1, 0)
    """
    surplus = span(kernel, dilation) - stride
    padding = (surplus + 1) // 2
    if not is_symbolic(padding):
        padding = max(0, padding)
    output_padding = 2 * padding - surplus
    if not is_symbolic(output_padding) and stride == dilation == 1 and output_padding:
        what = f"no padding lets a transposed convolution of kernel {kernel} and stride 1 keep a length"
        why = f"2·padding − output_padding = {surplus} needs output_padding 1, but it must stay below 1"
        raise ShapeError(f"{what}: {why}.", hint="Use an odd kernel, or a stride of 2.")
    return padding, output_padding


@dataclass(frozen=True)
class Window:
    """A kernel's size and how it moves. Every field is an int or a pair (vertical, horizontal); it is kept as a pair.

    padding:  rows added on both sides
    extra:    rows added on the far side only (bottom, right), which an even kernel needs to keep a size

    >>> Window(3, stride=2, padding=1).output_size((32, 48))
    (16, 24)
    """

    kernel: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    extra: Any = 0

    def __post_init__(self) -> None:
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1), ("extra", 0)):
            object.__setattr__(self, name, as_pair(getattr(self, name), name, least))

    @classmethod
    def same(cls, kernel: Any, dilation: Any = 1, stride: Any = 1) -> Window:
        """A window that keeps the size, also for an even kernel; with a stride S it gives ceil(size/S)."""
        kernels, dilations = as_pair(kernel, "kernel", 1), as_pair(dilation, "dilation", 1)
        (top, bottom), (left, right) = map(same_padding, kernels, dilations)
        return cls(kernels, stride, (top, left), dilations, (bottom - top, right - left))

    @classmethod
    def same_transposed(cls, kernel: Any, stride: Any = 1, dilation: Any = 1) -> tuple[Window, Pair]:
        """The window and output_padding of a transposed convolution that multiplies a size by its stride."""
        kernels, strides, dilations = (as_pair(v, "kernel, stride or dilation", 1) for v in (kernel, stride, dilation))
        padding, more = zip(*map(transposed_same_padding, kernels, strides, dilations), strict=True)
        return cls(kernels, strides, padding, dilations), more

    @property
    def span(self) -> Pair:
        """(rows, columns) from the first to the last cell of the kernel, holes of the dilation included."""
        return span(self.kernel[0], self.dilation[0]), span(self.kernel[1], self.dilation[1])

    def output_size(self, size: Pair) -> Pair:
        """(H, W) → (h, w) of a convolution or pooling. Raises ShapeError if nothing fits."""
        return self._along(output_length, size, self.extra)

    def transposed_output_size(self, size: Pair, output_padding: Any = 0) -> Pair:
        """(h, w) → (H, W) of the transposed convolution."""
        if self.extra != (0, 0):
            what = f"a transposed convolution cannot have padding on one side only, but this window has {self.extra}."
            raise ShapeError(what, hint="Use output_padding.")
        return self._along(transposed_output_length, size, as_pair(output_padding, "output_padding", 0))

    def _along(self, formula: Any, size: Pair, more: Pair) -> Pair:
        """A formula along both axes, `more` being its last number; its error says which axis."""
        lengths = []
        pairs = zip(size, self.kernel, self.stride, self.padding, self.dilation, more, strict=True)
        for name, numbers in zip(("height", "width"), pairs, strict=True):
            try:
                lengths.append(formula(*numbers))
            except ShapeError as error:
                raise ShapeError(error.problems[0].what, where=name, hint=error.problems[0].hint) from None
        return lengths[0], lengths[1]


def as_pair(value: Any, name: str, least: int) -> Pair:
    """An int or pair as a pair; every member a whole number of at least `least`, or a symbol.

    Raises ShapeError, which begins with `name`, for anything else.
    """
    members = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(members) != 2:
        raise ShapeError(
            f"{name} {value!r} has {len(members)} members; it must be one number or (vertical, horizontal)."
        )
    first, second = (_whole(member, name, least) for member in members)
    return first, second


def is_symbolic(value: Any) -> bool:
    """Whether a length is an expression whose value is not known."""
    return bool(getattr(value, "free_symbols", False))


def _whole(value: Any, name: str, least: int) -> Length:
    if is_symbolic(value):
        return value
    try:
        if isinstance(value, bool):
            raise TypeError
        number = index(value)
    except TypeError:
        raise ShapeError(f"{name} must be a whole number, not {value!r}.") from None
    if number < least:
        raise ShapeError(f"{name} must be at least {least}, not {number}.")
    return number


def _nothing_fits(
    length: Length, kernel: Length, stride: Length, padding: Length, dilation: Length, extra: Length
) -> ShapeError:
    """The error with its computation: which size, which kernel, and what would fit."""
    if length < 1:
        return ShapeError(f"read the length {length}; a length must be at least 1.")
    more, spread = f" + {extra}" if extra else "", f" with dilation {dilation}" if dilation != 1 else ""
    covers, padded = span(kernel, dilation), length + 2 * padding + extra
    return ShapeError(
        f"a kernel of {kernel}{spread} covers {covers}, but the input is {length} long, with padding {padded}: "
        f"floor(({length} + 2·{padding}{more} − {dilation}·({kernel} − 1) − 1)/{stride}) + 1 = "
        f"{(padded - covers) // stride + 1}, below 1.",
        hint=f"Use an input of at least {covers - 2 * padding - extra}, a kernel of at most "
        f"{(padded - 1) // dilation + 1}, or padding of at least {-(-(covers - length - extra) // 2)}.",
    )
