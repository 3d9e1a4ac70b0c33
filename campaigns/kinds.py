"""The commands that the campaign of kills interrupts, each made tiny, and what each leaves."""

from __future__ import annotations

import functools
import gc
import importlib
import io
import json
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pixelwise
from killing import ForkedTraining, run_command

SCENES = "data.dataset={name: scenes, size: 32, train: 8, val: 4, test: 4, void_rim: 1}"
SMALL = (
    SCENES,
    "train.batch=4",
    "train.phases=[{epochs: 2}]",
    "gallery=1",
    "hardware.device=cpu",
    "hardware.threads=1",
)
TORCH = (*SMALL, "hardware.precision=fp32", "train.checkpoint_steps=1", "model.width=2", "model.depth=1")
COLOUR = ("task={name: colourize, colours: 4}", "model={name: colour_unet, num_filters: 4}")
TRAININGS = {  # kind → recipe and its changes
    "segment, torch": ("quickstart", TORCH),
    "classify, torch": (
        "quickstart",
        (*TORCH[:-2], "data.test=test", "task=classify", "model={name: whitened_cnn, width: 4}"),
    ),
    "colourize, torch": ("quickstart", (*TORCH[:-2], *COLOUR)),
    "segment, NumPy": ("scenes/scratch_fcn", (*SMALL, "model.width=2", "model.depth=1", "train.checkpoint_steps=1")),
    "classify, NumPy": (
        "scenes/scratch_fcn",
        (
            *SMALL,
            "data.test=test",
            "task={name: classify, mean: image, std: null}",
            "model={name: conv_pool, width: 3, kernel: 3}",
        ),
    ),
}
DURATION = re.compile(
    r"(?:[\d.,]+ ± )?\b[\d.,]+ (?:ms|s|min|h)\b(?: \d\d (?:s|min))?|[\d.,]+ (?:pictures|steps)/s|<dt>command</dt><dd>.*?</dd>"
)
OF_TORCH = tuple(
    f"pixelwise.{name}" for name in ("models", "losses", "augment", "engine.torch", "engine.hardware", "cli.twin")
)
TIMES = {"seconds", "epoch_seconds", "environment", "command", "worker", "sha256", "events_length", "packages"}


class Kind:
    """One command. `prepare` makes what it needs in `now`; `begin` and `again` run it.

    trains:  how many trainings it starts
    """

    trains = 0

    def __init__(self, name: str, place: Path) -> None:
        self.name, self.now, self.place = name, place / "now", place

    def prepare(self) -> None:
        self.now.mkdir()

    def begin(self) -> None:
        raise NotImplementedError

    def again(self) -> None:
        self.begin()

    def recipe(self, name: str) -> str:
        return str(self.place / "recipes" / f"{name.replace(', ', '-')}.yaml")

    @property
    def data(self) -> tuple[str, str]:
        return "--data", str(self.place / "data")


class Training(Kind):
    def begin(self) -> None:
        run_command("train", self.recipe(self.name), "--out", str(self.now / "run"), *self.data)

    def again(self) -> None:
        if (self.now / "run" / "recipe.yaml").exists():
            run_command("train", "--resume", str(self.now / "run"), *self.data)
        else:
            self.begin()


class OfRun(Kind):
    """A command that adds to a finished run."""

    words: tuple[str, ...]

    def prepare(self) -> None:
        shutil.copytree(self.place / "reference" / "segment, torch", self.now)

    def begin(self) -> None:
        run_command(*self.words[:1], str(self.now / "run"), *self.words[1:])


class Report(OfRun):
    words = ("report",)


class Evaluation(OfRun):
    @property
    def words(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("evaluate", "--split", "test", *self.data)


class Sweep(Kind):
    trains, word, more = 2, "sweep", ("train.seed=0,1",)

    def begin(self) -> None:
        run_command(self.word, self.recipe("segment, NumPy"), *self.more, "--out", str(self.now / "many"), *self.data)

    def again(self) -> None:
        recipes = self.word == "search" or len(list(self.now.glob("many/recipes/*.yaml"))) == self.trains
        if recipes and (self.now / "many" / f"{self.word}.json").exists() and len(list(self.now.rglob("*"))) % 2:
            run_command(self.word, "--resume", str(self.now / "many"), *self.data)
        else:  # repeating the command does the same
            self.begin()


class Search(Sweep):
    word, more = "search", ("train.optimizer.learning_rate=log(1e-4,1e-1)", "--trials", "2", "--pruner", "none")


class Cache(Kind):
    def begin(self) -> None:
        from pixelwise.engine.build import open_material
        from pixelwise.recipe.load import load_recipe

        open_material(load_recipe(self.recipe("segment, torch")), root=self.now)


class Unpacking(Kind):
    def prepare(self) -> None:
        import tarfile

        super().prepare()
        with tarfile.open(self.place / "some.tar", "w") as tar:
            for name in ("a/one", "a/b/two", "proof", "three"):
                info = tarfile.TarInfo(name)
                info.size = 1000
                tar.addfile(info, io.BytesIO(name.encode().ljust(1000, b".")))

    def begin(self) -> None:
        from pixelwise.data.fetch import extract

        extract(self.place / "some.tar", self.now, last="proof")


OTHERS = {
    "report": Report,
    "evaluate": Evaluation,
    "sweep": Sweep,
    "search": Search,
    "cache": Cache,
    "unpack": Unpacking,
}


# -- what is left -----------------------------------------------------------------------------------------------------


def content(folder: Path) -> dict[str, Any]:
    """Every file by name, with its content where that does not depend on time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name] = "folder"
        elif path.suffix == ".json":
            found[name] = _timeless(json.loads(path.read_text()))
        elif path.name == "events.jsonl":
            events = [_timeless(json.loads(line)) for line in path.read_text().splitlines()]
            found[name] = [event for event in events if event["event"] != "started"]
        elif path.suffix == ".html":
            found[name] = DURATION.sub("TIME", path.read_text()).splitlines()
        elif path.suffix != ".log" and ".lock" not in path.name:
            found[name] = path.read_bytes()
        else:
            found[name] = ""
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in TIMES}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def differences(found: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Files whose content differs or that are missing, and files too many. Lines that differ between two undisturbed processes
    (they state a time) are not compared."""
    differing = []
    for name, one in first.items():
        other = found.get(name)
        if isinstance(one, list) and isinstance(other, list) and name.endswith(".html"):
            lines = zip(one, other, second[name], strict=False)
            changed = [(a.strip(), b.strip()) for a, b, twin in lines if a == twin and a != b]
            same = len(one) == len(other) and not changed
            name = name if same else f"{name}: {changed[:1] or (len(one), len(other))}"
        else:
            same = one == other
        if not same:
            differing.append(name)
    return differing, [name for name in found if name not in first]


def place_of(operation: str, path: str) -> str:
    """What is written to, in a word or two, and how."""
    for sign, place in (
        ("last/", "checkpoint"), ("best/", "checkpoint"), ("events", "events"), ("predictions/", "conclusion"),
        ("summary", "conclusion"), ("plots/", "report"), (".html", "report"), ("evaluations/", "evaluation"),
        ("study.log", "study"), ("trials", "study"), ("best.yaml", "study"), ("logs/", "logs"), ("lock", "lock"),
    ):  # fmt: skip
        if sign in path:
            return f"{operation}, {place}"
    return f"{operation}, other"


def warm(*, torch: bool) -> None:
    """Import everything that a case may import, so that forks need not; replace what takes longer than what is tested."""
    for name in ("matplotlib.figure", "optuna", "rich.progress", *(("torch",) if torch else ())):
        importlib.import_module(name)
    source = Path(pixelwise.__file__).parent
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if parts[-1] != "__main__" and (torch or not name.startswith(OF_TORCH)):
            importlib.import_module(name)
    runner = sys.modules["pixelwise.experiments.runner"]
    runner.POLL = 0.005  # type: ignore[attr-defined]
    runner.subprocess = SimpleNamespace(Popen=ForkedTraining, DEVNULL=None, STDOUT=None)  # type: ignore[attr-defined]
    environment = sys.modules["pixelwise.run.environment"]
    environment.commit, environment.kernels = lambda: "campaign", lambda: None  # type: ignore[attr-defined]
    plotting, page = sys.modules["pixelwise.report.plotting"], sys.modules["pixelwise.report.page"]
    template = functools.cache(page.template)
    for name in ("report.html.j2", "experiment.html.j2"):
        template(name)

    def render(name: str, title: str, draw: Any, folder: Path) -> Any:
        plotting.write_bytes(folder / f"{name}.svg", name.encode())
        plotting.write_bytes(folder / f"{name}.png", name.encode())
        return plotting.Plot(name, title, f"<svg>{name}</svg>", f"<svg>{name}</svg>")

    replaced = {id(plotting.render): render, id(page.template): template}
    for module in [module for name, module in sys.modules.items() if name.startswith("pixelwise.")]:
        for name, value in list(vars(module).items()):
            if id(value) in replaced:
                setattr(module, name, replaced[id(value)])


def import_all(names: list[str]) -> None:
    """Import what forks had to import by themselves."""
    for name in names:
        with suppress(Exception):  # some modules can only be imported by others
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def write_recipes(place: Path) -> None:
    from pixelwise.recipe.load import as_yaml, load_recipe

    (place / "recipes").mkdir()
    (place / "reference").mkdir()
    for name, (recipe, words) in TRAININGS.items():
        (place / "recipes" / f"{name.replace(', ', '-')}.yaml").write_text(as_yaml(load_recipe(recipe, words)))
