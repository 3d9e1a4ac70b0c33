"""Features of whole pictures: whose weights compute them, and that the note says so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from pixelwise.engine.torch.features import SIDE, describer
from pixelwise.imaging.resize import resize_image
from pixelwise.models.encoders.timm_encoders import timm

NETWORK = "test_resnet"  # timm's own for tests
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr("pixelwise.models.published.Published.download", refuse)


@pytest.fixture
def state() -> dict[str, Any]:
    """Weights of the whole network, with its head."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return {name: tensor.numpy() for name, tensor in timm().create_model(NETWORK).state_dict().items()}


def put(root: Path, state: dict[str, Any]) -> None:
    (root / "weights").mkdir(exist_ok=True)
    save_file(state, root / "weights" / f"imagenet_{NETWORK}.safetensors")


def test_features_are_those_of_the_network_with_the_weights_of_the_file(tmp_path: Path, state: dict[str, Any]) -> None:
    put(tmp_path, state)
    describe, note = describer(NETWORK, tmp_path)
    assert note == f"features: {NETWORK}, weights of weights/imagenet_{NETWORK}.safetensors in the data folder."
    whole = timm().create_model(NETWORK).eval()
    whole.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    read = torch.from_numpy(np.array(resize_image(IMAGE, (SIDE, SIDE)))).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        maps = whole.forward_intermediates((read - 0.5) / 0.5, intermediates_only=True)[-2:]
    expected = np.concatenate([one.mean(dim=(2, 3))[0].numpy() for one in maps])
    expected -= expected.mean()
    np.testing.assert_allclose(describe(IMAGE), expected / np.linalg.norm(expected), rtol=0, atol=1e-5)


def test_weights_that_do_not_fit_are_not_used_and_the_note_names_what_does_not_fit(
    tmp_path: Path, state: dict[str, Any]
) -> None:
    random = describer(NETWORK, tmp_path / "nothing")[0](IMAGE)
    fewer = {name: array for name, array in state.items() if name != "layer2.0.bn1.bias"}
    renamed = {("layer9" + name[6:] if name.startswith("layer3") else name): array for name, array in state.items()}
    wide = {**state, "layer1.0.conv1.weight": np.zeros((9, 9, 3, 3), np.float32)}
    for wrong, told in (
        (fewer, "'model.layer2.0.bn1.bias' is not in the weights."),
        (renamed, "is not in the weights."),
        (wide, "'model.layer1.0.conv1.weight' is [9, 9, 3, 3] in the weights and "),
        ({f"other.{name}": array for name, array in list(state.items())[:1]}, "has the name of one of this model's."),
    ):
        put(tmp_path, wrong)
        describe, note = describer(NETWORK, tmp_path)
        assert note.startswith(f"features: {NETWORK} with random weights, which find less: ")
        assert told in note
        assert np.array_equal(describe(IMAGE), random)


def test_random_weights_are_drawn_from_a_key_and_leave_the_global_generator(tmp_path: Path) -> None:
    features = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        features.append(describer(NETWORK, tmp_path)[0](IMAGE))
        assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(*features)
