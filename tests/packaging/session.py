"""What has to work where torch is not installed: run by `test_without_torch.py` and by `.ci/without_torch`.

python session.py FOLDER          works in the empty FOLDER; exits 1 with what went wrong
python session.py FOLDER --hide   the same where torch is installed: its import fails as if it were not
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

ABSENT = ("torch", "torchvision", "skimage", "sklearn", "optuna")
TINY = (
    "data.dataset={name: scenes, size: 32, train: 8, val: 4, test: 2}",
    *("model.width=2", "model.depth=1", "train.batch=4", "train.phases.0.epochs=1", "hardware.threads=1", "gallery=1"),
)
TRAIN = ("train", "scenes/scratch_fcn", *TINY, "--data", "data", "--out")

# (words after `pixelwise`, exit code, what it prints somewhere)
SESSION = (
    (("--help",), 0, "arithmetic"),
    (("list",), 0, "unet"),
    (("show", "model", "unet"), 0, "width"),
    (("check", "quickstart"), 0, "quickstart"),
    (("check", "scenes/scratch_fcn"), 0, "scratch_fcn"),
    (("arithmetic", "counts", "conv 3 8", "--input", "3x16x16"), 0, "weights"),
    (("data", "check", "pictures"), 0, "3 classes"),
    ((*TRAIN, "runs/one"), 0, "report"),
    ((*TRAIN, "runs/two", "train.seed=1"), 0, "report"),
    (("evaluate", "runs/one", "--data", "data"), 0, "mean IoU"),
    (("predict", "runs/one", "pictures/train/images", "--out", "predicted"), 0, "records"),
    (("report", "runs/one"), 0, "mean IoU"),
    (("compare", "runs/one", "runs/two", "--html", "compare.html"), 0, "mean IoU"),
    (("train", "quickstart", "--data", "data", "--out", "runs/three"), 2, "pip install torch torchvision"),
)


class Hidden:
    """An import hook to which some packages are not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


def main(folder: Path, hide: bool) -> int:
    if hide:
        sys.meta_path.insert(0, Hidden())
    os.chdir(folder)
    draw(Path("pictures"))
    failures = [failure for words, code, part in SESSION if (failure := problem(words, code, part))]
    if seen := {name for name in ABSENT if name in sys.modules}:
        failures.append(f"imported: {seen}")
    sys.stderr.write("\n\n".join(failures))
    return 1 if failures else 0


def problem(words: tuple[str, ...], code: int, part: str) -> str:
    """What is wrong with a command; nothing where it ends as it should."""
    from pixelwise.cli import app

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            app(list(words))
        except SystemExit as end:
            ended = end.code or 0
        except Exception as error:
            ended = repr(error)
    if ended == code and part in out.getvalue() and (code == 0 or len(out.getvalue().splitlines()) == 1):
        return ""
    return f"pixelwise {' '.join(words)}\nended with {ended}, not {code}, or without {part!r}:\n{out.getvalue()}"


def draw(folder: Path) -> None:
    """A data set of the kind `folder`, with three classes."""
    import numpy as np
    from PIL import Image

    drawn = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            for kind, pixels in (
                ("images", drawn.integers(0, 256, (32, 32, 3))),
                ("masks", np.resize([0, 1, 2], (32, 32))),
            ):
                file = folder / split / kind / f"p{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(file)
    (folder / "classes.txt").write_text("ground\ncat\ndog\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--hide" in sys.argv))
