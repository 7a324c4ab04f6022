"""Predicting any number of images: decoded by some processes while others are computed with, in order, shared out."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.data.decode_stream import DecodedFile, decode_stream
from pellucid.ground.cores import shared_cores
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.prediction.classifier import Answer, Classifier, Refusal, images_at_once
from pellucid.prediction.sources import ImageSource

if TYPE_CHECKING:
    from pellucid.ground.ranks import Ranks

__all__ = ["PredictedImage", "predict_images"]


Answers = Generator[list[Answer | Refusal], None, None]


@dataclass(frozen=True)
class PredictedImage:
    """An image and what is said of it."""

    source: ImageSource
    answer: Answer | Refusal


def predict_images(
    classifier: Classifier, images: Sequence[ImageSource], ranks: Ranks | None = None
) -> Generator[list[PredictedImage], None, None]:
    """Predict images in order, a batch at a time.

    Of several processes each takes every so many images, and every process gets all answers.

    Raises:
        UserError: the disk that the images lie on fails, or the machine; what came before is complete.
    """
    rank, world = (ranks.rank, ranks.world) if ranks else (0, 1)
    share = images[rank::world]
    # with few images each process that decodes gets some
    at_once = max(1, min(images_at_once(classifier.target), -(-len(share) // shared_cores())))
    if ranks is not None:
        at_once = ranks.agree(at_once)
    rounds = -(-len(images) // (world * at_once))
    with contextlib.closing(_batches(classifier, share, at_once)) as batches:
        for number in range(rounds):
            try:
                answers: list[Answer | Refusal] | UserError = next(batches, [])
            except UserError as error:
                answers = error
            every = [answers] if ranks is None else ranks.collect(answers)
            for part in every:
                if isinstance(part, UserError):
                    raise part
            start = number * at_once * world
            yield [
                PredictedImage(source, every[index % world][index // world])  # type: ignore[index]
                for index, source in enumerate(images[start : start + at_once * world])
            ]


def _batches(classifier: Classifier, images: Sequence[ImageSource], at_once: int) -> Answers:
    """Decode and classify; several batches are computed at once, and come in order."""
    readable = [source.path for source in images if not source.problem]
    count = classifier.side_by_side
    with (
        contextlib.closing(decode_stream(readable, classifier.target, at_once, shared_cores())) as stream,
        ThreadPoolExecutor(count) as threads,
    ):
        decoded: Iterator[DecodedFile] = (entry for batch in stream for entry in batch)
        waiting: deque[Future[list[Answer | Refusal]]] = deque()
        try:
            for start in range(0, len(images), at_once):
                batch = images[start : start + at_once]
                entries = [source.problem or next(decoded) for source in batch]
                waiting.append(threads.submit(_classified, classifier, entries))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def _classified(classifier: Classifier, entries: Sequence[DecodedFile]) -> list[Answer | Refusal]:
    pixels = [entry for entry in entries if not isinstance(entry, str)]
    answers = iter(classifier.classify(np.stack(pixels)) if pixels else ())
    return [Refusal(visible(entry)) if isinstance(entry, str) else next(answers) for entry in entries]
