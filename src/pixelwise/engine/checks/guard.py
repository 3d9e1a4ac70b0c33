"""Around a training: a request to stop saves first, and errors of torch, the DataLoader or the disk are explained."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
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
        pieces = recipe.train.accumulate
        return TrainingError(
            "BatchNorm cannot compute statistics of one value: a batch of one picture, which the model shrinks to one pixel.",
            where=f"train.batch={recipe.train.batch}" + (f", train.accumulate={pieces}" if pieces > 1 else ""),
            hint=("Lower train.accumulate, which cuts a batch into pieces. " if pieces > 1 else "")
            + "Choose a batch size that does not leave one picture over, a larger data.size, or a model without BatchNorm.",
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
        hint="Lower train.batch first, or raise train.accumulate, which cuts a batch into pieces; "
        "then data.size, the model's width, or hardware.precision=bf16 on a GPU.",
    )


class Stopped(KeyboardInterrupt):
    """The signal that asked this process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(number: int | None) -> int:
    """The exit code of a process that a signal stopped: 130 for Ctrl-C, 143 for termination, 129 for a closed terminal."""
    return 128 + (number or signal.SIGINT)


@dataclass
class Interruption:
    """Which signal asked this process to stop, if one did. The first asks, a second one stops at once."""

    number: int | None = None

    @property
    def asked(self) -> bool:
        return self.number is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C, termination and a closed terminal as a request to save and stop after the current step."""

        def ask(number: int) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.number = number

        with _answering(ask):
            yield


@contextmanager
def terminable() -> Iterator[None]:
    """Raise KeyboardInterrupt, which knows the signal, at every request to stop, so that all stop the work in the same way."""

    def stop(number: int) -> None:
        raise Stopped(number)

    with _answering(stop):
        yield


@contextmanager
def _answering(answer: Callable[[int], None]) -> Iterator[None]:
    """Within, signals that ask to stop call `answer`. A closed terminal asks nothing if `nohup` says so."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, frame: answer(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
