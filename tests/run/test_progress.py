"""How far a training is: what a checkpoint says of it is whole, or refused."""

import pytest

from pixelwise.errors import RunError
from pixelwise.run.progress import Progress


def test_what_is_written_is_read_again() -> None:
    progress = Progress(step=3, epoch=1, batch=1, sums={"class": [2.0, 4.0]})
    progress.spend("train", 0.5)
    assert Progress.from_state({"progress": progress.as_record(), "events_length": 7}, "state.json") == (progress, 7)


@pytest.mark.parametrize("field", ["seconds", "epoch_seconds"])
@pytest.mark.parametrize("which", ["train", "validation"])
def test_a_time_that_is_missing_is_refused(field: str, which: str) -> None:
    record = Progress().as_record()
    del record[field][which]
    with pytest.raises(RunError, match=f"progress.{field}.{which}: is missing"):
        Progress.from_state({"progress": record, "events_length": 0}, "state.json")
