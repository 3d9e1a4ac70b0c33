"""Import every module of the installed pixelwise: it must work on every system."""

import importlib
import pkgutil
import sys

import pixelwise

names = [module.name for module in pkgutil.walk_packages(pixelwise.__path__, "pixelwise.")]
for name in names:
    if name != "pixelwise.__main__":
        importlib.import_module(name)
sys.stdout.write(f"{len(names)} modules imported on {sys.platform}\n")
