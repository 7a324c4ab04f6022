"""The graph of a run answers as the run does, and its further outputs are the values that looking into it shows."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch

from pellucid import look
from pellucid.data.decode import fit_pixels
from pellucid.deployment import graph_of
from pellucid.deployment.gate_pictures import pixel_format
from pellucid.networks import as_logits
from pellucid.prediction.calibration import read_calibration

NETWORKS = (("simple-cifar", {"size": (32, 32)}), ("simple-mnist", {"channels": 1}), ("small-resnet", {"fit": "crop"}))


def outputs_of(content: bytes, images: np.ndarray) -> tuple[dict[str, np.ndarray], dict]:
    session = onnxruntime.InferenceSession(content)
    names = [output.name for output in session.get_outputs()]
    assert [entry.name for entry in session.get_inputs()] == ["image"]
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["pellucid"])
    return dict(zip(names, session.run(names, {"image": images}), strict=True)), metadata


@pytest.mark.parametrize(
    ("network", "settings"), [NETWORKS[0], *(pytest.param(*given, marks=pytest.mark.slow) for given in NETWORKS[1:])]
)
def test_every_node_has_the_value_that_looking_shows(network: str, settings: dict, predictor_of) -> None:
    predictor = predictor_of(network, **settings)
    channels = predictor.preprocessing.channels
    images = np.random.default_rng(1).integers(0, 256, (3, 41, 67, channels), dtype=np.uint8)
    outputs, metadata = outputs_of(graph_of(predictor, maps=True), images)
    assert metadata["without_map"] == []
    for place, image in enumerate(images):
        glass = look(predictor.run, fit_pixels(image, pixel_format(predictor))[0])
        assert list(metadata["maps"]) == list(glass.nodes)
        for node in glass:
            given = outputs[metadata["maps"][node.name]][place]
            assert given.dtype == np.float32
            assert given.shape == node.shape
            assert np.abs(given - node.value.numpy()).max() <= 1e-5 * max(1.0, float(node.value.abs().max()))
        calibration = read_calibration(predictor.run, predictor.epoch)
        logits = as_logits(glass.output.step.value.double(), predictor.run.head) / (calibration.temperature or 1.0)
        assert np.abs(outputs["probabilities"][place] - logits.softmax(1)[0].numpy()).max() < 1e-6
        assert outputs["label"][place] == int(logits.argmax())
        assert outputs["abstain"][place] == bool(logits.softmax(1).max() < (calibration.threshold or 0.0))


@pytest.mark.parametrize("head", ["EndsInSoftmax", "EndsInSigmoid"])
def test_networks_with_an_ending_of_their_own_and_names_that_are_taken(head: str, predictor_of) -> None:
    predictor = predictor_of(f"own.py:{head}")
    images = np.random.default_rng(1).integers(0, 256, (2, 9, 50, 3), dtype=np.uint8)
    outputs, metadata = outputs_of(graph_of(predictor, maps=True), images)
    assert metadata["maps"]["label"] == "label_2"
    assert outputs["label_2"].shape == (2, 4, 13, 13)
    assert outputs["label"].dtype == np.int64
    assert metadata["temperature"] == (read_calibration(predictor.run, 1).temperature or 1.0)
    pixels = np.stack([fit_pixels(image, pixel_format(predictor))[0] for image in images])
    with torch.no_grad():
        shares = predictor.network(predictor.preprocessing(torch.from_numpy(pixels))).double()
    powers = shares ** (1 / metadata["temperature"])
    assert np.abs(outputs["probabilities"] - (powers / powers.sum(1, keepdim=True)).numpy()).max() < 1e-6
