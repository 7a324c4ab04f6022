"""One HTML file in which a run's network itself runs: an image in, the answer, every map, and any unit's arithmetic."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from pellucid.deployment.pads import pad_of
from pellucid.evaluation import read_evaluation
from pellucid.evaluation.result import evaluation_folder
from pellucid.evaluation.showing import interval_text, share_text
from pellucid.glass import look
from pellucid.ground.errors import UserError
from pellucid.ground.version import VERSION
from pellucid.ground.writing import counted
from pellucid.prediction.chosen_images import ChosenImages, choose_images
from pellucid.prediction.predictor import Predictor
from pellucid.web import Plan, WebRuntime, as_json, joined_modules, plan_of, style_sheet, web_runtime

__all__ = ["page_of"]

MOST_SAMPLES = 12
MOST_SAMPLE_PIXELS = 600_000
"""Of all samples together, so that a page of large photos does not grow by many megabytes."""


def page_of(predictor: Predictor, graph: bytes, metadata: Mapping[str, Any], *, samples: int = MOST_SAMPLES) -> bytes:
    """Make the page of a predictor: HTML that opens from the disk and asks nobody for anything.

    Args:
        predictor: a run with the weights of an epoch.
        graph: what `graph_of(predictor, maps=True)` gave.
        metadata: what is said of it; with `gate`, once it has passed.
        samples: how many images of the run's test set go along; none where they are gone.

    Raises:
        UserError: the network cannot be followed; the runtime of pages cannot be fetched.
    """
    runtime = web_runtime()
    preprocessing = predictor.preprocessing
    blank = np.zeros((preprocessing.height, preprocessing.width, preprocessing.channels), np.uint8)
    glass = look(predictor.network, blank, preprocessing=preprocessing)
    plan = plan_of(glass.recording, graph)
    inside = _metadata(graph)
    for node in plan.document["nodes"]:
        node["output"] = inside["maps"].get(node["name"])
    about = _about(predictor, {**inside, **metadata}, _images(predictor), samples, runtime)
    return _html({**about, "plan": plan.document}, plan, graph, runtime).encode()


@dataclass(frozen=True)
class Images:
    """The images of the run, where they can still be opened."""

    chosen: ChosenImages | None
    training: NDArray[np.uint8] | None
    missing: str = ""


def _images(predictor: Predictor) -> Images:
    run = predictor.run
    try:
        whole = run.open_images()
        split = next((name for name in ("test", "val") if name in run.data["images"]), None)
        chosen = choose_images(run, None, split) if split else None
    except UserError as error:
        return Images(None, None, f"The run's images could not be opened, so none came along: {error}")
    training = whole.splits["train"].images if "train" in whole.splits else None
    return Images(chosen, training, "" if chosen else "The run has neither test nor validation images.")


def _metadata(graph: bytes) -> dict[str, Any]:
    """What a graph says of itself."""
    import onnx

    model = onnx.load_from_string(graph)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    document: dict[str, Any] = json.loads(texts["pellucid"])
    return document


def _about(
    predictor: Predictor, metadata: Mapping[str, Any], images: Images, samples: int, runtime: WebRuntime
) -> dict[str, Any]:
    run, preprocessing = predictor.run, predictor.preprocessing
    name = run.record.network.replace("\\", "/").rpartition("/")[2]
    data = str(run.data["name"])
    split = images.chosen.split if images.chosen else "test"
    facts = [
        ("Network", name),
        ("Trained on", data),
        ("Run", run.directory.resolve().name),
        ("Epoch", str(predictor.epoch)),
        ("Classes", ", ".join(run.classes)),
        ("Input", _input_text(predictor)),
        *_accuracy(predictor, split),
        ("Temperature", f"{metadata['temperature']:.4g}" if metadata.get("temperature") else "none: not calibrated"),
        ("Confidence threshold", _threshold(metadata)),
        ("Weights (SHA-256)", run.weights_digest(predictor.epoch)),
        ("Exported by", f"pellucid {VERSION}; ONNX, run by ONNX Runtime Web {runtime.version} (WebAssembly, float32)"),
    ]
    if metadata.get("gate"):
        facts.append(("Checked before it was written", _gate_text(metadata["gate"])))
    pad = pad_of(images.training, preprocessing.channels)
    if pad["kind"] == "digit":
        facts.append(
            (
                "The pad",
                f"as {pad['measured']:,} training images were measured: scaled into {pad['box']} × {pad['box']} "
                f"pixels, centred by mass in {pad['size']} × {pad['size']}, a pen of {pad['pen']:.3g} pixels",
            )
        )
    return {
        "title": f"{name}, trained on {data}",
        "classes": list(run.classes),
        "threshold": metadata.get("threshold"),
        "temperature": metadata.get("temperature"),
        "preprocessing": preprocessing.to_dict(),
        "facts": facts,
        "notes": _notes(metadata),
        "pad": pad,
        "samples": _samples(images.chosen, samples),
        "samples_title": {"val": "Validation images"}.get(split, "Test images"),
        "no_samples": images.missing or "None came along.",
        "versions": {"pellucid": VERSION, "runtime": runtime.version},
    }


def _input_text(predictor: Predictor) -> str:
    preprocessing = predictor.preprocessing
    colour = "grey" if preprocessing.channels == 1 else "red, green, blue"
    how = {"stretch": "stretched", "crop": "cropped", "pad": "padded"}.get(preprocessing.fit, preprocessing.fit)
    return f"{preprocessing.height} × {preprocessing.width} pixels, {colour}; other sizes are {how}"


def _accuracy(predictor: Predictor, split: str) -> list[tuple[str, str]]:
    """The measured accuracy, where it belongs to these very weights."""
    run = predictor.run
    try:
        evaluation = read_evaluation(evaluation_folder(run.directory, run.data["name"], split, True))
    except UserError:
        evaluation = None
    if evaluation is None or evaluation.weights != run.weights_digest(predictor.epoch):
        return [("Accuracy", "not measured with these weights")]
    low, high = evaluation.accuracy_interval
    text = f"{share_text(evaluation.accuracy)} of {counted(evaluation.images, f'{split} image')}"
    return [("Accuracy", f"{text} (95 % interval {interval_text((low, high))})")]


def _threshold(metadata: Mapping[str, Any]) -> str:
    threshold = metadata.get("threshold")
    if threshold is None:
        return "none: it answers always"
    return f'{share_text(threshold)}; below it the answer is "unsure"'


def _gate_text(gate: Mapping[str, Any]) -> str:
    return (
        f"its graph, run by ONNX Runtime, gave the run's own decision on {gate['held_out']:,} images of its set and "
        f"{gate['hard']} difficult ones, from the same pixels, with probabilities at most "
        f"{gate['largest_difference']:.1e} away"
    )


def _notes(metadata: Mapping[str, Any]) -> list[str]:
    notes = ["A JPEG may be decoded a little differently by a browser than by Python; a PNG gives the same bytes."]
    if metadata.get("without_map"):
        notes.append(f"The exported graph has no value of these steps: {', '.join(metadata['without_map'])}.")
    return notes


def _samples(chosen: ChosenImages | None, count: int) -> list[dict[str, Any]]:
    """Take the first image of each class, then the next of each, until there are enough."""
    if chosen is None or count < 1:
        return []
    labels = np.concatenate([part.labels for part in chosen.parts])
    sources = [source for part in chosen.parts for source in part.sources]
    first = chosen.pixels(0)
    count = max(1, min(count, MOST_SAMPLE_PIXELS // (first.shape[0] * first.shape[1])))
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        turn[labels == label] = np.arange(int((labels == label).sum()))
    picked = np.lexsort((labels, turn))[:count]
    return [
        {"name": sources[index], "label": int(labels[index]), "png": _png(chosen.pixels(int(index)))}
        for index in picked.tolist()
    ]


def _png(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _html(about: dict[str, Any], plan: Plan, graph: bytes, runtime: WebRuntime) -> str:
    environment = Environment(
        loader=PackageLoader("pellucid.deployment"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        about=about,
        data=as_json(about),
        style=style_sheet("page.css"),
        script=joined_modules("page.js"),
        runtime=runtime,
        blobs={
            "script": _packed(runtime.script),
            "wasm": _packed(runtime.wasm),
            "graph": _packed(graph),
            "numbers": _packed(bytes(plan.numbers)),
        },
    )
