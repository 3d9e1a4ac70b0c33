"""Encoders of timm (Wightman 2019), the library of pretrained image models. Their parts keep timm's names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from pixelwise.errors import Problem, RecipeError, did_you_mean, listing
from pixelwise.models.encoders.base import Encoder, OutputStride


class TimmEncoder(Encoder):
    """A model of timm without its head. indices: of the maps among those that timm's model gives."""

    def __init__(self, name: str, model: nn.Module, info: Any, levels: tuple[int, ...], indices: list[int]) -> None:
        super().__init__(name, model, tuple(info.channels()), tuple(info.reduction()), levels, _only_size(model))
        self.indices = indices

    def maps(self, x: Tensor) -> list[Tensor]:
        return list(
            self.model.forward_intermediates(x, indices=self.indices, output_fmt="NCHW", intermediates_only=True)
        )


def _only_size(model: Any) -> tuple[int, int] | None:
    """(H, W) of the pictures of a model that timm marks as made for one size, e.g. by the embedding of its places."""
    facts = getattr(model, "pretrained_cfg", None) or {}
    return tuple(facts["input_size"][1:]) if facts.get("fixed_input_size") else None


def timm() -> ModuleType:
    """The library, with the telemetry of its hub switched off. The import takes two seconds."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when huggingface_hub is imported, which timm does
    import timm
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True  # where somebody else imported it before
    return timm


def tag_problem(name: str) -> Problem | None:
    """What is wrong with the tag of weights in a name, such as `a1_in1k` in `resnet18.a1_in1k`; None if nothing is."""
    network, dot, tag = name.partition(".")
    known = [one.removeprefix(f"{network}.") for one in timm().list_pretrained(f"{network}.*")]
    if not dot or tag in known:
        return None
    what = f"read '{name}'; timm has the network '{network}', but its weights have no tag '{tag}'. "
    what += f"The tags are {listing(known, 12)}." if known else "It has no weights."
    hint = did_you_mean(tag, known) or f"Leave out the tag for timm's default weights: model.encoder={network}."
    return Problem("model.encoder", what, hint)


def any_of_timm(in_channels: int, name: str, *, output_stride: OutputStride = 32) -> Encoder:
    """Any model of timm with feature maps.

    name:           timm's, e.g. `resnet26`, also with the name of weights, e.g. `resnet26.bt_in1k`
    output_stride:  of the coarsest map. With 16 or 8, later strides are replaced by dilations (Chen et al. 2017): the
                    weights stay the same, and those places that the undilated map has keep their values
    """
    options = {} if output_stride == 32 else {"output_stride": output_stride}
    try:
        whole = timm().create_model(
            name, pretrained=False, features_only=True, feature_cls="getter", in_chans=in_channels, **options
        )
    except (AttributeError, RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
        if problem := tag_problem(name):
            raise RecipeError.all([problem]) from error
        lacks = f"has no dilated form with output_stride {output_stride}" if options else "gives no feature maps"
        what = f"timm's model '{name}' {lacks}: {str(error).strip() or type(error).__name__}."
        hint = "Leave output_stride at 32, or choose another encoder, e.g. tf_efficientnet_lite0." if options else ""
        raise RecipeError(what, where="model.encoder", hint=hint) from error
    info = whole.feature_info
    levels = _without_dilation(info.reduction(), output_stride)
    return TimmEncoder(name, whole.model, info, levels, list(whole.out_indices))


def _without_dilation(strides: Sequence[int], output_stride: int) -> tuple[int, ...]:
    """Strides of the undilated maps, e.g. 2, 4, 8, 8, 8 with output_stride 8 → 2, 4, 8, 16, 32."""
    levels = list(strides)
    for place in range(1, len(levels)):
        if output_stride < 32 and strides[place] == strides[place - 1] == output_stride:
            levels[place] = 2 * levels[place - 1]
    return tuple(levels)


def resnet18(in_channels: int, *, output_stride: OutputStride = 32) -> Encoder:
    """ResNet-18 (He et al. 2016): 64, 64, 128, 256 and 512 channels at strides 2 to 32; 11.2 million parameters."""
    return any_of_timm(in_channels, "resnet18", output_stride=output_stride)


def resnet34(in_channels: int, *, output_stride: OutputStride = 32) -> Encoder:
    """ResNet-34 (He et al. 2016): 64, 64, 128, 256 and 512 channels at strides 2 to 32; 21.3 million parameters."""
    return any_of_timm(in_channels, "resnet34", output_stride=output_stride)


def resnet50(in_channels: int, *, output_stride: OutputStride = 32) -> Encoder:
    """ResNet-50 (He et al. 2016): 64, 256, 512, 1024 and 2048 channels at strides 2 to 32; 23.5 million parameters."""
    return any_of_timm(in_channels, "resnet50", output_stride=output_stride)


def mobilenetv3_large_100(in_channels: int) -> Encoder:
    """MobileNetV3 large (Howard et al. 2019): 16, 24, 40, 112 and 960 channels at strides 2 to 32; 3.0 million parameters."""
    return any_of_timm(in_channels, "mobilenetv3_large_100")


def convnext_atto(in_channels: int, *, output_stride: OutputStride = 32) -> Encoder:
    """ConvNeXt atto (Liu et al. 2022, Wightman 2022): 40, 80, 160, 320 channels at strides 4 to 32; 3.4 million parameters."""
    return any_of_timm(in_channels, "convnext_atto", output_stride=output_stride)


def tf_efficientnet_lite0(in_channels: int, *, output_stride: OutputStride = 32) -> Encoder:
    """EfficientNet-Lite0 (Tan & Le 2019): 16, 24, 40, 112 and 320 channels at strides 2 to 32; 3.0 million parameters."""
    return any_of_timm(in_channels, "tf_efficientnet_lite0", output_stride=output_stride)
