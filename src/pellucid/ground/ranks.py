"""The processes of a job: one, or those that `torchrun` started, each with its share of every batch."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor

__all__ = ["Ranks", "join_ranks"]


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is; rank 0 writes, all compute."""

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Give this process's part of a global batch: every `world`-th row, from `rank` on."""
        return batch if self.world == 1 else batch[self.rank :: self.world]

    def share_both(self, positions: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Give this process's part of a global batch's rows and columns."""
        return self.share(positions[0]), self.share(positions[1])

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes; every process gets the sum."""
        if self.world > 1:
            torch.distributed.all_reduce(values)
        return values

    def gather(self, rows: Tensor, count: int) -> Tensor:
        """Undo `share`: put the shares of `count` rows together in their old order, on every process."""
        if self.world == 1:
            return rows
        longest = -(-count // self.world)
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        torch.distributed.all_gather(parts, padded)
        return torch.stack(parts, 1).flatten(0, 1)[:count]

    def agree(self, path: Path | None) -> Path:
        """Let every process have rank 0's path."""
        values = [path]
        if self.world > 1:
            torch.distributed.broadcast_object_list(values)
        assert values[0] is not None
        return values[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            torch.distributed.barrier()


def join_ranks(device: torch.device) -> Ranks:
    """Join the processes that `torchrun` started (it says so in the environment); one process alone joins nothing."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    return Ranks(torch.distributed.get_rank(), world)
