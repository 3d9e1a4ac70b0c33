"""What a user can do about errors that torch, the DataLoader or the disk raise in the middle of a training."""

from __future__ import annotations

import errno

from pixelwise.errors import PixelwiseError, RunError, TrainingError
from pixelwise.recipe.schema import Recipe

CALMER = "Lower the learning rate, warm up (train.schedule.warmup=1), or clip gradients (train.clip=1)."
NO_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


def explain(error: BaseException, recipe: Recipe) -> PixelwiseError | None:
    """The same error with where, what and what to try; None for one that is not known here."""
    if (no_memory := explain_memory(error, recipe.train.batch)) is not None:
        return no_memory
    said = str(error)
    if isinstance(error, OSError):
        return _no_writing(error) if error.errno in NO_WRITING else None
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


def _no_writing(error: OSError) -> RunError:
    return RunError(
        f"could not be written: {error.strerror or error}.",
        where=str(error.filename or ""),
        hint="Is the disk full or read-only? Make room, then go on with `pixelwise train --resume`.",
    )


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
