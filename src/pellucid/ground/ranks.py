"""The processes of a job: one, or those that `torchrun` started, each with its share of every batch.

A batch of N rows is divided among as many processes as get two rows or more (a single row goes to the first one), for
a network may fail on none, and batch normalisation on one. A process that gets none goes along with the rows of another
one, so that all take part in every exchange, and what it computes does not count.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed
from torch import Tensor

from pellucid.ground.errors import UserError
from pellucid.ground.notices import notice

__all__ = ["Ranks", "join_ranks", "lost_processes_explained"]

Value = TypeVar("Value")

LOST = re.compile(r"connection (closed|reset|refused)|broken pipe|gloo|nccl|timed out|socket", re.IGNORECASE)
"""What the libraries for exchanges say when the other end of a connection is gone."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is; rank 0 writes, all compute."""

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def sharers(self, count: int) -> int:
        """Say among how many processes, the first ones, a batch of `count` rows, at least 1, is divided.

        >>> [Ranks(0, 2).sharers(count) for count in (1, 2, 3, 4, 5)]
        [1, 1, 1, 2, 2]
        """
        return min(self.world, max(1, count // 2))

    def counts(self, count: int) -> bool:
        """Whether this process's share of `count` rows counts, or is another one's, which it only goes along with."""
        return self.rank < self.sharers(count)

    def share(self, batch: Tensor) -> Tensor:
        """Give this process's part of a global batch, `[N, …]` to `[n, …]` with N, n ≥ 1: every so many rows."""
        if self.world == 1:
            return batch
        sharers = self.sharers(len(batch))
        return batch[self.rank % sharers :: sharers]

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
        sharers = self.sharers(count)
        longest = -(-count // sharers)
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        torch.distributed.all_gather(parts, padded)
        return torch.stack(parts[:sharers], 1).flatten(0, 1)[:count]

    def agree(self, value: Value | None) -> Value:
        """Let every process have rank 0's value, which is not None."""
        values = [value]
        if self.world > 1:
            torch.distributed.broadcast_object_list(values)
        assert values[0] is not None
        return values[0]

    def collect(self, value: Value) -> list[Value]:
        """Let every process have the values of all, in the order of their numbers."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            torch.distributed.barrier()


def join_ranks(device: torch.device) -> Ranks:
    """Join the processes that `torchrun` started (it says so in the environment); one process alone joins nothing.

    Raises:
        UserError: the processes of this machine cannot each have a GPU of their own, or exchange what is on it.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    if device.type == "mps":
        raise UserError(
            f"{world} processes cannot exchange gradients on an Apple GPU; use --device cpu, or one process"
        )
    if device.type == "cuda":
        _own_gpu(device)
        torch.cuda.set_device(device)  # before anything is exchanged, which would else go through cuda:0 in all
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(_leave)
    return Ranks(torch.distributed.get_rank(), world)


def _own_gpu(device: torch.device) -> None:
    """Check that no two processes of this machine use the same GPU, which their exchange does not allow."""
    here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if here > gpus:
        raise UserError(
            f"torchrun started {here} processes on a machine with {gpus} GPU{'s' * (gpus != 1)}; expected one process "
            f"for each GPU: --nproc-per-node {gpus}, or --device cpu"
        )
    if here > 1 and device.index != int(os.environ.get("LOCAL_RANK", "0")):
        raise UserError(f"{here} processes would all compute on {device}; use --device cuda, which gives each its own")


def _leave() -> None:
    """Leave the group, unless it has fallen apart, in which case nobody is there to take leave of."""
    with contextlib.suppress(RuntimeError):
        torch.distributed.destroy_process_group()


@contextlib.contextmanager
def lost_processes_explained(ranks: Ranks, remedy: str) -> Iterator[None]:
    """Turn the error of an exchange with a process that has ended into one message.

    Args:
        ranks: the processes.
        remedy: what to do, the end of the message.

    Raises:
        UserError: another process has ended.
    """
    try:
        yield
    except RuntimeError as error:  # torch has no one type for it
        if ranks.world > 1 and LOST.search(str(error)):
            message = f"another of the {ranks.world} processes has ended; {remedy}"
            if ranks.rank == 1:  # the command line lets rank 0 speak, and that may be the one that has ended
                notice(message)
            raise UserError(message) from error
        raise
