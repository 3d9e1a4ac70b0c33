"""What stands around a training: Ctrl-C that saves first, and errors that say what a user can do about them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pixelwise.engine.checks.explain import explain
from pixelwise.errors import PixelwiseError, RunError, TrainingError
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder


@dataclass
class Interruption:
    """Whether this process was asked to stop. The first Ctrl-C asks, a second one stops at once."""

    asked: bool = field(default=False)

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
    """Take termination as Ctrl-C, a KeyboardInterrupt: what is at work then stops saved, whoever asks for it."""

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
        explained = explain(error, recipe)
        if explained is None:
            raise
        raise _with_last_good(explained, run) from error


def _with_last_good(error: PixelwiseError, run: RunFolder) -> PixelwiseError:
    """The same error, which ends with what there is to go on with."""
    last = run.path / "last"
    written = (last / "state.json").is_file()
    word = f"The last good checkpoint is {last}." if written else "No checkpoint was written before this."
    *others, final = error.problems
    return type(error).all([*others, replace(final, hint=f"{final.hint} {word}".lstrip())])
