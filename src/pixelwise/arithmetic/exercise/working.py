"""Works out an exercise: every result as a grid, every cell with its sum, unused cells as ×."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from pixelwise.arithmetic.exercise.kernels import feature
from pixelwise.arithmetic.exercise.linear_piece import Exact, exact, show
from pixelwise.arithmetic.exercise.panels import UNUSED, Grid, Panel, filter_grids
from pixelwise.arithmetic.exercise.pieces import all_pieces, piece_at
from pixelwise.arithmetic.exercise.pooling import Pooling, rectified, rectified_backward
from pixelwise.arithmetic.exercise.reading import Exercise, Task
from pixelwise.arithmetic.exercise.sliding import Sliding
from pixelwise.errors import RecipeError


def work(exercise: Exercise) -> list[Panel]:
    """Work out every step of an exercise. Raises ShapeError if a window does not fit."""
    chain = _Chain(exercise)
    weights, biases = ([layer[part] for layer in exercise.network] for part in (0, 1))
    for task in exercise.tasks:
        match task.kind:
            case "best patch":
                chain.panels.append(best_patch(cast(Exact, exercise.filters), task))
            case "detects":
                chain.panels.append(detected(cast(Exact, exercise.filters)))
            case "pieces":
                chain.panels.append(all_pieces(weights, biases))
            case "backward":
                chain.backward()
            case _:
                chain.forward(task)
    return chain.panels + [piece_at(weights, biases, point) for point in exercise.points]


@dataclass
class _Chain:
    """The steps since the last convolution, so that a gradient can go back through them."""

    exercise: Exercise
    panels: list[Panel] = field(default_factory=list)
    steps: list[Sliding | Pooling | Exact] = field(default_factory=list)  # an array is the input of a ReLU
    latest: Exact | None = None

    def forward(self, task: Task) -> None:
        """One more step; a convolution begins with the exercise's input again."""
        step: Sliding | Pooling | Exact
        if task.kind in ("convolve", "transposed convolve"):
            filters = cast(Exact, self.exercise.filters)
            self.steps = []
            window = replace(task.window, kernel=filters.shape[2:])
            bias = np.broadcast_to(exact(task.bias), len(filters))
            more = task.more if task.kind.startswith("transposed") else None
            step = Sliding(cast(Exact, self.exercise.input), filters, window, bias, more)
            panel = step.forward()
        else:
            picture = cast(Exact, self.exercise.input if self.latest is None else self.latest)
            if task.kind == "relu":
                step, panel = picture, rectified(picture)
            else:
                step = Pooling(picture, task.window, "max" if task.kind == "max pool" else "average")
                panel = step.forward()
        self.steps.append(step)
        self.panels.append(panel)
        self.latest = panel.value

    def backward(self) -> None:
        """The gradient from the last result back to the input, step by step."""
        latest = cast(Exact, self.latest)
        given = self.exercise.gradient
        gradient = exact(np.ones(latest.shape, dtype=int)) if given is None else given
        if gradient.shape != latest.shape:
            read, needed = ("×".join(map(str, shape)) for shape in (gradient.shape, latest.shape))
            raise RecipeError(
                f"the gradient is {read}, the last result {needed}: it needs one value for each cell.", where="gradient"
            )
        for step in reversed(self.steps):
            if isinstance(step, Sliding):
                self.panels += step.backward(gradient)
            else:
                back = step.backward(gradient) if isinstance(step, Pooling) else rectified_backward(step, gradient)
                self.panels.append(back)
            gradient = cast(Exact, self.panels[-1].value)


def best_patch(filters: Exact, task: Task) -> Panel:
    """The patch with values in [low, high] that activates a filter most: high where a weight is positive, low where it
    is negative, × where it is zero and any value will do."""
    low, high = task.bounds
    patches = []
    most = []
    for o, kernel in enumerate(filters, start=1):
        for number, weights in enumerate(kernel, start=1):
            cells = [[UNUSED if w == 0 else show(high if w > 0 else low) for w in row] for row in weights]
            name = f"patch channel {number}" if len(filters) == 1 else f"patch of filter {o}, channel {number}"
            patches.append(Grid(name, tuple(map(tuple, cells))))
        most.append(sum(w * (high if w > 0 else low) for w in kernel.ravel()))
    words = (
        f"Each product w·x is largest at x = {show(high)} where w > 0 and at x = {show(low)} where w < 0; "
        f"where w = 0 the cell does not matter ({UNUSED}).",
        f"The activation is then {', '.join(map(show, most))}, the most that values in [{show(low)}, {show(high)}] can give.",
    )
    return Panel(
        "The patch that activates the filter most", words, filters=filter_grids(filters), results=tuple(patches)
    )


def detected(filters: Exact) -> Panel:
    """A description of what every channel of the filters responds to."""
    words = [
        f"{f'filter {o}, ' if len(filters) > 1 else ''}channel {number}: {feature(plane)}"
        for o, kernel in enumerate(filters, start=1)
        for number, plane in enumerate(kernel, start=1)
    ]
    return Panel("What the filter detects", tuple(words), filters=filter_grids(filters))
