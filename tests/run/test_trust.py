"""Code in a run from elsewhere is run only where that was asked for."""

from __future__ import annotations

import hashlib
import py_compile
import shutil
import stat
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

import pytest

import pellucid
from pellucid.cli import main
from pellucid.ground.errors import UserError
from pellucid.run import Run, open_run, trusting
from pellucid.run.trust import key_file


@pytest.fixture
def foreign(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen_data: Path) -> Path:
    """A copy of a run, on an installation that did not make it; its file says when it is run."""
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    monkeypatch.setenv("PELLUCID_STATE", str(tmp_path / "state"))
    shutil.copytree(run.directory, tmp_path / "foreign")
    with (tmp_path / "foreign" / "network.py").open("a") as file:
        file.write(f"\nopen({str(tmp_path / 'was-run')!r}, 'w').close()\n")
    return tmp_path / "foreign"


@pytest.mark.parametrize(
    "command",
    [
        "runs ..",
        "layers .",
        "evaluate .",
        "resume .",
        "step .",
        "history . test/1",
        "why . test/1",
        "trace . test/1",
        "explain . test/1",
        "maps . test/1",
        "report . --force",
        "audit --run . --force",
        "robustness . --images 4",
    ],
)
def test_no_command_runs_the_file_of_a_foreign_run(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(foreign)
    main(command.split())
    assert not (tmp_path / "was-run").exists()


def test_the_refusal_shows_the_file_and_its_digest(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = hashlib.sha256((foreign / "network.py").read_bytes()).hexdigest()
    assert main(["layers", str(foreign)]) == 2
    assert f"{foreign / 'network.py'}, SHA-256 {digest}. Nothing of it was run." in capsys.readouterr().err


def test_trust_is_given_by_an_option_an_argument_or_for_a_while(foreign: Path, tmp_path: Path) -> None:
    ways: tuple[Callable[[], object], ...] = (
        lambda: main(["layers", str(foreign), "--trust"]),
        lambda: open_run(foreign, trust=True).network(),
    )
    for way in ways:
        way()
        assert (tmp_path / "was-run").exists()
        (tmp_path / "was-run").unlink()
        with pytest.raises(UserError, match="add --trust"):
            open_run(foreign).network()
    with trusting():
        open_run(foreign).network()
    with pytest.raises(UserError, match="add --trust"):
        open_run(foreign).network()


def test_the_own_run_needs_no_trust_until_its_file_changes(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.directory, tmp_path / "own")
    open_run(tmp_path / "own").network()
    with (tmp_path / "own" / "network.py").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match="or the file was changed since"):
        open_run(tmp_path / "own").network()


def test_a_compiled_file_beside_the_own_one_is_not_run(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.directory, tmp_path / "own")
    source, other = tmp_path / "own" / "network.py", tmp_path / "other.py"
    other.write_text(f"open({str(tmp_path / 'was-run')!r}, 'w').close()\n" + source.read_text())
    cached = Path(cache_from_source(str(source)))
    cached.parent.mkdir(exist_ok=True)
    py_compile.compile(str(other), str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    open_run(tmp_path / "own").network()
    assert not (tmp_path / "was-run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such permissions")
def test_the_key_is_private() -> None:
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert len(key_file().read_bytes()) == 32


def test_without_a_place_for_the_key_a_run_is_trained_and_that_is_said(
    seen_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PELLUCID_STATE", str(tmp_path / "file" / "state"))
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    pellucid.train(
        "mnist", network=f"{seen_data / 'own_net.py'}:Functional", data_dir=seen_data, epochs=1, out=tmp_path / "run"
    )
    assert "so later commands will ask for --trust" in (said := capsys.readouterr().err)
    assert "set PELLUCID_STATE to a folder of yours" in said
    with pytest.raises(UserError, match="add --trust"):
        open_run(tmp_path / "run").network()


def test_without_a_home_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.data.places import cache_folder

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UserError, match=r"no home directory .* set PELLUCID_STATE"):
        key_file()
    with pytest.raises(UserError, match=r"no home directory .* set PELLUCID_CACHE"):
        cache_folder(None)
