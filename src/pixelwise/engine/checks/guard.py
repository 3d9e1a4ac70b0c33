"""Around a training: Ctrl-C saves first, and errors of torch, the DataLoader or the disk are explained."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pixelwise.errors import PixelwiseError, RunError, TrainingError
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder

CALMER = "Lower the learning rate, warm up (train.schedule.warmup=1), or clip gradients (train.clip=1)."
NO_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


def explain(error: BaseException, recipe: Recipe) -> PixelwiseError | None:
    """The same error with where, what and what to try; None for one that is not known here."""
    if (no_memory := explain_memory(error, recipe.train.batch)) is not None:
        return no_memory
    said = str(error)
    if isinstance(error, OSError):
        if error.errno not in NO_WRITING:
            return None
        return RunError(
            f"could not be written: {error.strerror or error}.",
            where=str(error.filename or ""),
            hint="Is the disk full or read-only? Make room, then continue with `pixelwise train --resume`.",
        )
    if "DataLoader worker" in said:
        return TrainingError(
            "a process that loads pictures was killed, most likely because memory (or /dev/shm) ran out.",
            where=f"data.workers={recipe.data.workers}",
            hint="Lower data.workers; 0 loads in the training process itself.",
        )
    if "Expected more than 1 value per channel" in said:
        return TrainingError(
            "a batch of one picture, shrunk to one pixel by the model, leaves BatchNorm a single value to take statistics of.",
            where=f"train.batch={recipe.train.batch}",
            hint="Choose a batch size that does not leave one picture over, a larger data.size, or a model without BatchNorm.",
        )
    return None


def explain_memory(error: BaseException, batch: int) -> TrainingError | None:
    """A TrainingError for an error that means "out of memory", else None."""
    signs = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "bad_alloc")
    if not isinstance(error, MemoryError) and not any(s in str(error).lower() for s in signs):
        return None
    return TrainingError(
        "there is not enough memory for a training step.",
        where=f"train.batch={batch}",
        hint="Lower train.batch first; then data.size, the model's width, or hardware.precision=bf16 on a GPU.",
    )


@dataclass
class Interruption:
    """Whether this process was asked to stop. The first Ctrl-C asks, a second one stops at once."""

    asked: bool = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C and termination as a request to save and stop after the current step."""

        def ask(number: int, frame: object) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
            yield
            return
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise KeyboardInterrupt at termination (SIGTERM) as at Ctrl-C, so that both stop the work in the same way."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def explained(run: RunFolder, recipe: Recipe) -> Iterator[None]:
    """Errors of training with what a user can do about them: where the last good checkpoint is, what to lower."""
    try:
        yield
    except (TrainingError, RunError) as error:
        raise _with_last_good(error, run) from error
    except (RuntimeError, MemoryError, ValueError, OSError) as error:
        if (known := explain(error, recipe)) is None:
            raise
        raise _with_last_good(known, run) from error


def _with_last_good(error: PixelwiseError, run: RunFolder) -> PixelwiseError:
    """The same error; its hint ends with the last good checkpoint, from which the run can be resumed."""
    last = run.path / "last"
    written = (last / "state.json").is_file()
    word = f"The last good checkpoint is {last}." if written else "No checkpoint was written before this."
    *others, final = error.problems
    return type(error).all([*others, replace(final, hint=f"{final.hint} {word}".lstrip())])
