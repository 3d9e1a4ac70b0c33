"""The package imports and works where Linux's own parts of Python are missing, as on Windows and macOS."""

import subprocess
import sys
from pathlib import Path

HIDE = """
import sys

class Hidden:
    names = {"fcntl", "resource", "pwd", "grp", "termios", "syslog", "posix_ipc"}
    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in Hidden.names:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())

import ctypes, mmap, os, signal
for module, names in (
    (os, "sched_getaffinity sched_setaffinity getloadavg sysconf fork getuid".split()),
    (signal, "SIGUSR1 SIGUSR2 SIGHUP SIGALRM setitimer".split()),
    (mmap, [name for name in dir(mmap) if name.startswith("MADV_")]),
):
    for name in names:
        delattr(module, name)

def no_library(name, *others, load=ctypes.CDLL, **more):
    if name is not None and "libc" in str(name):
        raise OSError(f"{name}: there is no such library")
    return load(name, *others, **more)

ctypes.CDLL = no_library
import filelock
filelock.lock_descriptor = lambda fd, **options: True  # Windows has its own way, which is not there either
"""

IMPORT = """
import importlib, pkgutil, pixelwise
for module in pkgutil.walk_packages(pixelwise.__path__, "pixelwise."):
    if module.name != "pixelwise.__main__":
        importlib.import_module(module.name)
"""

RUN = """
import sys
from pixelwise.__main__ import main
sys.argv = ["pixelwise", *sys.argv[1:]]
main()
"""


def run(code: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", HIDE + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_module_is_imported(tmp_path: Path) -> None:
    run(IMPORT, folder=tmp_path)


def test_a_training_of_the_numpy_network(tmp_path: Path) -> None:
    small = ["data.dataset={name: scenes, size: 32, train: 4, val: 2, test: 2}", "train.phases.0.epochs=1"]
    small += ["train.batch=2", "model.width=3", "model.depth=2"]
    run(RUN, "train", "scenes/scratch_fcn", *small, "--out", "run", "--data", str(tmp_path), folder=tmp_path)
    assert (tmp_path / "run" / "summary.json").is_file()


def test_a_look_through_a_data_set(tmp_path: Path) -> None:
    text = run(RUN, "data", "check", "scenes", "--set", "train=4", "--set", "val=2", "--set", "test=0", folder=tmp_path)
    assert "scenes" in text
