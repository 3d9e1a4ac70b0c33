"""Each idea of shared_pyramid is what its description says, and has a switch."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pixelwise.models import MODELS
from pixelwise.models.describe import describe
from pixelwise.models.shared_pyramid import places

SMALL = {"width": 8, "blocks": 2}
ABLATIONS = [
    *({"shared": False}, {"stem": "learned"}, {"positions": False}, {"pooling": "max"}, {"context": False}),
    *({"kernel": 3}, {"norm": "group"}, {"drop_path": 0.0}, {"dropout": 0.0}),
]


def build(**options):
    torch.manual_seed(1)
    return MODELS.build("shared_pyramid", 3, 5, **SMALL | options)


def woken(model):
    """Scales that begin at 0 would hide the blocks."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("scale"):
                parameter.fill_(0.5)
    return model


@pytest.mark.parametrize("options", ABLATIONS, ids=str)
def test_every_idea_has_a_switch_that_changes_what_is_computed(options):
    x = torch.randn(2, 3, 48, 64)
    found = []
    for chosen in ({}, options):
        model = woken(build(**chosen))
        model.classifier.weight.data.normal_(generator=torch.Generator().manual_seed(5))
        torch.manual_seed(4)
        found.append(model(x))
    assert found[1].shape == (2, 5, 48, 64)
    assert not torch.allclose(*found)


def test_shared_blocks_are_as_good_as_copies_of_them_at_every_size():
    shared, apart = woken(build()).eval(), woken(build(shared=False)).eval()
    apart.load_state_dict(shared.state_dict(), strict=False)
    for part in ("trunk", "merges"):
        (stack,) = getattr(shared, part).stacks
        for size, own in enumerate(getattr(apart, part).stacks):
            for block, copy in zip(stack, own, strict=True):
                state = {key: value for key, value in block.state_dict().items() if not key.startswith("norms")}
                norm = {f"norms.0.{key}": value for key, value in block.norms[size].state_dict().items()}
                copy.load_state_dict(state | norm)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(shared(x), apart(x))
    trunk = [sum(p.numel() for p in model.trunk.parameters()) for model in (shared, apart)]
    norms = 2 * 2 * 3 * 8  # weight and bias of 2 blocks at 3 sizes
    assert trunk[1] - norms == 3 * (trunk[0] - norms)


def test_the_fixed_patches_are_an_orthonormal_basis_and_stay():
    model = build()
    rows = model.stem[0].weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(48), atol=1e-5, rtol=0)
    assert "stem.0.weight" in model.state_dict()
    assert "stem.0.weight" not in dict(model.named_parameters())


def test_positions_go_from_edge_to_edge():
    found = places(torch.zeros(2, 7, 2, 4))
    assert found[1].tolist() == [[[-0.5] * 4, [0.5] * 4], [[-0.75, -0.25, 0.25, 0.75]] * 2]


def test_a_dropped_block_leaves_the_picture_and_the_others_make_up_for_it():
    block = woken(build(drop_path=0.5)).head.train()
    x = torch.randn(64, 4, 4, 4)
    torch.manual_seed(0)
    change = (block(x) - x).flatten(1)
    dropped = change.abs().amax(1) == 0
    assert 16 < dropped.sum() < 48
    block.drop_path = 0.0
    torch.testing.assert_close(change[~dropped], 2 * (block(x) - x).flatten(1)[~dropped], rtol=1e-4, atol=1e-5)


def test_it_stays_below_a_million_parameters_whatever_is_switched_off():
    for options in ({}, *ABLATIONS, {"kernel": 7}):
        assert sum(p.numel() for p in MODELS.build("shared_pyramid", 3, 21, **options).parameters()) < 1e6


def test_its_cost_is_counted():
    model = MODELS.build("shared_pyramid", 3, 21).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    assert 2 * sum(row.macs for row in describe(model, (3, 64, 64))) == counter.get_total_flops()
