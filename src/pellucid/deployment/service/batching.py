"""Requests that arrive together are computed together.

Images are decoded by a thread for each core and computed by one thread, a batch at a time. A batch begins as soon as
the one before is done. It waits for more images only while some are still being decoded, and not longer than the stated
time: a single client never waits, many clients fill the batches by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.data.decode import BrokenImage, decode_single
from pellucid.data.formats import open_picture_bytes
from pellucid.data.read_bytes import MachineFault
from pellucid.deployment.service.limits import Limits
from pellucid.ground.cores import usable_cores
from pellucid.ground.errors import UserError
from pellucid.prediction.classifier import Answer, Classifier, Refusal, images_at_once

__all__ = ["Batcher"]

Pixels = NDArray[np.uint8]


@dataclass
class _Waiting:
    """An image that was decoded and waits to be computed."""

    pixels: Pixels
    answer: asyncio.Future[Answer | Refusal]


@dataclass
class Batcher:
    """What stands between the requests and the network; to be used in one event loop."""

    classifier: Classifier
    limits: Limits
    on_batch: Callable[[int], object] = lambda size: None
    """Called with the number of images of each batch."""

    _queue: list[_Waiting] = field(default_factory=list)
    _decoding: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._decoders = ThreadPoolExecutor(usable_cores(), "decode")
        self._computer = ThreadPoolExecutor(1, "compute")
        self._most = min(self.limits.batch, images_at_once(self.classifier.target))

    async def answer(self, contents: Sequence[bytes]) -> list[Answer | Refusal]:
        """Answer for whole image files, one each, in order; a bad one is a `Refusal`."""
        return list(await asyncio.gather(*map(self._answer, contents)))

    async def _answer(self, content: bytes) -> Answer | Refusal:
        loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        self._decoding += 1
        try:
            pixels = await loop.run_in_executor(self._decoders, self._decoded, content)
        finally:
            self._decoding -= 1
            self._changed.set()
        if isinstance(pixels, Refusal):
            return pixels
        waiting = _Waiting(pixels, loop.create_future())
        self._queue.append(waiting)
        self._changed.set()
        return await waiting.answer

    def _decoded(self, content: bytes) -> Pixels | Refusal:
        try:
            with open_picture_bytes(content) as picture:
                if picture.width * picture.height > self.limits.pixels:
                    size = f"{picture.width:,}×{picture.height:,} pixels"
                    return Refusal(f"too large: {size}; this service takes at most {self.limits.pixels:,} in all")
        except Exception:  # whatever is wrong with it, the decoder below says it
            pass
        try:
            pixels = decode_single(content, self.classifier.target).pixels
        except (BrokenImage, MachineFault, UserError) as error:
            return Refusal(str(error))
        assert pixels is not None
        return pixels

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some()
            batch, self._queue = self._queue[: self._most], self._queue[self._most :]
            wanted = [waiting for waiting in batch if not waiting.answer.done()]  # the others gave up
            if not wanted:
                continue
            self.on_batch(len(wanted))
            try:
                stacked = np.stack([waiting.pixels for waiting in wanted])
                answers = await loop.run_in_executor(self._computer, self.classifier.classify, stacked)
            except Exception as error:  # one bad batch must not end the service
                answers = [Refusal(f"the network could not compute it: {error or type(error).__name__}")] * len(wanted)
            for waiting, answer in zip(wanted, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _some(self) -> None:
        """Wait for an image, and then for those that are being decoded, but not longer than the limit."""
        while not self._queue:
            self._changed.clear()
            await self._changed.wait()
        loop = asyncio.get_running_loop()
        until = loop.time() + self.limits.wait
        while self._decoding and len(self._queue) < self._most and (left := until - loop.time()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
