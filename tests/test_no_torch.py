"""Only six packages import torch: all other modules of pixelwise are imported, and torch is not there."""

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import pixelwise

WITH_TORCH = tuple(
    f"pixelwise.{name}" for name in ("models", "losses", "augment", "engine.torch", "engine.hardware", "export")
)
OTHERS = ("pixelwise.losses.weights", "pixelwise.engine.hardware.allocator")
names = [module.name for module in pkgutil.walk_packages(pixelwise.__path__, "pixelwise.", onerror=print)]
names = [name for name in names if name in OTHERS or not name.startswith(tuple(f"{one}." for one in WITH_TORCH))]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
        assert not {"torch", "torchvision"} & set(sys.modules), name
print(len(names))
"""


def test_everything_else_is_imported_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 150
