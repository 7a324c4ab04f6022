from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_set_fakes import everything_in, idx_bytes, write_cifar_set, write_idx_set, write_tar

from pellucid.data import describe_images, open_image_set
from pellucid.data.named import NAMED
from pellucid.data.request import DataRequest
from pellucid.ground.errors import UserError

REAL = os.environ.get("PELLUCID_DATA", "")  # read before the tests' own fixture hides it


def real(layout: str) -> pytest.MarkDecorator:
    there = bool(REAL) and (Path(REAL) / layout).is_dir()
    return pytest.mark.skipif(not there, reason=f"needs {layout} in PELLUCID_DATA")


def test_cifar10_pixels_labels_and_order_are_those_of_its_files(tmp_path: Path) -> None:
    arrays = write_cifar_set(tmp_path / "data" / "cifar-10-batches-bin")
    image_set = open_image_set("cifar10", data_dir=tmp_path / "data")
    assert image_set.shape == (3, 32, 32)
    for split in ("train", "test"):
        np.testing.assert_array_equal(image_set.splits[split].images, arrays[f"{split}-images"])
        np.testing.assert_array_equal(image_set.splits[split].labels, arrays[f"{split}-labels"])
    assert (len(image_set.splits["train"]), len(image_set.splits["test"])) == (50, 10)
    assert image_set.splits["train"].sources[17] == "train/17"
    assert image_set.splits["test"].sources[-1] == "test/9"
    assert image_set.splits["test"].sources[2:4] == ["test/2", "test/3"]
    assert image_set.classes == NAMED["cifar10"].classes
    assert (image_set.flip_allowed, image_set.fit, image_set.split_seed, image_set.left_out) == (True, "none", None, ())
    assert image_set.origin == str(tmp_path / "data" / "cifar-10-batches-bin")


def test_a_cifar_record_made_by_hand(tmp_path: Path) -> None:
    # label 6, a red plane of 1, a green plane of 2, a blue plane of 3, but its second pixel in the first row is 200 red
    red = bytes([1, 200] + [1] * 1022)
    record = bytes([6]) + red + bytes([2]) * 1024 + bytes([3]) * 1024
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for file in NAMED["cifar10"].train_files + NAMED["cifar10"].test_files:
        (folder / file).write_bytes(record)
    image = open_image_set("cifar10", data_dir=tmp_path).splits["test"].images[0]
    assert image[0, 0].tolist() == [1, 2, 3]
    assert image[0, 1].tolist() == [200, 2, 3]
    assert image[1, 0].tolist() == [1, 2, 3]


def test_cifar100_takes_the_fine_label_and_the_names_of_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-binary"
    arrays = write_cifar_set(folder, "cifar100")
    names = [f"kind {number}" for number in range(100)]
    (folder / "fine_label_names.txt").write_text("\n".join(names) + "\n\n")
    image_set = open_image_set("cifar100", data_dir=tmp_path)
    np.testing.assert_array_equal(image_set.splits["train"].labels, arrays["train-labels"])
    assert image_set.classes == tuple(names)


def test_the_archive_as_downloaded_is_read_without_unpacking(tmp_path: Path, cache: Path) -> None:
    arrays = write_cifar_set(tmp_path / "made")
    (tmp_path / "made" / "batches.meta.txt").write_text("\n".join(reversed(NAMED["cifar10"].classes)))
    archive = tmp_path / "data" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    write_tar(archive, tmp_path / "made", "cifar-10-batches-bin")
    image_set = open_image_set("cifar10", data_dir=tmp_path / "data")
    np.testing.assert_array_equal(image_set.splits["train"].images, arrays["train-images"])
    assert image_set.classes[0] == "truck"
    assert image_set.origin == str(archive)
    assert not list(cache.rglob("*.bin"))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_sets_in_their_official_layout(tmp_path: Path, name: str, packed: bool) -> None:
    arrays = write_idx_set(tmp_path / NAMED[name].layout, packed=packed)
    image_set = open_image_set(name, data_dir=tmp_path)
    np.testing.assert_array_equal(image_set.splits["train"].images[..., 0], arrays["train-images"])
    np.testing.assert_array_equal(image_set.splits["test"].labels, arrays["test-labels"])
    assert image_set.shape == (1, 28, 28)
    assert image_set.flip_allowed == (name == "fashion-mnist")
    assert len(image_set.classes) == 10


@pytest.mark.parametrize("inside", ["MNIST/raw", "MNIST", "mnist", "raw", ""])
def test_other_places_of_the_files_in_the_data_folder(tmp_path: Path, inside: str) -> None:
    write_idx_set(tmp_path / "data" / inside)
    assert open_image_set("mnist", data_dir=tmp_path / "data").origin == str(tmp_path / "data" / inside)


def test_the_data_folder_may_be_the_layout_folder_itself(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    write_cifar_set(tmp_path / "cifar-10-batches-bin")
    assert open_image_set("mnist", data_dir=tmp_path / "MNIST" / "raw").name == "mnist"
    assert open_image_set("cifar10", data_dir=tmp_path / "cifar-10-batches-bin").name == "cifar10"


def test_one_of_the_mnist_family_is_not_confused_with_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    with pytest.raises(UserError, match="kmnist was not found"):
        open_image_set("kmnist", data_dir=tmp_path / "MNIST" / "raw", download=False)
    # loose files with MNIST's own test labels are MNIST's, whatever their folder is called
    write_idx_set(tmp_path / "loose")
    monkeypatch.setattr("pellucid.data.locate.hashlib.md5", lambda *_, **__: _Sum("ec29112dd5afa0611ce80d1b7f02629c"))
    assert open_image_set("mnist", data_dir=tmp_path / "loose").name == "mnist"
    with pytest.raises(UserError, match="kmnist was not found"):
        open_image_set("kmnist", data_dir=tmp_path / "loose", download=False)


class _Sum:
    def __init__(self, text: str) -> None:
        self.text = text

    def hexdigest(self) -> str:
        return self.text


def test_pellucid_data_is_the_default_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_set(tmp_path / "env" / "MNIST" / "raw")
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "env"))
    assert open_image_set("mnist").origin == str(tmp_path / "env" / "MNIST" / "raw")


def test_another_size_and_other_channels_are_fitted(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    colour = open_image_set("mnist", data_dir=tmp_path, channels=3)
    grey = open_image_set("mnist", data_dir=tmp_path)
    assert colour.fit == "none"
    for channel in range(3):
        np.testing.assert_array_equal(colour.splits["train"].images[..., channel], grey.splits["train"].images[..., 0])
    padded = open_image_set("mnist", data_dir=tmp_path, size=(32, 28), fit="pad")
    assert (padded.shape, padded.fit) == ((1, 32, 28), "pad")
    np.testing.assert_array_equal(padded.splits["test"].images[:, 2:30], grey.splits["test"].images)
    assert padded.splits["test"].images[:, :2].max() == 0
    assert len({colour.fingerprint, grey.fingerprint, padded.fingerprint}) == 3


def test_colour_to_grey(tmp_path: Path) -> None:
    arrays = write_cifar_set(tmp_path / "cifar-10-batches-bin")
    grey = open_image_set("cifar10", data_dir=tmp_path, channels=1)
    expected = arrays["train-images"] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey.splits["train"].images[..., 0] - expected).max() <= 1


def test_the_second_opening_reads_the_same_memory_map(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    first = open_image_set("mnist", data_dir=tmp_path)
    second = open_image_set("mnist", data_dir=tmp_path)
    assert isinstance(second.splits["train"].images, np.memmap)
    assert first.splits["train"].images.filename == second.splits["train"].images.filename
    with pytest.raises(ValueError, match="read-only"):
        second.splits["train"].images[0] = 0
    assert first.fingerprint == second.fingerprint


def test_the_fingerprint_is_of_the_content_wherever_it_lies(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "here" / "MNIST" / "raw")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    here = open_image_set("mnist", data_dir=tmp_path / "here")
    assert open_image_set("mnist", data_dir=tmp_path / "there").fingerprint == here.fingerprint
    write_idx_set(tmp_path / "here" / "MNIST" / "raw", seed=5)
    assert open_image_set("mnist", data_dir=tmp_path / "here").fingerprint != here.fingerprint


def test_describe_is_ready_for_json(tmp_path: Path) -> None:
    import json

    write_idx_set(tmp_path / "MNIST" / "raw")
    facts = describe_images(open_image_set("mnist", data_dir=tmp_path))
    assert json.loads(json.dumps(facts)) == facts
    assert facts["images"] == {"train": 20, "test": 10}
    assert facts["per_class"]["train"]["3"] == 2
    assert facts["shape"] == [1, 28, 28]


def damage(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)


LABELS = idx_bytes(np.arange(20, dtype=np.uint8) % 10)
IMAGES = idx_bytes(np.zeros((20, 28, 28), np.uint8))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-images-idx3-ubyte.gz", gzip.compress(IMAGES)[:60], "train-images.*damaged or cut short"),
        ("train-images-idx3-ubyte.gz", IMAGES[:1000], r"promises 20×28×28 = 15,680 bytes.*holds 984; the file is cut"),
        ("train-images-idx3-ubyte.gz", IMAGES + b"x", "holds 15,681; expected none after the last"),
        ("train-images-idx3-ubyte.gz", b"", "train-images-idx3-ubyte.gz has 0 bytes, less than the 16"),
        ("train-images-idx3-ubyte.gz", b"<html>Not the file you want", "magic number 0x3c68746d; expected 0x00000803"),
        ("train-labels-idx1-ubyte.gz", IMAGES, "magic number 0x00000803; expected 0x00000801"),
        (
            "train-labels-idx1-ubyte.gz",
            idx_bytes(np.zeros(19, np.uint8)),
            "has 20 images, but .*train-labels-idx1-ubyte.gz has 19 labels",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            LABELS[:-1] + b"\x0b",
            "has the label 11 at record 19; mnist has labels 0 to 9",
        ),
        (
            "train-images-idx3-ubyte.gz",
            idx_bytes(np.zeros((20, 27, 28), np.uint8)),
            r"20 images of 27×28 pixels and 1 channel; expected 1 or more of 28×28",
        ),
    ],
)
def test_damaged_idx_files(tmp_path: Path, cache: Path, file: str, content: bytes, message: str) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    damage(tmp_path / "MNIST" / "raw", file, content)
    with pytest.raises(UserError, match=message):
        open_image_set("mnist", data_dir=tmp_path)
    assert everything_in(cache) == []


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data_batch_3.bin", bytes(3073 * 2 - 1), "data_batch_3.bin has 6,145 bytes.*not a whole number of records"),
        ("test_batch.bin", b"", "test_batch.bin has 0 bytes"),
        ("test_batch.bin", bytes([10]) + bytes(3072), "test_batch.bin has the label 10 at record 0"),
        ("batches.meta.txt", b"cat\ndog\n", "batches.meta.txt has 2 class names; expected 10 different ones"),
    ],
)
def test_damaged_cifar_files(tmp_path: Path, cache: Path, file: str, content: bytes, message: str) -> None:
    write_cifar_set(tmp_path / "cifar-10-batches-bin")
    damage(tmp_path / "cifar-10-batches-bin", file, content)
    with pytest.raises(UserError, match=message):
        open_image_set("cifar10", data_dir=tmp_path)
    assert everything_in(cache) == []


def test_damaged_and_incomplete_archives(tmp_path: Path) -> None:
    write_cifar_set(tmp_path / "made")
    archive = write_tar(tmp_path / "cifar-10-binary.tar.gz", tmp_path / "made", "cifar-10-batches-bin")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cifar-10-binary.tar.gz is damaged or cut short"):
        open_image_set("cifar10", data_dir=tmp_path)
    (tmp_path / "made" / "data_batch_2.bin").unlink()
    write_tar(archive, tmp_path / "made", "cifar-10-batches-bin")
    with pytest.raises(UserError, match=r"cifar-10-binary.tar.gz lacks data_batch_2.bin"):
        open_image_set("cifar10", data_dir=tmp_path)


def test_a_missing_file_and_the_python_version_are_named(tmp_path: Path) -> None:
    write_cifar_set(tmp_path / "cifar-10-batches-bin")
    (tmp_path / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()
    with pytest.raises(UserError, match=r"cifar-10-batches-bin lacks data_batch_4.bin"):
        open_image_set("cifar10", data_dir=tmp_path, download=False)
    (tmp_path / "other" / "cifar-100-python").mkdir(parents=True)
    with pytest.raises(UserError, match=r"has cifar-100-python, the Python version, a pickle, which is not read"):
        open_image_set("cifar100", data_dir=tmp_path / "other", download=False)


def test_nothing_found_lists_all_places_and_what_to_put_where(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_image_set("kmnist", download=False)
    text = str(caught.value)
    assert "neither --data-dir nor PELLUCID_DATA is given" in text
    assert f"{cache}/downloads/kmnist does not exist" in text
    assert "downloading is turned off" in text
    assert "Put train-images-idx3-ubyte.gz, " in text
    assert "into DIR/KMNIST/raw and give --data-dir DIR (or set PELLUCID_DATA=DIR)" in text


def test_a_data_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"nowhere \(--data-dir\) does not exist"):
        open_image_set("mnist", data_dir=tmp_path / "nowhere")
    (tmp_path / "file").touch()
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"file \(PELLUCID_DATA\) is a file"):
        open_image_set("mnist")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cifar", "there is no data set, folder or archive 'cifar': did you mean 'cifar10'"),
        ("Fashion_MNIST", "did you mean 'fashion-mnist'"),
        ("./pets", r"pets does not exist; expected a folder of images"),
        (
            "pets.zip",
            r"pets.zip does not exist; expected a folder of images, a .zip or .tar of one, a table of files and labels "
            r"\(.csv\), or one of: cifar10",
        ),
    ],
)
def test_a_source_that_is_none(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_image_set(source)


def test_all_wrong_options_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_image_set("mnist", size=(0, 28), channels=2, fit="strech", workers=0)
    text = str(caught.value)
    assert "size is (0, 28); expected (H, W), each from 1 to 8,192" in text
    assert "channels is 2; expected 1 (grey) or 3" in text
    assert "fit is 'strech': did you mean 'stretch'" in text
    assert "workers is 0" in text


@real("cifar-10-batches-bin")
def test_real_cifar10() -> None:
    image_set = open_image_set("cifar10", data_dir=REAL)
    train = image_set.splits["train"]
    assert train.images.shape == (50_000, 32, 32, 3)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert image_set.classes[6] == "frog"
    # the mean of the training pixels, as published with countless CIFAR-10 programs: 0.4914, 0.4822, 0.4465
    np.testing.assert_allclose(train.images.mean((0, 1, 2)) / 255, [0.4914, 0.4822, 0.4465], atol=5e-5)


@real("MNIST/raw")
def test_real_mnist() -> None:
    image_set = open_image_set("mnist", data_dir=REAL)
    train, test = image_set.splits["train"], image_set.splits["test"]
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_a_request_keeps_the_folder_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run begun with PELLUCID_DATA finds its images later where the variable is no longer set."""
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    assert DataRequest(source="mnist").to_dict()["data_dir"] == str(tmp_path)
    monkeypatch.delenv("PELLUCID_DATA")
    assert DataRequest(source="mnist").to_dict()["data_dir"] is None
