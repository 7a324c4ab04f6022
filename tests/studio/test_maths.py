"""The mathematics in the studio: its answers beside NumPy, SciPy, torch and the commands that it gives; its limits."""

from __future__ import annotations

import io
import json
import shlex
import time
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from test_see import unpacked

from pellucid.cli import main

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = st.integers(-9, 9)
SIGNAL = arrays(np.int64, st.integers(1, 9), elements=NUMBERS)
FILTER = arrays(np.int64, st.integers(1, 5), elements=NUMBERS)
IMAGE = arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=NUMBERS)
SMALL = arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(1, 3)), elements=NUMBERS)
MODE = st.sampled_from(["full", "same", "valid"])


def asked(studio, path: str, **parameters: Any) -> tuple[int, Any]:
    status, answer, _ = studio.call(f"/api/maths/{path}?{urlencode(parameters)}")
    return status, answer


def answered(studio, path: str, **parameters: Any) -> Any:
    status, answer = asked(studio, path, **parameters)
    assert status == 200, answer
    return answer if isinstance(answer, dict) else unpacked(answer)


def typed(array: np.ndarray) -> str:
    return ";".join(",".join(map(str, row)) for row in np.atleast_2d(array).tolist())


def numbers_of(cells: list[list[list[Any]]]) -> np.ndarray:
    """Read cells by their text with all digits."""
    return np.array([[float(cell[1]) for cell in row] for row in cells])


def told_by(command: str, capsys) -> dict[str, Any]:
    """Run a copied command, and give what it prints as JSON."""
    program, *words = shlex.split(command)
    assert program == "pellucid"
    capsys.readouterr()
    assert main([*words, "--json"]) == 0, capsys.readouterr().err
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def printed_by(python: str, capsys) -> str:
    capsys.readouterr()
    exec(compile(python, "copied", "exec"), {})
    return str(capsys.readouterr().out)


def test_the_lessons_first_example_is_the_start(studio) -> None:
    said = answered(studio, "numbers", signal="3,2,1,0", filter="1,0,-1", at=1)
    assert [cell[0] for cell in said["result"][0]] == ["3", "2", "-2", "-2", "-1", "0"]
    assert said["sentence"] == "The filter, flipped, lies on 2 numbers; their products add up to 2."
    assert said["step"]["text"] == "3*0 + 2*1 = 2"
    assert said["command"] == "pellucid convolve 3,2,1,0 1,0,-1"
    # without a position, the first with the most overlap
    assert answered(studio, "numbers", signal="3,2,1,0", filter="1,0,-1")["at"] == 2


@FEW
@given(SIGNAL, FILTER, MODE, st.data())
def test_numbers_are_numpys(studio, signal, kernel, mode, data) -> None:
    result = np.convolve(signal, kernel, mode)
    at = data.draw(st.integers(0, len(result) - 1))
    said = answered(studio, "numbers", signal=typed(signal), filter=typed(kernel), mode=mode, at=at)
    assert numbers_of(said["result"])[0].tolist() == result.tolist()
    step = said["step"]
    assert np.array_equal(numbers_of(step["values"]) * numbers_of(step["weights"]), numbers_of(step["products"]))
    assert float(step["value"][1]) == numbers_of(step["products"]).sum() == result[at]
    for place, number in zip(step["signal_indices"], step["values"][0], strict=True):
        assert signal[place] == int(number[1])


@FEW
@given(IMAGE, SMALL, st.booleans(), st.sampled_from(["full", "same"]))
def test_grids_are_scipys(studio, image, kernel, correlate, mode) -> None:
    work = scipy.signal.correlate2d if correlate else scipy.signal.convolve2d
    settings = {"correlate": "1"} if correlate else {}
    said = answered(studio, "numbers", signal=typed(image), filter=typed(kernel), mode=mode, **settings)
    assert np.array_equal(numbers_of(said["result"]), work(image, kernel, mode))


@FEW
@given(IMAGE, SMALL, st.integers(1, 2), st.integers(2, 3), st.integers(1, 2))
def test_a_layers_settings_are_torchs(studio, image, kernel, stride, padding, dilation) -> None:
    lists = [torch.tensor(array, dtype=torch.float64)[None, None] for array in (image, kernel)]
    expected = torch.conv2d(*lists, stride=stride, padding=padding, dilation=dilation)[0, 0].numpy()
    given = {"signal": typed(image) + ";", "filter": typed(kernel) + ";", "correlate": "1"}
    said = answered(studio, "numbers", **given, stride=stride, padding=padding, dilation=dilation)
    assert np.array_equal(numbers_of(said["result"]), expected)


@pytest.mark.parametrize(
    "asking",
    [
        {"signal": "3,2,1,0", "filter": "1,0,-1"},
        {"signal": "-1, 2 ,5", "filter": "-.5,1/3", "mode": "same", "padding_mode": "replicate"},
        {"signal": "1,2,3;4,5,6;7,8,9", "filter": "1,0;0,-1", "correlate": "1", "padding": "1,2", "stride": "2,1"},
        {"signal": "3 2 1 0 4 5", "filter": "1 2", "dilation": "2", "padding": "1", "mode": "full"},
        {"signal": "1+2j,3", "filter": "1,-1j", "correlate": "1"},
        {"signal": "99999999999999999999,1", "filter": "[2,-3]"},
        {"signal": "1,2;3,4", "filter": "1,1"},
    ],
)
def test_the_copied_command_and_python_give_the_same_numbers(studio, capsys, asking) -> None:
    said = answered(studio, "numbers", **asking)
    told = told_by(said["command"], capsys)
    rows = told["result"] if isinstance(told["result"][0], list) else [told["result"]]
    shown = [[complex(cell[1]) for cell in row] for row in said["result"]]
    assert shown == [
        [complex(value["real"], value["imaginary"]) if isinstance(value, dict) else complex(value) for value in row]
        for row in rows
    ]
    step = told["steps"][said["at"]]
    assert np.ravel(np.array(step["products"], object)).size == sum(map(len, said["step"]["products"]))
    printed = printed_by(said["python"], capsys)
    names: dict[str, Any] = {}
    exec(said["python"].replace("print(", "result = (", 1), names)
    assert [[complex(value) for value in row] for row in np.atleast_2d(names["result"]).tolist()] == shown
    assert printed.strip() == str(names["result"])


@FEW
@given(st.integers(0, 2**32), SMALL, st.sampled_from(["replicate", "reflect", "circular", "zeros"]), st.booleans())
def test_a_filter_on_an_image_is_scipys(studio, seed, kernel, border, flip) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (7, 9), np.uint8)
    image = studio.workplace.given.add_pixels(pixels[:, :, np.newaxis], "noise")
    row, column = int(random.integers(7)), int(random.integers(9))
    asking = {"picture": image, "kernel": typed(kernel), "border": border} | ({"flip": "1"} if flip else {})
    head, values = answered(studio, "filter", **asking)
    mode = {"replicate": "nearest", "reflect": "mirror", "circular": "wrap", "zeros": "constant"}[border]
    work = scipy.ndimage.convolve if flip else scipy.ndimage.correlate
    expected = work(pixels.astype(np.float64), np.atleast_2d(kernel).astype(np.float64), mode=mode)
    assert np.array_equal(values["sums"], expected)
    assert np.array_equal(values["written"], np.clip(np.rint(expected), 0, 255))
    window = answered(studio, "window", **asking, row=row, column=column)
    assert float(window["value"][1]) == expected[row, column] == numbers_of(window["products"]).sum()
    assert window["written"] == values["written"][row, column]
    assert head["least"][2] == expected.min()


@pytest.mark.parametrize(
    "asking",
    [
        {"picture": "example/house"},
        {"picture": "example/disc", "kernel": "gaussian-blur", "border": "reflect"},
        {"picture": "example/rings", "kernel": "-1,1", "flip": "1", "abs": "1"},
        {"picture": "test/2", "run": "digits", "kernel": "emboss", "offset": "-12.5", "border": "zeros"},
    ],
)
def test_the_copied_filter_writes_the_same_image(studio, capsys, tmp_path, monkeypatch, asking) -> None:
    monkeypatch.chdir(tmp_path)
    head, values = answered(studio, "filter", **asking)
    picture = answered(studio, "picture", **asking)[0]
    saved = asked(studio, "file", **asking)[1]
    (tmp_path / picture["file"]).write_bytes(saved)
    told = told_by(head["command"], capsys)
    assert np.array_equal(np.asarray(Image.open(told["out"])), values["written"])
    printed_by(head["python"], capsys)
    names: dict[str, Any] = {}
    exec(head["python"].replace("print(", "result = (", 1), names)
    assert np.array_equal(names["result"], values["written"])


@pytest.mark.parametrize(
    ("f", "h", "domain", "x", "area"),
    [
        ("rect(x)", "rect(x)", "-2:2", 0.25, 0.75),
        ("rect(x)", "exp(-x)*step(x)", "-3:5", 0.5, 1 - np.exp(-1)),
        ("gauss(x)", "gauss(x)", "-10:10", -1, np.exp(-0.25) / np.sqrt(4 * np.pi)),
        ("-x**2", "1", "0:3", 2, -8 / 3),
    ],
)
def test_two_functions(studio, capsys, f, h, domain, x, area) -> None:
    asking = {"f": f, "h": h, "domain": domain, "samples": "2001"}
    head, curves = answered(studio, "functions", **asking, x=x)
    assert head["area"][2] == pytest.approx(area, abs=2e-3)
    assert float(np.trapezoid(curves["product"], curves["x"])) == pytest.approx(area, abs=4e-3)
    assert np.interp(x, curves["x"], curves["result"]) == pytest.approx(area, abs=2e-3)
    again, moving = answered(studio, "overlap", **asking, x=x)
    assert again["area"] == head["area"]
    assert np.array_equal(moving["product"], curves["product"])
    told = told_by(head["command"], capsys)
    assert told["at"] == {"x": x, "area": head["area"][2]}
    assert told["result"] == curves["result"].tolist()
    assert printed_by(head["python"], capsys).splitlines()[-1] == head["area"][1]


@pytest.mark.parametrize(
    ("path", "asking", "field", "words"),
    [
        ("numbers", {"signal": "3,, 2", "filter": "1"}, "signal", "'' is not a number"),
        ("numbers", {"signal": "3,b", "filter": "1"}, "signal", "'b' is not a number"),
        ("numbers", {"signal": "3,2", "filter": ""}, "filter", "the filter is empty"),
        ("numbers", {"signal": "1,2", "filter": "1,2,3", "padding": "0"}, "filter", "expected a smaller filter"),
        ("numbers", {"signal": "1,2;3", "filter": "1"}, "signal", "ragged"),
        ("numbers", {"signal": "1", "filter": "1", "stride": "0"}, "stride", "at least 1"),
        ("numbers", {"signal": "1", "filter": "1", "stride": "a"}, "stride", "expected whole numbers"),
        ("numbers", {"signal": "1", "filter": "1", "padding": "-1"}, "padding", "at least 0"),
        ("numbers", {"signal": "1", "filter": "1", "mode": "fulll"}, "mode", "did you mean 'full'"),
        ("numbers", {"signal": "1", "filter": "1,1", "padding_mode": "reflect"}, "padding_mode", "reflect padding"),
        ("numbers", {"signal": "1", "filter": "1,1", "dilation": "1000000"}, "filter", "at most"),
        ("numbers", {"signal": "1", "filter": "1", "padding": "1000000"}, "filter", "at most"),
        ("numbers", {"signal": "1;2", "filter": "1;2", "padding": "900000,900000"}, "filter", "at most"),
        ("numbers", {"signal": ",".join(["1"] * 401), "filter": "1"}, "signal", "401 numbers"),
        ("numbers", {"signal": "1", "filter": ",".join(["1"] * 226)}, "filter", "226 numbers"),
        ("numbers", {"signal": "9" * 2000, "filter": "1"}, "signal", "2,000 characters"),
        ("numbers", {"signal": "1 " * 1501 + "1", "filter": "1"}, "signal", "3,003 characters"),
        ("filter", {"kernel": "sobel"}, "kernel", "did you mean 'sobel-y'"),
        ("filter", {"kernel": ";".join([",".join(["1"] * 16)] * 16)}, "kernel", "at most 15"),
        ("filter", {"kernel": "1j"}, "kernel", "real numbers"),
        ("filter", {"border": "wrap"}, "border", "expected one of"),
        ("filter", {"offset": "nan"}, "offset", "finite"),
        ("functions", {"f": "__import__('os').system('true')"}, "f", "arithmetic"),
        ("functions", {"h": "x.real"}, "h", "arithmetic"),
        ("functions", {"f": "+".join(["x"] * 140)}, "f", "at most 150"),
        ("functions", {"f": "x" * 301}, "f", "at most 300"),
        ("functions", {"f": "1/x"}, "f", "finite"),
        ("functions", {"samples": "99999999999"}, "samples", "to 2,001"),
        ("functions", {"domain": "5"}, "domain", "colon"),
        ("functions", {"domain": "5:1"}, "domain", "lower first"),
        ("functions", {"x": "99"}, "x", "outside the domain"),
    ],
)
def test_a_mistake_is_told_beside_its_field(studio, path, asking, field, words) -> None:
    begun = time.perf_counter()
    status, said = asked(studio, path, **asking)
    assert status == 400, said
    assert list(said["mistakes"]) == [field]
    assert words in said["mistakes"][field]
    assert time.perf_counter() - begun < 5


def test_all_mistakes_are_told_at_once(studio) -> None:
    _, said = asked(studio, "numbers", signal="a", filter="b", stride="c")
    assert list(said["mistakes"]) == ["signal", "filter", "stride"]


@settings(FEW, max_examples=60)
@given(st.data())
def test_nothing_typed_is_an_error_of_the_server(studio, data) -> None:
    texts = st.one_of(
        st.text(max_size=12),
        st.text("0123456789,;.-+/ej[]() \n", max_size=24),
        st.text("x+-*/().0123456789episnco,", max_size=24),
        st.sampled_from(["full", "reflect", "1e999", "-inf", "nan", "1/0", "0", "-5", "2,2,2", "x**x**x"]),
    )
    path, names = data.draw(
        st.sampled_from(
            [
                ("numbers", ("signal", "filter", "mode", "stride", "padding", "padding_mode", "dilation", "at")),
                ("filter", ("kernel", "border", "offset", "channel", "picture")),
                ("window", ("kernel", "row", "column", "picture", "run")),
                ("functions", ("f", "h", "domain", "x")),
            ]
        )
    )
    base = {"numbers": {"signal": "1,2,3", "filter": "1,2"}, "functions": {"samples": "50"}}.get(path, {})
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    status, said = asked(studio, path, **(base | {name: data.draw(texts) for name in chosen}))
    assert status in (200, 400), said
    if status == 400:
        assert said["error"]


def test_huge_and_odd_images(studio) -> None:
    def given(picture: Image.Image, kind: str = "PNG") -> str:
        content = io.BytesIO()
        picture.save(content, kind)
        return str(studio.workplace.given.add_file(content.getvalue(), "photo.png"))

    head, values = answered(studio, "picture", picture=given(Image.new("RGB", (1500, 700), (9, 8, 7))))
    assert values["pixels"].shape == (175, 375, 3)
    assert "4 times smaller" in head["about"]
    assert "1,500 × 700" in head["about"]
    assert head["file"] == "photo-small.png"
    status, said = asked(studio, "filter", picture=given(Image.new("1", (9000, 9000))))
    assert status == 400
    assert "expected at most 60,000,000" in said["error"]
    head, values = answered(studio, "picture", picture=given(Image.new("RGBA", (5, 4), (1, 2, 3, 4))))
    assert values["pixels"].tolist() == [[[1, 2, 3]] * 5] * 4
    assert "without its transparency" in head["about"]
    deep = Image.fromarray(np.full((4, 4), 40000, np.uint16))
    head, values = answered(studio, "filter", picture=given(deep), kernel="2")
    assert head["highest"] == 65535
    assert (values["written"] == 65535).all()
    for content in (b"", b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        status, said = asked(studio, "filter", picture=studio.workplace.given.add_file(content, "x"))
        assert status == 400
        assert "cannot be read as an image" in said["error"]
    for name in ("/etc/passwd", "example/../x", "given-nothing", "test/999999", "nonsense/1"):
        assert asked(studio, "picture", picture=name, run="digits")[0] == 400


def test_a_person_types_steps_and_sees_the_numbers(studio, browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{studio.address}#/maths?run=digits")
    page.wait_for_selector('body[data-maths="2/6"]')
    sentence, current = page.locator(".maths .sentence"), ".chosen-from [aria-current=true]"
    assert sentence.text_content() == "The filter, flipped, lies on 3 numbers; their products add up to −2."
    # a cell is typed into, and the result follows
    page.get_by_label("Signal, number 3").click()
    page.keyboard.type("7")
    page.wait_for_selector('.chosen-from [data-value="-7"]')
    assert "signal=3,2,1,7" in page.url
    assert page.locator("#way code").text_content() == "pellucid convolve 3,2,1,7 1,0,-1"
    # another mode, then on by the arrow keys
    page.get_by_label("mode", exact=True).select_option("valid")
    page.wait_for_selector('body[data-maths="0/2"]')
    page.locator(current).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('body[data-maths="1/2"]')
    assert page.locator(current).get_attribute("data-value") == "5"
    assert "2·(−1) + 1·0 + 7·1 = 5" in page.locator("pre.sum").text_content()
    assert page.locator(".board .met").count() == 3
    # a mistake stands beside its field, and what was good stays, faded
    page.get_by_label("Filter, as text").fill("1,, 2")
    page.wait_for_selector(".stale .editor .mistake:not([hidden])")
    assert "'' is not a number" in page.locator(".mistake:not([hidden])").text_content()
    assert page.locator(".chosen-from .number").count() == 2
    page.get_by_label("Filter, as text").fill("1," * 4000)
    page.wait_for_selector(".mistake:not([hidden]):has-text('more than this page takes')")
    page.get_by_label("Filter, as text").fill("1, 2")
    page.wait_for_selector('body[data-maths="0/3"]')
    assert page.locator(".stale").count() == 0
    # everything is in the address
    page.reload()
    page.wait_for_selector('body[data-maths="0/3"]')
    assert [cell.get_attribute("data-value") for cell in page.locator(".chosen-from .number").all()] == ["8", "5", "9"]
    # an image: a click shows the window of a pixel
    page.get_by_role("link", name="An image").click()
    page.wait_for_selector("body[data-window]")
    page.locator(".whole-map").nth(1).click(position={"x": 5, "y": 5})
    page.wait_for_selector('body[data-window="0,0"]')
    assert sentence.text_content().startswith("At row 0, column 0: the filter, as it is, lies on 9 numbers")
    page.get_by_label("Filter, row 1, column 1").click()
    page.keyboard.type("4")
    page.wait_for_selector("pre.sum[data-value='840.0']")
    # two functions: the slider moves x
    page.get_by_role("link", name="Functions").click()
    page.wait_for_selector("body[data-area]")
    page.get_by_label("h(x) =").fill("rect(x)")
    page.get_by_label("x", exact=True).fill("0.25")
    page.wait_for_selector('body[data-area^="0.75"]')
    page.locator(".for-x input").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('body[data-area^="0.74"]')
    assert sentence.text_content().startswith("At x = 0.26 the area under the product")
    assert not errors
    page.close()
