"""A training without its run folder, step by step: the engine's own of a recipe, and the plain loop beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def steps(recipe: Any) -> Iterator[None]:
    """Train for ever at the recipe's first learning rate, a step for each `next`; short last batches are left out."""
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.build import (
        build,
        build_augmentation,
        build_loss,
        build_model,
        build_task,
        cache_folder,
        open_material,
        place,
    )
    from pixelwise.engine.descent.update import Update
    from pixelwise.engine.feed.loader import Loader
    from pixelwise.engine.hardware.device import choose
    from pixelwise.engine.hardware.distributed import Processes

    choices = choose(recipe.hardware, memory=cache_folder(None))
    choices.apply()
    material = open_material(recipe, root=None)
    task = build_task(recipe, material.info, build_loss(recipe, material.counts), material.findings)
    model = place(build_model(recipe, task), choices)
    optimizer = build("optimizer", recipe.train.optimizer, model)
    augment = build_augmentation(recipe, material.info)
    batch, rate = recipe.train.batch, recipe.train.optimizer.options["learning_rate"]
    loader = Loader(material.train, task, augment, batch=batch, seed=0, device=choices.torch_device)
    update = Update(task, model, optimizer, choices, Processes(), clip=None)
    model.train()
    step = 0
    for epoch in range(10**6):
        for made in loader.epoch(epoch):
            if len(made) == batch:
                step += 1
                update(made, rate, step)
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
