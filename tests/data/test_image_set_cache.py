"""The cache: complete or absent, whoever is killed, however many ask, and whatever the disk does."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from image_set_fakes import everything_in, names_in, write_classes, write_idx_set

from pellucid.data import open_image_set
from pellucid.data.arrays import ImagesFile, RowWriter
from pellucid.ground.errors import UserError
from pellucid.ground.locks import locked, try_locked

OPEN = (
    "import signal, sys; from pellucid.data import open_image_set; "
    # a shell that runs the tests in the background has them ignore Ctrl-C
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "print(open_image_set(sys.argv[1], workers=2).fingerprint)"
)


@pytest.fixture
def slow_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """300 images that every Python started from here on takes its time to open."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(
        "import time\nimport PIL.Image as I\nreal = I.open\n"
        "def opened(*a, **k):\n    time.sleep(0.004)\n    return real(*a, **k)\n"
        "I.open = opened\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "slow"), prepend=os.pathsep)
    return write_classes(tmp_path / "pets", {"cat": 150, "dog": 150})


def start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers_of(cache: Path) -> list[int]:
    """Processes of ours that still decode into this cache, found by their orders' folder in their surroundings."""
    alive = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                surroundings = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"pellucid.data.worker" in command and os.fsencode(cache) in surroundings:
                alive.append(int(entry.name))
    return alive


def wait_until(condition: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_killed_at_random_moments_it_leaves_nothing_that_looks_complete(slow_pictures: Path, cache: Path) -> None:
    expected = open_image_set(slow_pictures, workers=1, cache_dir=cache.parent / "other").fingerprint
    generator = random.Random(0)
    shelf = cache / "image-sets"
    for _ in range(4):
        process = start(slow_pictures)
        wait_until(lambda: shelf.exists() and any(shelf.glob(".*.partial")))
        time.sleep(generator.uniform(0, 0.8))
        process.kill()
        process.communicate()
        for name in names_in(shelf):
            if not name.startswith("."):  # the kill came too late
                manifest = shelf / name / "manifest.json"
                assert json.loads(manifest.read_text())["fingerprint"] == expected
                manifest.unlink()  # and now it is damaged
        wait_until(lambda: not workers_of(cache))  # they end by themselves
    assert open_image_set(slow_pictures, workers=1).fingerprint == expected
    assert [name[0] != "." for name in names_in(shelf)] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_ctrl_c_leaves_no_file_and_no_process(slow_pictures: Path, cache: Path) -> None:
    process = start(slow_pictures)
    wait_until(lambda: len(workers_of(cache)) == 2)
    os.killpg(process.pid, signal.SIGINT)  # the terminal sends it to the workers too
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert errors.count("Traceback") == 1
    assert workers_of(cache) == []
    assert everything_in(cache) == []


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_a_worker_leaves_ctrl_c_to_the_process_that_started_it(tmp_path: Path) -> None:
    program = "from pellucid.data.worker import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        with ImagesFile(tmp_path / "a.npy", (2, 2, 3)) as out:
            out.reserve(1)
            order = {"images": str(out.path), "offset": out.offset, "rows": [], "files": [], "alone": False}
            order["target"] = [2, 2, 3, "pad", None]
        for _ in range(2):
            worker.stdin.write(json.dumps(order) + "\n")
            worker.stdin.flush()
            assert json.loads(worker.stdout.readline())["broken"] == []
            worker.send_signal(signal.SIGINT)
        worker.stdin.close()
        assert worker.wait(timeout=30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_worker_in_the_middle_of_a_long_picture_ends_with_its_parent(slow_pictures: Path, cache: Path) -> None:
    begun = slow_pictures.parent / "begun"
    (slow_pictures.parent / "slow" / "sitecustomize.py").write_text(
        f"import PIL.Image as I\ndef opened(*a, **k):\n    open({str(begun)!r}, 'w')\n    while True: pass\n"
        "I.open = opened\n"
    )
    process = start(slow_pictures)
    wait_until(lambda: begun.exists() and len(workers_of(cache)) == 2)
    process.kill()
    process.communicate()
    wait_until(lambda: not workers_of(cache), seconds=5)


def test_two_processes_at_once_both_get_the_good_result(slow_pictures: Path, cache: Path) -> None:
    processes = [start(slow_pictures) for _ in range(2)]
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert answers[0] == answers[1] == open_image_set(slow_pictures).fingerprint
    assert len(names_in(cache / "image-sets")) == 1


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path, cache: Path) -> None:
    shelf = cache / "image-sets"
    for name in ("dead", "alive"):
        (shelf / f".{name}.partial").mkdir(parents=True)
        (shelf / f".{name}.partial" / "train-images.npy").write_bytes(b"half")
    write_idx_set(tmp_path / "MNIST" / "raw")
    (shelf / ".locks").mkdir()
    with FileLock(shelf / ".locks" / "alive.lock"):
        open_image_set("mnist", data_dir=tmp_path)
        assert not (shelf / ".dead.partial").exists()
        assert (shelf / ".alive.partial").exists()


@pytest.mark.parametrize("file", ["manifest.json", "train-images.npy", "test-labels.npy"])
def test_a_damaged_set_is_made_again(tmp_path: Path, cache: Path, file: str) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    first = open_image_set("mnist", data_dir=tmp_path)
    pixels = np.array(first.splits["train"].images)
    (name,) = names_in(cache / "image-sets")
    folder = cache / "image-sets" / name
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    again = open_image_set("mnist", data_dir=tmp_path)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.splits["train"].images, pixels)


@pytest.mark.parametrize("file", ["train-images.npy", "train-labels.npy", "train-sources.json", "manifest.json"])
def test_a_byte_that_another_program_changed_is_noticed(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 20, "dog": 20})
    first = open_image_set(root)
    open_image_set(root)
    assert capsys.readouterr().err == ""
    pixels, sources = np.array(first.splits["train"].images), list(first.splits["train"].sources)
    (name,) = names_in(cache / "image-sets")
    path = cache / "image-sets" / name / file
    facts = path.stat()
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # size and time say that nothing has changed
    again = open_image_set(root)
    assert rf"are not as they were written ({file}" in capsys.readouterr().err
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.splits["train"].images, pixels)
    assert list(again.splits["train"].sources) == sources
    open_image_set(root)
    assert capsys.readouterr().err == ""


def test_files_are_summed_once_and_not_at_every_opening(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 20, "dog": 20})
    open_image_set(root)
    summed: list[Path] = []
    monkeypatch.setattr("pellucid.data.checksums.checksum", lambda file: summed.append(file) or "")
    open_image_set(root)
    assert summed == []


def test_a_full_disk_known_beforehand(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 10, "dog": 10})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("pellucid.data.whole_folder.shutil.disk_usage", lambda _: usage(1, 1, 100_000))
    # 20 images of 64·64·3 bytes: 245,760
    message = rf"the disk of the cache {cache}/image-sets is full: 0.2 MB are needed and 0.1 MB are free; nothing was"
    with pytest.raises(UserError, match=message):
        open_image_set(root)
    assert everything_in(cache) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_while_decoding(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    write_idx_set(tmp_path / "MNIST" / "raw")
    root = write_classes(tmp_path / "pets", {"cat": 10, "dog": 10})
    monkeypatch.setattr(RowWriter, "write", full)
    monkeypatch.setattr(sys, "executable", "")  # decode in this process, where that has an effect
    for source in (str(root), "mnist"):
        with pytest.raises(UserError, match=r"is full: .* are needed and .*point PELLUCID_CACHE at another folder"):
            open_image_set(source, data_dir=tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("pellucid.data.store.write_json", full)
    with pytest.raises(UserError, match=r"is full: .* are free; nothing was kept"):
        open_image_set(root, cache_dir=cache)
    assert everything_in(cache) == []


def test_a_worker_that_cannot_write_is_an_error_of_the_disk(tmp_path: Path, cache: Path) -> None:
    # a limit on the size of files, which workers inherit, stands in for a full disk
    write_classes(tmp_path / "pets", {"cat": 200, "dog": 200})
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from pellucid.data.arrays import ImagesFile\n"
        "ImagesFile.reserve = lambda *_: None\n"
        "from pellucid.cli import main\n"
        "from pellucid.ground.errors import UserError\n"
        "from pellucid.data import open_image_set\n"
        "try:\n    open_image_set(sys.argv[1], workers=2)\nexcept UserError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pets")], capture_output=True, text=True, check=True
    )
    assert "is full: 4.9 MB are needed" in done.stdout
    assert everything_in(cache) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"cannot be used: .*Permission denied"):
        open_image_set(write_classes(tmp_path / "p", {"a": 2, "b": 2}), cache_dir=tmp_path / "closed" / "cache")


def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"the cache .*file/image-sets cannot be used: .*point PELLUCID_CACHE at"):
        open_image_set(write_classes(tmp_path / "p", {"a": 2, "b": 2}), cache_dir=tmp_path / "file")


def test_workers_and_the_package_load_no_torch() -> None:
    program = "import sys, pellucid.data, pellucid.data.worker; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_script_without_a_main_guard_can_use_workers(tmp_path: Path, cache: Path) -> None:
    write_classes(tmp_path / "pets", {"cat": 150, "dog": 150})
    script = tmp_path / "script.py"
    script.write_text(
        "from pellucid.data import open_image_set\n"
        f"print(len(open_image_set({str(tmp_path / 'pets')!r}, workers=2).splits['train']))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "210\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_DATA to bound memory that is not a file's")
def test_a_set_larger_than_the_memory_allowed(tmp_path: Path, cache: Path) -> None:
    # 320 images of 1024·1024·3 bytes are 1.0 GB; the process and its workers may have 300 MB each
    write_classes(tmp_path / "pets", {"cat": 160, "dog": 160})
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))\n"
        "from pellucid.data import open_image_set\n"
        "s = open_image_set(sys.argv[1], size=(1024, 1024), workers=2)\n"
        "print(sum(v.images.nbytes for v in s.splits.values()), s.splits['train'].images[::50].mean())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "pets")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == str(320 * 1024 * 1024 * 3)


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with locked(tmp_path / "lock", "testing"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.002)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_whoever_waits_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pellucid.ground.locks.SECONDS_UNTIL_NOTICE", 0.0)
    with FileLock(tmp_path / "lock"):
        waiting = threading.Thread(target=lambda: locked(tmp_path / "lock", "decoding pets").__enter__())
        waiting.start()
        time.sleep(0.2)
    waiting.join()
    assert "Waiting for another process that is decoding pets" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from pellucid.ground.locks import locked\n"
        "with locked(Path(sys.argv[1]), 'testing'):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with try_locked(tmp_path / "lock") as free:
            assert not free
        holder.kill()
    with try_locked(tmp_path / "lock") as free:
        assert free


def test_lock_files_that_stay_behind_are_no_data_sets(tmp_path: Path, cache: Path) -> None:
    write_idx_set(tmp_path / "MNIST" / "raw")
    open_image_set("mnist", data_dir=tmp_path)
    shelf = cache / "image-sets"
    assert sorted(path.name.startswith(".") for path in shelf.iterdir()) == [False, True]
    assert [path.stat().st_size for path in (shelf / ".locks").iterdir()] == [0]


@pytest.mark.parametrize("kept", [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0, 1, 0, 1, 1]])
def test_gaps_are_closed_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: list[int]) -> None:
    monkeypatch.setattr("pellucid.data.arrays.ROWS_AT_ONCE_BYTES", 2 * 12)  # two rows at once
    rows = np.random.default_rng(0).integers(0, 256, (len(kept), 2, 2, 3), np.uint8)
    mask = np.array(kept, bool)
    with ImagesFile(tmp_path / "a.npy", (2, 2, 3)) as out:
        out.append(rows)
        assert out.finish(out.keep(mask)) == mask.sum()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), rows[mask])


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    with ImagesFile(tmp_path / "a.npy", (2, 2, 3)) as out, pytest.raises(ValueError, match=r"expected uint8 \[n"):
        out.append(np.zeros((1, 2, 2, 1), np.uint8))
