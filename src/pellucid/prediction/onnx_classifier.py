"""An exported model as a classifier, run by ONNX Runtime; nothing here needs torch.

The graph takes raw pixels of any size and fits them to the network's input itself. Here they are fitted before, by
Pillow, of which the graph's own fitting is a copy to the last bit: images of many sizes then make one batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pellucid.data.decode import FITS, PixelFormat
from pellucid.data.request import LARGEST_SIDE
from pellucid.ground.cores import divided_cores, shared_cores
from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole
from pellucid.ground.outside import all_visible
from pellucid.prediction.classifier import Answer, Refusal, answer_contents, answers_of

__all__ = ["OnnxClassifier", "open_onnx_classifier"]

FORMAT = 1
KEY = "pellucid"
OUTPUTS = ("probabilities", "label")
REMEDY = "export it again: pellucid export RUN --to onnx"


@dataclass(frozen=True)
class OnnxFacts:
    """What is read of the metadata of an exported model."""

    format: int
    classes: tuple[str, ...]
    threshold: float | None
    network: str
    height: int
    width: int
    channels: int
    fit: str
    pixel_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class OnnxClassifier:
    """An exported model."""

    session: Any
    name: str
    classes: tuple[str, ...]
    threshold: float | None
    model: str
    target: PixelFormat
    side_by_side: int

    def classify(self, pixels: NDArray[np.uint8]) -> list[Answer | Refusal]:
        """Answer by the file's own graph, in which normalisation, temperature and softmax are."""
        probabilities, chosen = self.session.run(list(OUTPUTS), {"image": pixels})
        if probabilities.shape != (len(pixels), len(self.classes)) or not (chosen >= 0).all():
            raise UserError(
                f"the model {self.name} gives probabilities {list(probabilities.shape)} for {len(pixels)} images of "
                f"{len(self.classes)} classes; {REMEDY}"
            )
        return answers_of(self.classes, probabilities, chosen, self.threshold)

    def answer(self, contents: Sequence[bytes]) -> list[Answer | Refusal]:
        """Answer for the bytes of whole image files, one each, in order; a bad one is a `Refusal` and no error."""
        return answer_contents(self, contents)


def open_onnx_classifier(
    path: Path, device: str = "auto", threshold: float | None = None, for_many: bool = False
) -> OnnxClassifier:
    """Open a file that `pellucid export --to onnx` wrote; without `threshold` with its own.

    `for_many` is explained by `open_classifier`.

    Raises:
        UserError: there is no such file, or it is another's, or damaged; ONNX Runtime is not installed, or has no such
            device.
    """
    try:
        content = read_whole(path.resolve(), REMEDY)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; {REMEDY}") from None
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"{path} is run by ONNX Runtime, which is not installed: pip install 'pellucid[onnx]'"
        ) from error
    providers = _providers(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    side_by_side, threads = divided_cores() if for_many and len(providers) == 1 else (1, shared_cores())
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # A thread that waits by spinning takes the core from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # its errors have no common type of their own
        raise UserError(f"{path} is no ONNX model that can be run here ({_first_line(error)}); {REMEDY}") from error
    facts = _facts(path, session)
    target = PixelFormat(facts.height, facts.width, facts.channels, facts.fit, facts.pixel_range)
    digest = hashlib.sha256(content).hexdigest()[:12]
    chosen = facts.threshold if threshold is None else threshold
    return OnnxClassifier(session, facts.network, facts.classes, chosen, digest, target, side_by_side)


def _facts(path: Path, session: Any) -> OnnxFacts:
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    outputs = {output.name for output in session.get_outputs()}
    inputs = [entry.name for entry in session.get_inputs()]
    if text is None or inputs != ["image"] or not outputs.issuperset(OUTPUTS):
        raise UserError(f"{path} is an ONNX model that pellucid did not export; {REMEDY}")
    try:
        document = msgspec.json.decode(text)
        version = document.get("format") if isinstance(document, dict) else None
        if version != FORMAT:
            raise UserError(f"{path} has format {version!r}, this pellucid reads format {FORMAT}; {REMEDY}")
        facts = msgspec.convert(all_visible(document), OnnxFacts)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UserError(f"the metadata of {path} are damaged ({_first_line(error)}); {REMEDY}") from error
    sized = 1 <= min(facts.height, facts.width) <= max(facts.height, facts.width) <= LARGEST_SIDE
    sane = sized and facts.channels in (1, 3) and facts.fit in (*FITS, "none")
    named = len(set(facts.classes)) == len(facts.classes) >= 2 and not any("\n" in name for name in facts.classes)
    if not sane or not named or not 0 <= (facts.threshold or 0) <= 1:
        raise UserError(f"the metadata of {path} are damaged; {REMEDY}")
    return facts


def _providers(device: str, available: list[str]) -> list[str]:
    if device == "cpu" or (device == "auto" and "CUDAExecutionProvider" not in available):
        return ["CPUExecutionProvider"]
    if device in ("auto", "cuda") and "CUDAExecutionProvider" in available:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    raise UserError(f"the device is {device}, which ONNX Runtime does not have here; use --device cpu")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
