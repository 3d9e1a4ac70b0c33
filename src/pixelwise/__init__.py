"""pixelwise: convolutional vision, from the arithmetic of one convolution to whole labelled pictures.

    import pixelwise

    run = pixelwise.train(pixelwise.load_recipe("quickstart"), out="runs/first")
    predicted = pixelwise.Predictor.open(run).predict("picture.jpg")

Every name is imported at its first use, so that `import pixelwise` is fast and needs neither NumPy nor torch. All errors are
of `pixelwise.errors.PixelwiseError`. docs/python.md shows a session.
"""

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than all else here
if TYPE_CHECKING:
    from pixelwise.api.runs import open_run
    from pixelwise.api.training import evaluate, resume, train
    from pixelwise.compare.runs import compare_runs
    from pixelwise.data.base import Dataset
    from pixelwise.predict import Predictor
    from pixelwise.recipe.load import check_recipe, load_recipe
    from pixelwise.shelf import Shelf
    from pixelwise.types import ClassMap, Colours, DatasetInfo, Instances, Labels, Sample

__version__ = "0.2.0"

__all__ = [
    "ClassMap",
    "Colours",
    "Dataset",
    "DatasetInfo",
    "Instances",
    "Labels",
    "Predictor",
    "Sample",
    "Shelf",
    "check_recipe",
    "compare_runs",
    "evaluate",
    "load_recipe",
    "open_run",
    "resume",
    "train",
]

_MODULES = {
    "load_recipe": "pixelwise.recipe.load",
    "check_recipe": "pixelwise.recipe.load",
    "train": "pixelwise.api.training",
    "resume": "pixelwise.api.training",
    "evaluate": "pixelwise.api.training",
    "open_run": "pixelwise.api.runs",
    "compare_runs": "pixelwise.compare.runs",
    "Predictor": "pixelwise.predict",
    "Dataset": "pixelwise.data.base",
    "Shelf": "pixelwise.shelf",
    **dict.fromkeys(("Sample", "DatasetInfo", "ClassMap", "Labels", "Colours", "Instances"), "pixelwise.types"),
}


if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module 'pixelwise' has no attribute '{name}'")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
