"""Well-known networks in the text form, each with its input. Tests compare them with torchvision's published figures."""

from __future__ import annotations

from collections.abc import Iterator

INPUT = "3x224x224"


def _alexnet() -> str:
    features = (
        "conv 11 64 s4 p2 | relu | maxpool 3 s2 | conv 5 192 p2 | relu | maxpool 3 s2 | conv 3 384 p1 | relu | "
        "conv 3 256 p1 | relu | conv 3 256 p1 | relu | maxpool 3 s2"
    )
    return f"{features} | dropout | fc 4096 | relu | dropout | fc 4096 | relu | fc 1000"


def _vgg16() -> str:
    stages = [[f"conv 3 {channels} p1 | relu"] * count for channels, count in _VGG16]
    features = " | maxpool 2 | ".join(" | ".join(stage) for stage in stages)
    return f"{features} | maxpool 2 | fc 4096 | relu | dropout | fc 4096 | relu | dropout | fc 1000"


_VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def _resnet(blocks: tuple[int, ...], *, bottleneck: bool) -> str:
    """He et al. 2016, with the stride of a bottleneck in its 3×3 convolution, as torchvision has it."""
    stem = "conv 7 64 s2 p3 nobias | bn | relu | maxpool 3 s2 p1 as b0"
    return " | ".join([stem, *_residual_blocks(blocks, bottleneck=bottleneck), "globalpool | fc 1000"])


def _residual_blocks(blocks: tuple[int, ...], *, bottleneck: bool) -> Iterator[str]:
    number, wide = 0, 4 if bottleneck else 1
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        for place in range(count):
            stride = 2 if stage and place == 0 else 1
            if bottleneck:
                body = (
                    f"conv 1 {width} nobias | bn | relu | conv 3 {width} s{stride} p1 nobias | bn | relu | "
                    f"conv 1 {4 * width} nobias | bn"
                )
            else:
                body = f"conv 3 {width} s{stride} p1 nobias | bn | relu | conv 3 {width} p1 nobias | bn"
            skip = f"b{number}"
            if place == 0 and (stride != 1 or wide > 1):
                body += f" as r{number} | from b{number} | conv 1 {wide * width} s{stride} nobias | bn"
                skip = f"r{number}"
            number += 1
            yield f"{body} | add {skip} | relu as b{number}"


def _mobilenet_v2() -> str:
    """Sandler et al. 2018, table 2."""
    settings = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    parts, channels, number = ["conv 3 32 s2 p1 nobias | bn | relu as b0"], 32, 0
    for expansion, outputs, count, first_stride in settings:
        for place in range(count):
            hidden, stride = channels * expansion, first_stride if place == 0 else 1
            widen = f"conv 1 {hidden} nobias | bn | relu | " if expansion != 1 else ""
            body = f"{widen}conv 3 {hidden} s{stride} p1 g{hidden} nobias | bn | relu | conv 1 {outputs} nobias | bn"
            join = f" | add b{number}" if stride == 1 and channels == outputs else ""
            number += 1
            parts.append(f"{body}{join} as b{number}" if join else f"{body} as b{number}")
            channels = outputs
    return " | ".join([*parts, "conv 1 1280 nobias | bn | relu | globalpool | dropout | fc 1000"])


def _unet() -> str:
    """Ronneberger et al. 2015 with padded convolutions, so that no skip is cropped; two classes."""
    double = "conv 3 {0} same | relu | conv 3 {0} same | relu"
    down = " | ".join(f"{double.format(64 * 2**level)} as s{level} | maxpool 2" for level in range(4))
    up = " | ".join(
        f"deconv 2 {64 * 2**level} s2 | concat s{level} | {double.format(64 * 2**level)}" for level in (3, 2, 1, 0)
    )
    return f"{down} | {double.format(1024)} | {up} | conv 1 2"


NAMED: dict[str, tuple[str, str]] = {
    "alexnet": (_alexnet(), INPUT),
    "vgg16": (_vgg16(), INPUT),
    "resnet18": (_resnet((2, 2, 2, 2), bottleneck=False), INPUT),
    "resnet50": (_resnet((3, 4, 6, 3), bottleneck=True), INPUT),
    "mobilenet-v2": (_mobilenet_v2(), INPUT),
    "unet": (_unet(), "1x512x512"),
}
