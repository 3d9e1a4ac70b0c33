"""A training without its run folder, step by step: the engine's own of a recipe, and the plain loop beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def steps(recipe: Any) -> Iterator[None]:
    """Train for ever at the recipe's first learning rate, a step for each `next`; short last batches are left out."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.data.base import cache_folder
    from pixelwise.engine.base import engine_named
    from pixelwise.engine.build import build_task, open_material

    engine = engine_named(recipe.engine)
    processes = engine.alone()
    choices = engine.choose(recipe.hardware, memory=cache_folder(None), processes=processes)
    choices.apply()
    material = open_material(recipe, root=None)
    learner = engine(recipe, build_task(recipe, material.info, material.findings), material.train.size, choices)
    learner.weigh(material.counts)
    learner.equip(material, processes, lambda: False)
    learner.begin(0)
    batch, rate = recipe.train.batch, recipe.train.optimizer.options["learning_rate"]
    step = 0
    for epoch in range(10**6):
        for made in learner.batches(epoch, skip=0, steps=10**6):
            if len(made) == batch:
                learner.step(made, rate, step)
                step += 1
                yield


def plain_steps(model: Any, optimizer: Any, batches: Any) -> Iterator[None]:
    """The other side: a tutorial's loop over (inputs, targets), again and again, with torch's own cross-entropy."""
    import torch

    criterion = torch.nn.CrossEntropyLoss()
    while True:
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            loss.item()
            yield
