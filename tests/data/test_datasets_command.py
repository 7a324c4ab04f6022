from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_set_fakes import write_cifar_set, write_idx_set, write_tar

from pellucid.cli import main
from pellucid.data import NAMED


def test_the_table_says_what_is_here(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    assert main(["datasets", "--data-dir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert lines["mnist"].endswith(str(tmp_path / "MNIST" / "raw")[-40:])
    assert "60,000  10,000  1×28×28" in lines["mnist"]
    assert "not here; 170 MB to download" in lines["cifar10"]
    assert not cache.exists()


def test_it_begins_with_a_sentence_and_fits_100_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    write_idx_set(deep / "MNIST" / "raw")
    assert main(["datasets", "--data-dir", str(deep)]) == 0
    lines = capsys.readouterr().out.splitlines()
    here = sum("not here" not in line for line in lines if line.split(" ")[0] in NAMED)
    assert lines[0].startswith(f"{here} of {len(NAMED)} named data sets {'is' if here == 1 else 'are'} on this machine")
    assert max(map(len, lines)) <= 100
    assert sum("bbb/MNIST/raw" in line for line in lines) == 1
    assert "… marks a path cut at the front; --json has it whole." in lines


def test_json_is_the_only_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cifar_set(tmp_path / "made", "cifar100")
    write_tar(tmp_path / "cifar-100-binary.tar.gz", tmp_path / "made", "cifar-100-binary")
    assert main(["datasets", "--data-dir", str(tmp_path), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(NAMED)
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
    assert "there is no folder '/nowhere'" in capsys.readouterr().err
