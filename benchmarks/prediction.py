"""How many photos a second `pellucid predict` answers, beside ONNX Runtime fed by a loop of Pillow written by hand.

    python benchmarks/prediction.py [RUN ...]

The photos are JPEG files of 800×600, cut out of the real pictures that scikit-learn and matplotlib ship. Without a run
two are trained for an epoch: one at 32×32, one at 224×224. All participants answer the same files with the same
network, each in a process of its own, in turn: pellucid with the run, pellucid with the network as an ONNX file, and
the loop. Beside photos a second stands the computing that a photo took, on all cores together, which other programs
on the machine change less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROUNDS = 5
SIZE = (800, 600)
BATCH = 32


def write_photos(folder: Path, count: int) -> None:
    import matplotlib
    import sklearn.datasets

    pictures = [Path(sklearn.datasets.__file__).parent / "images" / name for name in ("china.jpg", "flower.jpg")]
    pictures.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    opened = [Image.open(picture).convert("RGB") for picture in pictures]
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = opened[number % len(opened)]
        share = random.uniform(0.6, 1)
        width, height = int(picture.width * share), int(picture.height * share)
        left, top = random.integers(picture.width - width + 1), random.integers(picture.height - height + 1)
        cut = picture.crop((left, top, left + width, top + height)).resize(SIZE, Image.Resampling.BICUBIC)
        cut.save(folder / f"{number:05d}.jpg", quality=int(random.integers(80, 95)))


def small_run(folder: Path, side: int) -> Path:
    import pellucid

    images = folder / f"images-{side}"
    write_photos(images / "first", 40)
    write_photos(images / "second", 40)
    run = pellucid.train(images, recipe="tutorial", epochs=1, size=(side, side), out=folder / f"run-{side}")
    return run.directory


def write_network(run: Path, file: Path) -> None:
    """Export the bare network, as people do: normalised float32 `[B, C, H, W]` in, logits out."""
    import torch

    import pellucid

    opened = pellucid.open_run(run)
    shape = opened.preprocessing.input_shape
    network = opened.network().to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1, max=4096)
    torch.onnx.export(
        network,
        (torch.zeros(2, *shape),),
        file,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: batch},),
        external_data=False,
        verbose=False,
        dynamo=True,
    )


def loop(photos: list[str], network: str, settings: dict) -> list[int]:
    """Answer by ONNX Runtime and Pillow, written by hand."""
    import onnxruntime

    session = onnxruntime.InferenceSession(network)
    mean, std = (np.array(settings[name], np.float32) for name in ("mean", "std"))
    size = settings["width"], settings["height"]
    answers: list[int] = []
    for start in range(0, len(photos), BATCH):
        batch = [
            np.asarray(Image.open(photo).convert("RGB").resize(size, Image.Resampling.BILINEAR))
            for photo in photos[start : start + BATCH]
        ]
        images = ((np.stack(batch).astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
        answers += session.run(None, {"input": np.ascontiguousarray(images)})[0].argmax(1).tolist()
    return answers


def product(photos: list[str], run: str) -> list[int]:
    from pellucid.prediction import open_classifier
    from pellucid.prediction.job import predict_into
    from pellucid.prediction.prediction_file import PredictionFile, TableForm
    from pellucid.prediction.sources import ImageSource

    classifier = open_classifier(run, for_many=True)
    images = [ImageSource(photo, photo) for photo in photos]
    with (
        tempfile.TemporaryDirectory() as folder,
        PredictionFile(Path(folder, "table.csv"), TableForm("csv", classifier)) as file,
    ):
        batches = predict_into(classifier, images, [file])
        return [getattr(image.answer, "index", -1) for batch in batches for image in batch]


def participate(who: str, folder: str, network: str, settings: str) -> None:
    """Answer the photos once and print what it took, from the first file that is opened to the last answer."""
    photos = sorted(map(str, Path(folder).glob("*.jpg")))
    if who == "loop":
        import onnxruntime  # noqa: F401 - its import is not what is measured
    else:
        import pellucid.prediction.job  # noqa: F401

        if not network.endswith(".onnx"):
            import torch  # noqa: F401
    started, used = time.perf_counter(), cpu_seconds()
    answers = loop(photos, network, json.loads(settings)) if who == "loop" else product(photos, network)
    seconds, computed = time.perf_counter() - started, cpu_seconds() - used
    print(json.dumps({"seconds": seconds, "computed": computed, "answers": answers}))


def cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measure(run: Path, photos: Path, folder: Path, rounds: int) -> None:
    import pellucid

    opened = pellucid.open_run(run)
    shape, count = opened.preprocessing, len(list(photos.iterdir()))
    network = folder / "network.onnx"
    write_network(run, network)
    participants = {"pellucid, the run": ("product", str(run)), "ONNX Runtime and Pillow": ("loop", str(network))}
    exported = Path(run) / "model.onnx"
    if exported.exists():
        participants["pellucid, model.onnx"] = ("product", str(exported))
    taken: dict[str, list[dict]] = {name: [] for name in participants}
    for number in range(rounds):
        order = list(participants)[number % len(participants) :] + list(participants)[: number % len(participants)]
        for name in order:
            who, target = participants[name]
            command = [sys.executable, __file__, "--as", who, str(photos), target, json.dumps(shape.to_dict())]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{opened.record.network}, {shape.height}×{shape.width}, {count:,} photos of {SIZE[0]}×{SIZE[1]}")
    base = taken["ONNX Runtime and Pillow"]
    for name, results in taken.items():
        rate = statistics.median(count / result["seconds"] for result in results)
        computed = statistics.median(result["computed"] / count * 1000 for result in results)
        ratio = statistics.median(
            other["seconds"] / result["seconds"] for result, other in zip(results, base, strict=True)
        )
        same = np.mean(np.array(results[0]["answers"]) == np.array(base[0]["answers"]))
        print(
            f"{name:<26}{rate:8.0f} photos/s  ×{ratio:.2f}  {computed:6.2f} ms of computing a photo  "
            f"{same:.1%} the same answers"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--as", nargs=4, dest="participant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.participant:
        participate(*arguments.participant)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photos(folder / "photos", arguments.photos)
        for run in arguments.runs or [small_run(folder, side) for side in (32, 224)]:
            measure(Path(run), folder / "photos", folder, arguments.rounds)
        print(f"load of the machine: {', '.join(f'{load:.1f}' for load in os.getloadavg())}", file=sys.stderr)


if __name__ == "__main__":
    main()
