"""Several processes that train one model: torch's DDP under `torchrun`, gloo on CPUs and nccl on GPUs.

Outside `torchrun` there is one process, and everything here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from pixelwise.engine.base import Processes
from pixelwise.errors import PixelwiseError, TrainingError
from pixelwise.run.environment import launched

TIMEOUT = timedelta(minutes=10)
T = TypeVar("T")


@dataclass(frozen=True)
class TorchProcesses(Processes):
    """The rank of this process, the number of processes, and what they exchange through torch."""

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.count > 1:
            torch.distributed.all_reduce(values)
        return values

    def least(self, number: int) -> int:
        """The smallest of a number over all processes."""
        if self.count == 1:
            return number
        found = torch.tensor(number)
        torch.distributed.all_reduce(found, op=torch.distributed.ReduceOp.MIN)
        return int(found)

    def gather(self, value: T) -> list[T]:
        if self.count == 1:
            return [value]
        gathered: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(gathered, value)
        return gathered

    def same_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's running statistics, which are those in a checkpoint."""
        if self.count > 1:
            for buffer in model.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def from_first(self, make: Callable[[], T]) -> T:
        if self.count == 1:
            return make()
        box: list[Any] = [None, None]
        if self.first:
            try:
                box[0] = make()
            except PixelwiseError as error:
                box[1] = error
        torch.distributed.broadcast_object_list(box, src=0)
        if box[1] is not None:
            raise box[1]
        return cast(T, box[0])

    def wait(self) -> None:
        if self.count > 1:
            torch.distributed.barrier()

    def share(self, model: nn.Module, device: torch.device, *, freezes: bool = False) -> nn.Module:
        """The model with its gradients averaged over all processes; BatchNorm is synchronised on GPUs.

        `model` itself stays what trains: the same parameters under the same names. With `freezes`, some parameters may
        be frozen in a phase; DDP then finds out after every forward pass which ones get a gradient.
        """
        if self.count == 1 or not any(parameter.requires_grad for parameter in model.parameters()):
            return model
        if device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        ids = [device.index or 0] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids, find_unused_parameters=freezes)


@contextmanager
def processes(device: str = "auto") -> Iterator[TorchProcesses]:
    """Join the processes that `torchrun` started, and leave them at the end. Raises TrainingError when one is lost."""
    if (place := launched()) is None:
        yield TorchProcesses()
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    # gloo beside nccl: counts and messages are exchanged on the CPU, and a run may have been begun there
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    joined = TorchProcesses(place.rank, place.count, place.local_rank)
    if on_gpu:
        torch.cuda.set_device(joined.local_rank)
    try:
        yield joined
    except (RuntimeError, torch.distributed.DistBackendError) as error:
        signs = (
            "connection closed by peer",
            "connection reset",
            "timed out",
            "broken pipe",
            "connection refused",
            "nccl",
        )
        if any(sign in str(error).lower() for sign in signs):
            raise TrainingError(
                "another process of this training was lost (killed, out of memory, or the network broke).",
                where=f"process {joined.rank} of {joined.count}",
                hint="Continue with the same torchrun command and --resume RUN: the last checkpoint is complete.",
            ) from error
        raise
    finally:
        torch.distributed.destroy_process_group()
