"""The encoders. A builder takes (in_channels) and returns an Encoder with random weights. It downloads nothing.

Besides the tested ones on the shelf, every model of timm with feature maps is an encoder by its own name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pixelwise.errors import RecipeError, did_you_mean
from pixelwise.outside import find_source
from pixelwise.shelf import Shelf

if TYPE_CHECKING:
    from pixelwise.models.encoders.base import Encoder

ANY_OF_TIMM = "pixelwise.models.encoders.timm_encoders:any_of_timm"


class EncoderShelf(Shelf):
    """A table of encoders that knows the names of timm's models too; they are read from timm's source, not imported."""

    def __getitem__(self, name: str) -> str:
        if name in self._table or ":" in name:
            return super().__getitem__(name)
        known = timm_names()
        if name.partition(".")[0] in known:
            return ANY_OF_TIMM
        what = f"unknown encoder '{name}'; the tested ones are {', '.join(sorted(self._table))}. "
        what += "Any other model of timm with feature maps can be named, and package.module:function."
        raise RecipeError(what, hint=did_you_mean(name.partition(".")[0], [*self._table, *sorted(known)]))

    def may_import(self, name: str) -> bool:
        return self[name] == ANY_OF_TIMM or super().may_import(name)


ENCODERS = EncoderShelf(
    "encoder",
    {
        "resnet18": "pixelwise.models.encoders.timm_encoders:resnet18",
        "resnet34": "pixelwise.models.encoders.timm_encoders:resnet34",
        "resnet50": "pixelwise.models.encoders.timm_encoders:resnet50",
        "mobilenetv3_large_100": "pixelwise.models.encoders.timm_encoders:mobilenetv3_large_100",
        "convnext_atto": "pixelwise.models.encoders.timm_encoders:convnext_atto",
        "tf_efficientnet_lite0": "pixelwise.models.encoders.timm_encoders:tf_efficientnet_lite0",
        "squeezenet1_0": "pixelwise.models.encoders.squeezenet:squeezenet1_0",
    },
)


def build_encoder(name: str, in_channels: int, output_stride: int = 32) -> Encoder:
    """The encoder of that name, with random weights. Raises RecipeError if there is none, or it has no feature maps.

    output_stride:  of the coarsest map: 32 leaves the encoder unchanged, 16 and 8 dilate its last stages. A builder that
                    cannot do that has no option of this name
    """
    if output_stride != 32 and not _dilates(name):
        what = f"read {output_stride}, but encoder '{name}' has no dilated form: its stages cannot keep the size of their maps."
        able = ", ".join(encoder for encoder in ENCODERS if _dilates(encoder))
        raise RecipeError(
            what, where="model.output_stride", hint=f"Leave it out, or choose an encoder that has one: {able}."
        )
    given = (in_channels, name) if ENCODERS[name] == ANY_OF_TIMM else (in_channels,)
    options = {} if output_stride == 32 else {"output_stride": output_stride}
    made: Encoder = ENCODERS.build(name, *given, **options)
    return made


def _dilates(name: str) -> bool:
    """Whether the builder of an encoder has the option `output_stride`."""
    return "output_stride" in ENCODERS.signature(name).options


@cache
def timm_names() -> frozenset[str]:
    """The names of timm's models, without those of its weights; empty if timm is not installed."""
    source = find_source("timm")
    if source is None:
        return frozenset()
    registered = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)
    files = sorted((source.parent / "models").glob("*.py"))
    return frozenset(name for file in files for name in registered.findall(file.read_text("utf-8")))
