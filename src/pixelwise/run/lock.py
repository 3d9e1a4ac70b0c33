"""One writer at a time in a folder, for as long as its process lives.

A lock belongs to an open file, so it ends with its process, also if that is killed. A process that is forked from the
writer, such as one that loads pictures, shares the open file and would keep the lock after the writer's end. So it first
gives every lock back.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pixelwise.errors import RunError
from pixelwise.run.records.plain import open_plain

VARIABLE = "PIXELWISE_LOCK"  # the descriptor of a lock that a process is given by the one that starts it
PART = re.compile(r"\..+\.part")  # the name of a file or folder that is not finished
_held: set[int] = set()  # the descriptors of this process's locks


@contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[int | None]:
    """Hold the lock of a file, which is made if there is none: its descriptor, or None if another process holds it.

    wait:  until the other process gives it back

    Raises OSError if the file cannot be written, RunError if it is not a plain file.
    """
    from filelock import lock_descriptor

    path.parent.mkdir(parents=True, exist_ok=True)
    with open_plain(path, "ab") as file:
        _held.add(descriptor := file.fileno())
        try:
            yield descriptor if lock_descriptor(descriptor, blocking=wait) else None
        finally:
            _held.discard(descriptor)


def adopt_lock() -> None:
    """Keep the lock that this process was given to its own end, and from the processes that are forked from it."""
    if (given := os.environ.pop(VARIABLE, "")).isdecimal():
        with suppress(OSError):  # it is not open here
            os.set_inheritable(int(given), False)
            _held.add(int(given))


def _give_back() -> None:
    """In a forked process: nothing is behind the descriptors of locks any more."""
    if _held:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in _held:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)
        _held.clear()


if hasattr(os, "register_at_fork"):  # where it is not, no process is forked
    os.register_at_fork(after_in_child=_give_back)


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` that is removed at the end, or by the next process to come here where this one is killed."""
    parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(parent)
    folder = parent / f".{os.urandom(16).hex()}.part"
    lock_file = folder.with_suffix(".lock")
    try:
        # beside the folder, because Windows moves no folder with an open file; before it exists, or it would seem abandoned
        with lock(lock_file, wait=True):
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        with suppress(OSError):  # another process is removing it
            lock_file.unlink()


def remove_abandoned(parent: Path) -> None:
    """Remove the unfinished folders of dead processes."""
    for lock_file in parent.glob(".*.lock"):
        with suppress(OSError, RunError):  # its process has just finished, or it is not a plain file
            with lock(lock_file) as mine:
                if mine is None:
                    continue
                shutil.rmtree(lock_file.with_suffix(".part"), ignore_errors=True)
            lock_file.unlink()


def remove_parts(*folders: Path) -> None:
    """Remove the files that killed writers left unfinished in these folders. Call it only while holding them."""
    for folder in folders:
        with suppress(OSError):  # the folder does not exist, or it is read-only
            for path in () if folder.is_symlink() else folder.iterdir():
                if PART.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    path.unlink()
