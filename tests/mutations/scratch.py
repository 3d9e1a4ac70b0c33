"""Plant faults in the NumPy network, one at a time, and see that its tests catch every one.

    python tests/mutations/scratch.py                  # all of them: three minutes on a quiet machine
    python tests/mutations/scratch.py winograd bands   # those in files whose path contains one of the words

Not part of the test run. Each fault is one line changed in a copy of the source: an index off by one, a sum left out, a
wrong sign. A fault that no test notices is listed at the end, and the exit code is 1.
"""

# ruff: noqa: E501 (a fault is on one line with what it replaces)

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src/pixelwise/scratch")

CONVOLUTION = "tests/scratch/functional/test_convolution.py"
POOLING = "tests/scratch/functional/test_pooling.py"
POINTWISE = "tests/scratch/functional/test_pointwise.py"
UNFOLD = "tests/scratch/fast/test_unfold.py"
WINOGRAD = "tests/scratch/fast/test_winograd.py"
BANDS = "tests/scratch/fast/test_bands.py"
WORKSPACE = "tests/scratch/fast/test_workspace.py"
LAYERS = "tests/scratch/test_layers.py"
NETWORK = "tests/scratch/test_network.py"
OPTIM = "tests/scratch/test_optim.py"
GRADCHECK = "tests/scratch/test_gradcheck.py"

# (file, text that occurs exactly once in it, what is planted, the tests that must fail)
FAULTS = [
    # windows: indices, padding, the sum of overlapping windows
    ("windows.py", "top, left = i * gap_rows, j * gap_columns", "top, left = i * gap_columns, j * gap_rows", CONVOLUTION),
    ("windows.py", "rows = slice(top, top + down * (size[0] - 1) + 1, down)", "rows = slice(top, top + down * (size[0] - 1) + 1)", CONVOLUTION),
    ("windows.py", "down * row, right * column)", "right * row, right * column)", CONVOLUTION),
    ("windows.py", "gap_rows * row,", "row,", CONVOLUTION),
    ("windows.py", "out[:, :, down, right] += values[:, :, i, j]", "out[:, :, down, right] = values[:, :, i, j]", CONVOLUTION),
    ("windows.py", "return out[:, :, rows : rows + height, columns : columns + width]\n", "return out[:, :, columns : columns + height, rows : rows + width]\n", CONVOLUTION),
    # convolution: products, sums, groups, bias
    ("functional/convolution.py", "    out = (rows @ columns).reshape(shape)\n    if bias is not None:\n        out += bias[:, None, None]", "    out = (rows @ columns).reshape(shape)", CONVOLUTION),
    ("functional/convolution.py", "dweight = (drows @ columns.transpose(0, 1, 3, 2)).sum(axis=0)", "dweight = (drows @ columns.transpose(0, 1, 3, 2)).mean(axis=0)", CONVOLUTION),
    ("functional/convolution.py", "dcolumns = rows.transpose(0, 2, 1) @ drows", "dcolumns = -rows.transpose(0, 2, 1) @ drows", CONVOLUTION),
    ("functional/convolution.py", "    dx = fold(dcolumns.reshape(*x.shape[:2], *window.kernel, height, width), window, (x.shape[2], x.shape[3]))\n    dbias = dout.sum(axis=(0, 2, 3))", "    dx = fold(dcolumns.reshape(*x.shape[:2], *window.kernel, height, width), window, (x.shape[2], x.shape[3]))\n    dbias = dout.sum(axis=(2, 3))[0]", CONVOLUTION),
    ("functional/convolution.py", "dx = (rows @ dstamps).reshape(x.shape)", "dx = (rows @ dstamps[..., ::-1]).reshape(x.shape)", CONVOLUTION),
    ("functional/convolution.py", "dweight = (pixels @ dstamps.transpose(0, 1, 3, 2)).sum(axis=0)", "dweight = (pixels @ dstamps.transpose(0, 1, 3, 2))[0]", CONVOLUTION),
    ("functional/convolution.py", "size = window.transposed_output_size((height, width), output_padding)", "size = window.transposed_output_size((height, width))", CONVOLUTION),
    # pooling: ties, overlaps, padding, the divisor
    ("functional/pooling.py", "(x.shape[2], x.shape[3]), window, -np.inf)", "(x.shape[2], x.shape[3]), window, 0)", POOLING),
    ("functional/pooling.py", "np.greater(pixels, highest, out=beaten)", "np.greater_equal(pixels, highest, out=beaten)", POOLING),
    ("functional/pooling.py", "dpixels += np.multiply(dhighest, won, out=share)", "dpixels[...] = np.multiply(dhighest, won, out=share)", POOLING),
    ("functional/pooling.py", "np.maximum(winner, number, out=winner)", "np.minimum(winner, number, out=winner)", POOLING),
    ("functional/pooling.py", "        planes.clear()\n", "", POOLING),
    ("functional/pooling.py", "start = offset + stride * before - padding", "start = offset + stride * before", POOLING),
    ("functional/pooling.py", "out /= window.kernel[0] * window.kernel[1]", "out /= window.kernel[0] * window.kernel[0]", POOLING),
    ("functional/pooling.py", "share = dout / (window.kernel[0] * window.kernel[1])", "share = dout", POOLING),
    ("functional/pooling.py", "dpicture[:, :, rows, columns] += share", "dpicture[:, :, rows, columns] = share", POOLING),
    # pointwise functions and the loss
    ("functional/dense.py", "dweight = dout.T @ cache.x", "dweight = (dout.T @ cache.x) / len(dout)", POINTWISE),
    ("functional/dense.py", "dbias = dout.sum(axis=0)", "dbias = dout.mean(axis=0)", POINTWISE),
    ("functional/dense.py", "return dout * (out > 0)", "return dout * (out >= 0)", POINTWISE),
    ("functional/dense.py", "small = np.exp(-np.abs(x))", "small = np.exp(np.abs(x))", POINTWISE),
    ("functional/dense.py", "dout * out * (1 - out)", "dout * out * (1 + out)", POINTWISE),
    ("functional/dense.py", "factors = kept.astype(x.dtype) / (1 - probability)", "factors = kept.astype(x.dtype)", POINTWISE),
    ("functional/dense.py", "kept = generator.random(x.shape, np.float32) >= probability", "kept = generator.random(x.shape, np.float32) < probability", POINTWISE),
    ("functional/normalisation.py", "variance = np.square(centred).mean(axis=AXES)", "variance = np.square(centred).sum(axis=AXES) / (count - 1)", POINTWISE),
    ("functional/normalisation.py", "dx = dout - constant[:, None, None] - y * along[:, None, None]", "dx = dout - constant[:, None, None] + y * along[:, None, None]", POINTWISE),
    ("functional/normalisation.py", "dx = dout - constant[:, None, None] - y", "dx = dout - y", POINTWISE),
    ("functional/normalisation.py", "dscale = (dout * y).sum(axis=AXES)", "dscale = dout.sum(axis=AXES)", POINTWISE),
    ("functional/normalisation.py", "dx = dout * (cache.scale / cache.deviation)[:, None, None]", "dx = dout * cache.scale[:, None, None]", POINTWISE),
    ("functional/loss.py", "shifted = scores - scores.max(axis=1, keepdims=True)", "shifted = scores - scores.max(axis=1, keepdims=True) * 0", POINTWISE),
    ("functional/loss.py", "np.take_along_axis(dscores, truth, axis=1) - 1", "np.take_along_axis(dscores, truth, axis=1)", POINTWISE),
    ("functional/loss.py", "weights *= class_weights[truth]", "weights = class_weights[truth]", POINTWISE),
    ("functional/loss.py", "shares = weights / total if total > 0", "shares = weights / weights.size if total > 0", POINTWISE),
    # unfold
    ("fast/unfold.py", "around = tuple(reach - 1 - padding", "around = tuple(reach - padding", UNFOLD),
    ("fast/unfold.py", "turned = kernels[::-1, ::-1]", "turned = kernels[::-1]", UNFOLD),
    ("fast/unfold.py", "corner = (down * band.top - window.padding[0], -window.padding[1])", "corner = (band.top - window.padding[0], -window.padding[1])", UNFOLD),
    ("fast/unfold.py", "below = dpicture[:, step * band.top :]", "below = dpicture[:, band.top :]", UNFOLD),
    ("fast/unfold.py", "if band.top == 0:\n", "if True:\n", UNFOLD),
    ("fast/unfold.py", "dkernel += np.matmul(rows.T, dproducts, out=more)", "dkernel = np.matmul(rows.T, dproducts)", UNFOLD),
    ("fast/unfold.py", "below[:, rows, columns] += drows[:, :, :, i, j]", "below[:, rows, columns] += drows[:, :, :, j % drows.shape[3], i % drows.shape[4]]", UNFOLD),
    # winograd
    ("fast/winograd.py", "[0, -2, -1, 2, 1, 0],", "[0, -2, 1, 2, 1, 0],", WINOGRAD),
    ("fast/winograd.py", "[[4], [-6], [-6], [24], [24], [1]]", "[[4], [-6], [-6], [24], [24], [2]]", WINOGRAD),
    ("fast/winograd.py", "np.array([0, 1, -1, 2, -2])[:, None]", "np.array([0, 1, -1, 2, 2])[:, None]", WINOGRAD),
    ("fast/winograd.py", "np.arange(count) == count - 1", "np.arange(count) == count", WINOGRAD),
    ("fast/winograd.py", "step = TILE + 1 - side\n", "step = TILE - side\n", WINOGRAD),
    ("fast/winograd.py", "(side - 1 - rows, side - 1 - columns)", "(side - 1 - columns, side - 1 - rows)", WINOGRAD),
    ("fast/winograd.py", "cache.weight[:, :, ::-1, ::-1]", "cache.weight[:, :, ::-1, :]", WINOGRAD),
    ("fast/winograd.py", "dkernels += np.matmul(", "dkernels = np.matmul(", WINOGRAD),
    ("fast/winograd.py", "products[BIAS_POINT] += bias", "products[0] += bias", WINOGRAD),
    ("fast/winograd.py", "out=target[:, :, step * whole :]", "out=target[:, :, :rest]", WINOGRAD),
    ("fast/winograd.py", "np.matmul(matrix[:rest]", "np.matmul(matrix[-rest:]", WINOGRAD),
    ("fast/winograd.py", "[:, :, : target.shape[1]]", "[:, :, -target.shape[1] :]", WINOGRAD),
    ("fast/winograd.py", "place = (corner[0] + step * band.top, corner[1])", "place = (step * band.top, corner[1])", WINOGRAD),
    # bands and workspace: memory that is reused
    ("fast/bands.py", "out[:, :up] = out[:, down:] = 0", "out[:, :up] = 0", BANDS),
    ("fast/bands.py", "(shape, x.dtype, up, down, begin, end)", "(shape, x.dtype, up, begin)", BANDS),
    ("fast/bands.py", "inside.strides[3] == x.itemsize", "inside.strides[3]", UNFOLD),
    ("fast/bands.py", "max(up, min(rows, height - top))", "max(up, min(rows, height - top - 1))", BANDS),
    ("fast/bands.py", "for first in range(part.start, part.stop, together):", "for first in range(0, part.stop, together):", BANDS),
    ("fast/workspace.py", "if memory is None or memory.size < size:", "if memory is None:", WORKSPACE),
    ("fast/workspace.py", "weakref.finalize(loan, waiting.append, memory)", "weakref.finalize(memory, print, waiting.append(memory))", WORKSPACE),
    ("fast/workspace.py", "if self._holders == 0:\n", "if self._holders < 2:\n", WORKSPACE),
    ("fast/workspace.py", "zip(parts[1:], self._buffers[1:], strict=False)", "zip(parts[1:], self._buffers, strict=False)", WORKSPACE),
    ("fast/workspace.py", "            wait(others)", "            pass", WORKSPACE),
    # layers, network, optimizers, the gradient check itself
    ("layers.py", "cache.variance * (cache.count / (cache.count - 1))", "cache.variance", LAYERS),
    ("layers.py", "mean += self.momentum * (cache.mean - mean)", "mean += (1 - self.momentum) * (cache.mean - mean)", LAYERS),
    ("layers.py", 'zip(("weight", "bias"), gradients', 'zip(("bias", "weight"), gradients', LAYERS),
    ("layers.py", "math.sqrt(2 / self._inputs)", "math.sqrt(1 / self._inputs)", LAYERS),
    ("layers.py", "if training is None:\n            return x, None", "if training is not None:\n            return x, None", LAYERS),
    ("network.py", "range(len(self.layers) - 1, 0, -1)", "range(len(self.layers) - 1, 1, -1)", NETWORK),
    ("network.py", "np.random.default_rng([seed, index])", "np.random.default_rng([seed])", NETWORK),
    ("optim.py", "velocity -= rate * gradient", "velocity += rate * gradient", OPTIM),
    ("optim.py", "weight += velocity", "weight += rate * velocity", OPTIM),
    ("optim.py", "velocity *= self.momentum\n", "velocity *= self.momentum * rate\n", OPTIM),
    ("optim.py", 'is_weight = name.rpartition(".")[2] == "weight"', "is_weight = True", OPTIM),
    ("optim.py", "square += (1 - self.square_decay)", "square += (1 - self.mean_decay)", OPTIM),
    ("gradcheck.py", "return (above - below) / (2 * step)", "return (above - below) / step", GRADCHECK),
    ("gradcheck.py", "places = np.union1d(drawn, np.abs(gradient).argmax())", "places = drawn", GRADCHECK),
]  # fmt: skip


def main() -> int:
    words = sys.argv[1:] or [""]
    faults = [fault for fault in FAULTS if any(word in fault[0] for word in words)]
    import hypothesis
    import pytest  # noqa: F401  (imported here, before the forks, so that each test run begins at once)
    import torch

    torch.set_num_threads(1)
    # A failure is enough; there is no need to search for the smallest one.
    hypothesis.settings.register_profile("quick", phases=[hypothesis.Phase.generate], database=None)
    hypothesis.settings.load_profile("quick")
    missed, start = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "src", copy / "src")
        if status := run(copy, sorted({tests for *_, tests in faults})):
            say((copy / "pytest.log").read_text(encoding="utf-8"))
            say(f"the tests fail without any fault (exit code {status})")
            return 2
        for number, (name, there, planted, tests) in enumerate(faults, 1):
            path = copy / PACKAGE / name
            text = path.read_text(encoding="utf-8")
            if text.count(there) != 1:
                say(f"{name}: '{there}' stands there {text.count(there)} times; this list is out of date")
                return 2
            path.write_text(text.replace(there, planted), encoding="utf-8")
            status = run(copy, [tests])
            path.write_text(text, encoding="utf-8")
            if status > 1:
                say((copy / "pytest.log").read_text(encoding="utf-8"))
                say(f"{name}: with '{planted}' the tests do not even begin (exit code {status})")
                return 2
            if status == 0:
                missed.append(f"{name}: {there.strip()} → {planted.strip()}")
            line = (planted.strip() or "(taken out)").splitlines()[0]
            say(f"{number:3} of {len(faults)}  {'caught' if status else 'MISSED'}  {name}: {line[:70]}")
    say(f"{len(faults) - len(missed)} of {len(faults)} faults caught in {time.perf_counter() - start:.0f} s")
    for line in missed:
        say(f"missed: {line}")
    return 1 if missed else 0


def run(copy: Path, tests: list[str]) -> int:
    """The exit code of pytest on `tests` with the package in `copy`: 0 all passed, 1 some failed."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            status = run_here(copy, tests)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)  # nothing of the parent, such as its temporary folder, is cleaned up here
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def run_here(copy: Path, tests: list[str]) -> int:
    import pytest

    log = os.open(copy / "pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.path.insert(0, str(copy / "src"))
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    return int(
        pytest.main(
            [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
                "--timeout",
                "120",
                *tests,
            ]
        )
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
