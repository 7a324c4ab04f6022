"""`pellucid convolve` and `pellucid filter`, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main


def run(capsys, *words):
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_lessons_steps(capsys):
    code, out, err = run(capsys, "convolve", "3,2,1,0", "1,0,-1")
    assert (code, err) == (0, "")
    assert "filter   [1, 0, -1]   flipped [-1, 0, 1]" in out
    assert "   signal             │  3 │  2 │  1    0\n   filter          -1 │  0 │  1 │\n" in out
    assert "   3*0 + 2*1 = 2\n" in out
    assert out.rstrip().endswith("result   [3, 2, -2, -2, -1, 0]")


def test_json_is_the_whole_of_standard_output(capsys):
    document = json.loads(run(capsys, "convolve", "3,2,1,0", "1,0,-1", "--json")[1])
    assert document["result"] == [3, 2, -2, -2, -1, 0]
    assert document["steps"][1] == {
        "position": 1,
        "signal_indices": [0, 1],
        "signal_values": [3, 2],
        "kernel_indices": [1, 0],
        "kernel_values": [0, 1],
        "products": [0, 2],
        "value": 2,
    }


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["-1,2", "1,1"], [-1, 1, 2]),
        (["-1,2", "-.5"], [0.5, -1]),
        (["--mode", "valid", "--stride", "2", "1,2,3,4,5", "1,1"], [3, 7]),
        (["1,2,3", "1,10,100", "--padding", "1", "--padding-mode", "circular", "--correlate"], [213, 321, 132]),
        (["1,2,3", "1,10", "--dilation", "2"], [1, 2, 13, 20, 30]),
        (["1,2", "1", "--padding", "2,0"], [0, 0, 1, 2]),
        (["1,2;3,4", "1,0;0,-1", "--mode", "valid"], [[3]]),
        (["1,2;3,4", "-1,1", "--stride", "1,2"], [[-1, 2], [-3, 4]]),
        (["1+2j", "1j"], [{"real": -2.0, "imaginary": 1.0}]),
    ],
)
def test_settings_reach_the_result(capsys, words, result):
    code, out, _ = run(capsys, "convolve", *words, "--json")
    assert code == 0
    assert json.loads(out)["result"] == result


def test_the_number_of_steps_printed(capsys):
    assert "… and 5 more steps" in run(capsys, "convolve", "3,2,1,0", "1,0,-1", "--steps", "1")[1]
    assert "step" not in run(capsys, "convolve", "3,2,1,0", "1,0,-1", "--steps", "0")[1]


def test_functions(capsys, tmp_path):
    out_file = tmp_path / "three.png"
    code, out, _ = run(capsys, "convolve", "--functions", "sin(x)", "x**2", "--domain=-10:10", "--out", str(out_file))
    assert code == 0
    assert "affects the result everywhere" in out
    with Image.open(out_file) as picture:
        assert "affects the result" in picture.text["Description"]
    words = ["--functions", "-gauss(x)", "gauss(x)", "--domain", "-8:8", "--samples", "401", "--at", "-1", "--json"]
    document = json.loads(run(capsys, "convolve", *words)[1])
    assert document["at"]["area"] == pytest.approx(-np.exp(-0.25) / np.sqrt(4 * np.pi), abs=1e-9)
    assert len(document["x"]) == len(document["result"]) == 401
    assert document["warning"] == ""


def test_pictures_of_numbers(capsys, tmp_path):
    moving, still = tmp_path / "s.gif", tmp_path / "s.png"
    assert "6 of 6 steps" in run(capsys, "convolve", "3,2,1,0", "1,0,-1", "--out", str(moving))[1]
    assert "step 1" in run(capsys, "convolve", "3,2,1,0", "1,0,-1", "--at", "1", "--out", str(still))[1]
    with Image.open(moving) as picture:
        assert picture.n_frames == 6
    before = still.read_bytes()
    code, out, err = run(capsys, "convolve", "3,2", "1", "--out", str(still))
    assert (code, out) == (2, "")
    assert "exists already" in err
    assert still.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "SIGNAL and FILTER are expected"),
        (["1,2"], "SIGNAL and FILTER are expected"),
        (["1,a", "1"], "SIGNAL is '1,a': 'a' is not a number"),
        (["1", "1;2,3"], "FILTER is ragged"),
        (["1", "1", "--mod", "full"], "No such option"),
        (["1", "1", "--stride", "0"], "stride is 0; expected a whole number of at least 1"),
        (["1", "1", "--stride", "x"], "--stride is 'x'; expected whole numbers"),
        (["1", "1", "--steps", "-1"], "--steps is -1; expected 0 or more"),
        (["1", "1", "--out", "x.jpg"], "does not end in .gif or .png or .svg"),
        (["1", "1", "--at", "7", "--out", "x.png"], "--at is 7; expected a step from 0 to 0"),
        (["1,2", "1,2,3", "--padding", "0"], "a filter of 3 with dilation 1 spans 3 elements"),
        (["1,nan", "1"], "holds NaN"),
        (["1", "1", "--functions", "x", "x"], "--functions and the numbers '1' were given"),
        (["--functions", "x.real", "x"], "'x.real' in 'x.real' is not arithmetic"),
        (["--functions", "x", "x", "--domain", "3"], "--domain is '3'; expected two numbers with a colon"),
        (["--functions", "x", "x", "--domain", "a:b"], "--domain is 'a'; expected a number"),
        (["--functions", "x", "x", "--at", "11"], "x = 11 is outside the domain"),
        (["--functions", "x", "x", "--out", "x.gif"], "does not end in .png or .svg"),
    ],
)
def test_mistakes(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "convolve", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_boxes_in_a_terminal_that_has_none():
    done = subprocess.run(
        [sys.executable, "-c", "from pellucid.cli import main; main(['convolve', '3,2,1', '1', '--steps', '1'])"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert b"| 3 |" in done.stdout
    assert b"... and 2 more steps" in done.stdout


def test_filter_an_image(capsys, tmp_path):
    pixels = np.array([[0, 0, 100, 100]] * 3, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    words = ["filter", str(tmp_path / "in.png"), "--kernel", "sobel-x", "--out", str(tmp_path / "out.png")]
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "4×3 L" in out
    assert "sobel-x by correlation, border: replicate, sums rounded and clipped to 0–255" in out
    with Image.open(tmp_path / "out.png") as written:
        assert np.asarray(written).tolist() == [[0, 255, 255, 0]] * 3
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "exists already" in err
    words[3:4] = ["1,0,-1"]
    words[2:3] = ["--kernel"]
    document = json.loads(run(capsys, *words, "--offset", "128", "--force", "--json")[1])
    assert document["kernel"] == [[1, 0, -1]]
    with Image.open(tmp_path / "out.png") as written:
        assert np.asarray(written).tolist() == [[128, 28, 28, 128]] * 3


def test_filter_lists_and_mistakes(capsys, tmp_path):
    out = run(capsys, "filter", "--list")[1]
    for name in ("identity", "edges", "sobel-x", "sobel-y", "sharpen", "box-blur", "gaussian-blur", "emboss"):
        assert f"\n{name} " in f"\n{out}"
    assert len(json.loads(run(capsys, "filter", "--list", "--json")[1])) >= 8
    assert "--kernel and --out missing" in run(capsys, "filter", "x.png")[2]
    target = str(tmp_path / "o.png")
    assert "did you mean 'sharpen'" in run(capsys, "filter", "x.png", "--kernel", "sharp", "--out", target)[2]
    assert "there is no file" in run(capsys, "filter", "none.png", "--kernel", "edges", "--out", target)[2]
