"""What a recipe may say of pretrained weights and encoders. Neither torch nor timm is needed to check it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixelwise.errors import RecipeError
from pixelwise.recipe.load import as_yaml, check_recipe, load_recipe
from pixelwise.yaml_text import parse_map


def test_a_recipe_without_weights_is_written_as_before() -> None:
    assert "weights" not in load_recipe("quickstart", ["model={name: fpn, weights: none}"]).model_dump()["model"]
    recipe = load_recipe("quickstart", ["model={name: fpn, weights: imagenet}"])
    assert recipe.model.options["encoder"] == "tf_efficientnet_lite0"
    assert "weights" not in recipe.model.options
    assert check_recipe(parse_map(as_yaml(recipe), where="recipe.yaml")) == recipe


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "{name: unet, weights: imagenet}",
            "model 'unet' has no weights 'imagenet'. Use 'fpn', 'linear_probe', 'encoder_unet', 'encoder_fcn' or 'deeplabv3'.",
        ),
        ("{name: fpn, weights: coco}", "model 'fpn' has no weights 'coco'; it has imagenet"),
        ("{name: fpn, weights: imagenett}", "or run:PATH of another run. Did you mean 'imagenet'?"),
        ("{name: fpn, weights: 3}", "model.weights: read 3"),
        ("{name: fpn, encoder: resnet81}", "model.encoder: unknown encoder 'resnet81'"),
        ("{name: fpn, encoder: resnet26x}", "Did you mean 'resnet26"),
        ("{name: fpn, encoder: 'a b:c'}", "model.encoder: module or function 'a b:c' was not found"),
        ("{name: fpn, pretrained: true}", "Did you mean 'model.weights'?"),
        ("{name: fpn, backbone: resnet18}", "Did you mean 'model.encoder'?"),
    ],
)
def test_what_check_refuses(model: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("quickstart", [f"model={model}"])
    assert said in str(refused.value), refused.value


def test_a_network_of_numpy_begins_with_random_weights() -> None:
    with pytest.raises(RecipeError, match="the NumPy network begins with random weights, or with --from"):
        load_recipe("scenes/scratch_fcn", ["model.weights=run:runs/a"])


def test_encoders_are_checked_without_torch_and_timm() -> None:
    code = "import sys; from pixelwise.recipe.load import load_recipe\n"
    code += "load_recipe('quickstart', ['model={name: fpn, encoder: resnet26, weights: imagenet}'])\n"
    code += "print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
