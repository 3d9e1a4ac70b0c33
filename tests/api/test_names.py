"""`import pixelwise`: every name is there, documented, and imported only when it is used."""

import subprocess
import sys

import pytest

import pixelwise


def test_the_names_are_those_of_the_page() -> None:
    names = {
        *(
            "load_recipe",
            "check_recipe",
            "train",
            "resume",
            "evaluate",
            "Predictor",
            "open_run",
            "compare_runs",
            "Dataset",
            "Shelf",
        ),
        *("Sample", "DatasetInfo", "ClassMap", "Labels", "Colours", "Instances"),
    }
    assert set(pixelwise.__all__) == names
    assert names <= set(dir(pixelwise))


@pytest.mark.parametrize("name", pixelwise.__all__)
def test_each_name_is_documented(name: str) -> None:
    assert len(getattr(pixelwise, name).__doc__) > 40


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        pixelwise.trian  # noqa: B018


@pytest.mark.parametrize(
    ("used", "absent"),
    [
        ("pixelwise.__version__", ("numpy", "torch", "pydantic", "typer")),
        ("pixelwise.Shelf", ("numpy", "torch", "pydantic")),
        ("pixelwise.load_recipe", ("torch", "matplotlib", "scipy", "skimage")),
        ("pixelwise.Sample", ("torch", "matplotlib", "scipy", "skimage", "pydantic")),
        ("pixelwise.open_run, pixelwise.train, pixelwise.evaluate", ("torch", "matplotlib", "scipy", "skimage")),
        ("pixelwise.Predictor", ("torch", "matplotlib")),
        ("pixelwise.compare_runs", ("torch",)),
    ],
)
def test_what_using_a_name_does_not_import(used: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, pixelwise; {used}; sys.exit(' '.join({set(absent)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "\n" or done.stderr == "", done.stderr
