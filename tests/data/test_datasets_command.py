from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_set_fakes import write_cifar_set, write_idx_set, write_tar

from pellucid.cli import main


def test_the_table_says_what_is_here(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    assert main(["datasets", "--data-dir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert str(tmp_path / "MNIST" / "raw") in lines["mnist"]
    assert "60,000  10,000  1x28x28" in lines["mnist"]
    assert "to be downloaded, 170 MB" in lines["cifar10"]
    assert not cache.exists()


def test_json_is_the_only_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cifar_set(tmp_path / "made", "cifar100")
    write_tar(tmp_path / "cifar-100-binary.tar.gz", tmp_path / "made", "cifar-100-binary")
    assert main(["datasets", "--data-dir", str(tmp_path), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == ["cifar10", "cifar100", "mnist", "fashion-mnist", "kmnist"]
    assert rows["cifar100"]["where"] == str(tmp_path / "cifar-100-binary.tar.gz")
    assert rows["cifar100"]["here"] is True
    assert rows["kmnist"] == {
        "name": "kmnist",
        "title": "Kuzushiji-MNIST: handwritten Japanese syllables",
        "images": {"train": 60_000, "test": 10_000},
        "shape": [1, 28, 28],
        "classes": 10,
        "here": False,
        "where": None,
        "download_megabytes": 21,
    }


def test_a_wrong_folder_is_a_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--data-dir", "/nowhere"]) == 2
    assert "the data folder /nowhere (--data-dir) does not exist" in capsys.readouterr().err
