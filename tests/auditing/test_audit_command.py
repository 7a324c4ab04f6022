"""The audit of a folder of images, and of a run's images, from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist
from PIL import Image
from run_files import read_plainly
from test_audit_duplicates import scenes

import pellucid
from pellucid.auditing import audit
from pellucid.cli import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes in two splits: a copy in both splits, one under another label, and four files that are wrong."""
    root = tmp_path / "photos"
    pictures = scenes(24, seed=20, side=64)
    names = [f"train/{kind}/{index}.png" for kind in ("cat", "dog") for index in range(8)]
    names += [f"test/{kind}/{index}.png" for kind in ("cat", "dog") for index in range(4)]
    pictures[17] = pictures[2]  # test/cat/1 is train/cat/2
    pictures[12] = np.clip(pictures[5] * 0.8 + 20, 0, 255)  # train/dog/4 is train/cat/5, brighter
    for name, picture in zip(names, pictures, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / name)
    Image.new("RGB", (64, 64), (9, 8, 7)).save(root / "train/dog/blank.png")
    Image.fromarray(scenes(1, seed=21, side=16)[0]).save(root / "train/dog/tiny.png")
    Image.fromarray(scenes(1, seed=22, side=64)[0]).resize((400, 64)).save(root / "train/dog/wide.png")
    (root / "train/dog/broken.png").write_bytes(b"no picture")
    return root


def test_a_folder_from_the_command_line(photos, tmp_path, capsys):
    assert main(["audit", str(photos), "--out", "found", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == read_plainly(tmp_path / "found/audit.json")
    assert [(split["name"], split["images"], split["per_class"]) for split in document["splits"]] == [
        ("train", 19, [8, 11]),
        ("test", 8, [4, 4]),
    ]
    assert document["imbalance"] == 11 / 8
    assert document["original_sizes"] == {"files": 27, "shortest_side": [16, 64, 64], "longest_side": [16, 64, 400]}
    assert [image["source"] for image in document["left_out"]] == ["train/dog/broken.png"]
    assert [(entry["image"]["source"], entry["reason"]) for entry in document["suspicious"]] == [
        ("train/dog/blank.png", "one colour: 9, 8, 7"),
        ("train/dog/tiny.png", "tiny: 16 × 16 pixels, enlarged to 64 × 64"),
        ("train/dog/wide.png", "extreme proportions: 400 × 64 pixels"),
    ]
    duplicates = document["duplicates"]
    assert (
        duplicates["exact"],
        duplicates["near"],
        duplicates["images"],
        duplicates["groups"],
        duplicates["other_label"],
    ) == (1, 1, 4, 2, 1)
    assert duplicates["between"] == [
        {"first": "train", "second": "train", "exact": 0, "near": 1, "images": 2},
        {"first": "train", "second": "test", "exact": 1, "near": 0, "images": 1},
    ]
    pairs = [(pair["first"]["source"], pair["second"]["source"], pair["kind"]) for pair in duplicates["pairs"]]
    assert pairs == [
        ("train/cat/2.png", "test/cat/1.png", "exact"),
        ("train/cat/5.png", "train/dog/4.png", "near"),
    ]
    rows = list(csv.DictReader((tmp_path / "found/duplicates.csv").open()))
    assert [(row["first"], row["second"]) for row in rows] == [pair[:2] for pair in pairs]
    with Image.open(tmp_path / "found/duplicates.png") as sheet:
        assert "train/cat/5.png and train/dog/4.png" in sheet.info["Description"]


def test_the_text_names_what_to_look_at(photos, capsys):
    assert main(["audit", str(photos)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "photos has 27 images in 2 classes, each 64×64 pixels, colour; 4 images have an exact or near"
    )
    assert "Duplicates: 1 exact pair and 1 near pair; 4 images in 2 groups; 1 pair with different labels." in out
    assert "between train and test: 1 exact, 0 near; 1 image of test (12.50%)" in out
    assert "The shorter side of the files is 16 to 64 pixels (median 64), the longer side 16 to 400 pixels" in out
    assert "3 images look suspicious; 1 file could not be read." in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100
    assert "train/cat/5.png (cat) = train/dog/4.png (dog)" in out
    assert "train/dog/broken.png: not an image" in out
    assert "The most frequent training class has 1.38 times the images of the rarest." in out


def test_a_clean_folder_says_none_found(tmp_path, capsys):
    for index, picture in enumerate(scenes(24, seed=30)):
        file = tmp_path / f"clean/{'ab'[index % 2]}/{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
    assert main(["audit", "clean"]) == 0
    out = capsys.readouterr().out
    assert "Duplicates: none found, exact or near" in out
    assert "Suspicious" not in out
    assert "left out" not in out
    assert "no image has a duplicate; no image looks suspicious; no file could not be read." in " ".join(out.split())


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> pellucid.Run:
    """A network trained on ten made classes, of which two training images have the wrong label."""
    folder = tmp_path_factory.mktemp("audited")
    write_learnable_mnist(folder / "data/MNIST/raw")
    labels = folder / "data/MNIST/raw/train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    for index in (40, 333):
        content[8 + index] = (content[8 + index] + 5) % 10
    labels.write_bytes(content)
    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        return pellucid.train(
            "mnist",
            network=f"{folder / 'tiny_net.py'}:TinyNet",
            recipe="tutorial",
            epochs=6,
            keep="all",
            out=folder / "run",
            data_dir=folder / "data",
        )


def test_wrong_labels_are_doubted_most(digits_run, capsys):
    assert main(["audit", "--run", str(digits_run.directory), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == read_plainly(digits_run.directory / "audit.json")
    doubts = document["doubts"]
    assert doubts["epochs"] == [1, 2, 3, 5, 6]  # evenly spread over the six that are kept
    first = {(doubt["image"]["source"], doubt["agreed"]) for doubt in doubts["most"][:2]}
    assert first == {("train/40", 0), ("train/333", 0)}
    images = digits_run.open_images()
    for doubt in doubts["most"][:2]:
        true_label = (images.splits["train"].labels[doubt["image"]["index"]] - 5) % 10
        assert doubt["instead"] == digits_run.classes[true_label]


def test_the_doubt_is_the_mean_of_the_epochs_probabilities(digits_run):
    import torch

    images = digits_run.open_images()
    doubts = audit(images, digits_run).doubts
    first = doubts.most[0]
    pixels = torch.from_numpy(images.splits[first.image.split].images[first.image.index].copy())
    inputs = (pixels.float() / 255 - 0.5).div(0.5).permute(2, 0, 1)[None]
    label = digits_run.classes.index(first.image.label)
    with torch.no_grad():
        expected = [digits_run.network(epoch)(inputs).softmax(1)[0, label].item() for epoch in doubts.epochs]
    assert first.given == pytest.approx(np.mean(expected), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give DATA (a named set, a folder, an archive) or --run RUN"),
        (["photos", "--similarity", "1.5"], "the least similarity is 1.5; expected more than 0 and at most 1"),
        (["no_such_folder/"], "does not exist"),
        (["--run", "no_run"], "no_run is not a run: it does not exist"),
    ],
)
def test_mistakes_are_named(photos, arguments, message, capsys):
    assert main(["audit", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in " ".join(captured.err.split())
    assert captured.out == ""


def test_other_classes_than_the_run_s_are_refused(photos, digits_run, capsys):
    assert main(["audit", str(photos), "--run", str(digits_run.directory)]) == 2
    assert "knows other classes; class 'cat' of photos: expected one of: 0, 1" in capsys.readouterr().err


@pytest.mark.parametrize("change", [0, 3])
def test_a_test_set_of_copies_is_said_however_many_there_are(photos, tmp_path, capsys, change):
    """Every test image is a training image, to the byte or with a little noise: the leak must not go unsaid."""
    for kind in ("cat", "dog"):
        for index in range(4):
            with Image.open(photos / f"train/{kind}/{index}.png") as picture:
                pixels = np.asarray(picture).astype(int)
            noise = np.random.default_rng(index).integers(-change, change + 1, pixels.shape)
            copy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
            Image.fromarray(copy).save(photos / f"test/{kind}/{index}.png")
    assert main(["audit", str(photos), "--out", "copies"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    exact = "0 exact pairs" if change else "8 exact pairs"
    assert f"The same pictures are in two splits: 8 of test (also in train; {exact})" in printed
    assert "What the search finds, measured on CIFAR-10: " in printed


def test_even_brightness_in_several_colours_is_no_blank_image(photos, tmp_path, capsys):
    """Red and a blue of the same brightness, by ITU-R BT.601."""
    colours = np.zeros((64, 64, 3), np.uint8)
    colours[:, :32], colours[:, 32:] = (76, 0, 0), (0, 0, 199)
    Image.fromarray(colours).save(photos / "train/dog/blank.png")
    assert main(["audit", str(photos), "--out", "colours", "--json"]) == 0
    suspicious = json.loads(capsys.readouterr().out)["suspicious"]
    assert "train/dog/blank.png" not in [entry["image"]["source"] for entry in suspicious]
