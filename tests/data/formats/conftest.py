"""Folders with a drawn export."""

import pytest

from drawn_exports import EXPORTS, Folder


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "export").mkdir()
    return Folder(tmp_path / "export")


@pytest.fixture(params=[*EXPORTS])
def export(request, folder):
    """The scene in each format of polygons: the name of the format, and the folder."""
    EXPORTS[request.param](folder)
    return request.param, folder
