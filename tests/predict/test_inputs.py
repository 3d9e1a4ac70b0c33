"""Which pictures are predicted: files and folders in the working folder, else in the data folder."""

from pathlib import Path

import pytest

from pixelwise.errors import DataError
from pixelwise.predict.inputs import plan


def test_the_working_folder_comes_first_then_the_data_folder(tmp_path, monkeypatch):
    work, data = tmp_path / "work", tmp_path / "data"
    for place in (work, data):
        place.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PIXELWISE_DATA", str(data))
    (data / "a.png").write_bytes(b"picture")
    assert [job.file for job in plan([Path("a.png")], None)[0]] == [data / "a.png"]
    (work / "a.png").write_bytes(b"picture")
    assert [job.file for job in plan([Path("a.png")], None)[0]] == [Path("a.png")]
    with pytest.raises(DataError, match=r"neither in the working folder nor in .*data"):
        plan([Path("b.png")], None)
