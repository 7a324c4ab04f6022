"""The gate lets through what answers as the run does, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid import UserError, export
from pellucid.data.decode import PixelFormat, decode
from pellucid.deployment import fitting, graph
from pellucid.deployment.answering import deciding_of, program_for
from pellucid.deployment.gate import Graph, pass_gate
from pellucid.deployment.gate_pictures import hard_pictures, held_out_pictures, pixel_format
from pellucid.deployment.graph import Deciding
from pellucid.deployment.torch_file import torch_bytes, torch_graph

SETTINGS = {"size": (32, 32)}


@pytest.fixture(scope="module")
def exported(predictor_of) -> Graph:
    predictor = predictor_of("simple-cifar", **SETTINGS)
    return torch_graph(torch_bytes(program_for(predictor, deciding_of(predictor)), {}))


def test_held_out_images_come_from_their_files(predictor_of) -> None:
    predictor = predictor_of("simple-cifar", **SETTINGS)
    pictures = held_out_pictures(predictor)
    assert len(pictures) == 18
    assert all(isinstance(picture.content, bytes) and picture.name.startswith("test/") for picture in pictures)
    sizes = {picture.upright(pixel_format(predictor)).shape for picture in pictures}
    assert len(sizes) > 10


def test_the_difficult_pictures_are_what_they_say() -> None:
    target = PixelFormat(32, 32, 3, "stretch")
    pictures = {picture.name: picture for picture in hard_pictures(target)}
    shapes = {name: picture.upright(target).shape for name, picture in pictures.items()}
    assert shapes["1×1 (1×1)"] == (1, 1, 3)
    assert shapes["4000×1 (1×4000)"] == (4000, 1, 3)
    assert shapes["JPEG turned by EXIF orientation 6"] == (130, 90, 3)
    assert shapes["a photo's 12 million pixels"] == (3000, 4000, 3)
    assert shapes["33 million pixels"] == (513, 1000, 3)  # unpacked at an eighth
    assert all(picture.fitted(target).shape == (32, 32, 3) for picture in pictures.values())


@pytest.mark.parametrize("what", ["label", "abstain", "probabilities", "pixels", "not finite"])
def test_one_wrong_answer_is_enough(what: str, exported: Graph, predictor_of) -> None:
    predictor = predictor_of("simple-cifar", **SETTINGS)
    pictures = held_out_pictures(predictor)
    calls = 0

    def wrong_once(images):
        nonlocal calls
        outputs = {name: values.copy() for name, values in exported(images).items()}
        calls += 1
        if calls == 4:
            if what == "label":
                outputs["label"][0] = 1 - outputs["label"][0]
            elif what == "abstain":
                outputs["abstain"][0] = ~outputs["abstain"][0]
            elif what == "probabilities":
                outputs["probabilities"][0] += np.array([2e-4, -2e-4])
            elif what == "pixels":
                outputs[graph.PIXELS][0, 3, 5, 1] ^= 1
            else:
                outputs["probabilities"][0] = np.nan
        return outputs

    figures = pass_gate(predictor, deciding_of(predictor), exported, pictures)
    assert (figures.held_out, figures.hard, figures.on_the_edge) == (18, 0, 0)
    assert figures.largest_difference < 1e-6
    with pytest.raises(UserError, match="on 1 of 18 pictures, so no file was written") as raised:
        pass_gate(predictor, deciding_of(predictor), wrong_once, pictures)
    message = str(raised.value)
    assert "the run:" in message
    assert "the exported file:" in message
    assert ("by up to 1 of 255" if what == "pixels" else "its pixels are the same") in message


def test_an_image_on_the_threshold_itself_is_answered(exported: Graph, predictor_of) -> None:
    """The threshold is the confidence of a validation image; rounding must not tip that one."""
    predictor = predictor_of("simple-cifar", **SETTINGS)
    picture = held_out_pictures(predictor)[0]
    with torch.no_grad():
        pixels = torch.from_numpy(picture.fitted(pixel_format(predictor)))[None]
        confidence = float(predictor.network(predictor.preprocessing(pixels)).double().softmax(1).max())
    deciding = Deciding(predictor.run.head, 1.0, confidence)
    runs = torch_graph(torch_bytes(program_for(predictor, deciding), {}))
    assert not runs(picture.upright(pixel_format(predictor))[None])["abstain"][0]
    assert pass_gate(predictor, deciding, runs, [picture]).held_out == 1


@pytest.mark.slow
def test_a_wrong_mean_and_a_wrong_resize_leave_no_file(photo_run, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = photo_run("simple-cifar", **SETTINGS), Path("model.pt2")
    with monkeypatch.context() as patch:
        whole = graph.Answering.__init__

        def shifted(self, *args, **kwargs) -> None:
            whole(self, *args, **kwargs)
            self.shift += 0.05

        patch.setattr(graph.Answering, "__init__", shifted)
        with pytest.raises(UserError, match="does not answer as the run does") as raised:
            export(run, to="torch", out=out)
        assert "its pixels are the same" in str(raised.value)
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "BITS", 6)
        with pytest.raises(UserError, match="does not answer as the run does") as raised:
            export(run, to="torch", out=out)
        assert "pixel values differ" in str(raised.value)
    assert list(Path().iterdir()) == []


def test_the_runs_own_decoder_is_what_is_compared_with(predictor_of) -> None:
    predictor = predictor_of("simple-cifar", **SETTINGS)
    images = predictor.run.open_images()
    for picture, stored in zip(held_out_pictures(predictor), images.splits["test"].images, strict=True):
        assert np.array_equal(picture.fitted(pixel_format(predictor)), stored)
        assert np.array_equal(decode(Path(images.origin) / picture.name, pixel_format(predictor))[0], stored)
