"""The contact sheet of predictions: what is drawn for each image, and how many there are."""

from __future__ import annotations

from pathlib import Path

from onnx_files import write_model
from PIL import Image

from pellucid.figures.prediction_sheet import prediction_sheet
from pellucid.prediction import open_classifier
from pellucid.prediction.job import predict_into
from pellucid.prediction.showing import Tally
from pellucid.prediction.sources import list_sources


def test_every_image_has_its_answer_below_it(tmp_path: Path) -> None:
    classifier = open_classifier(write_model(tmp_path / "model.onnx"))
    (tmp_path / "photos").mkdir()
    for level in (5, 130, 250):
        Image.new("L", (20, 10), level).save(tmp_path / f"photos/$level_{level}.png")
    (tmp_path / "photos/z.png").write_bytes(b"no image")
    sources = list_sources([str(tmp_path / "photos")], [], Path)
    images = [image for batch in predict_into(classifier, sources.images) for image in batch]
    tally = Tally()
    tally.add(images)
    figure = prediction_sheet(images[:3], classifier, tally)
    texts = [axes.texts[0].get_text().splitlines() for axes in figure.axes if axes.texts]
    shown = {file: words for words, file in texts}
    assert shown == {
        "$level_130.png": "unsure: bright 53%",
        "$level_250.png": "bright 100%",
        "$level_5.png": "dark 100%",
    }
    assert "the first 3 of 4" in figure.get_suptitle()
    assert "4 images: 1 bright, 1 dark, 1 unsure" in figure.get_label()
    figure.canvas.draw()
    assert "unreadable" in str(prediction_sheet(images[3:], classifier, tally).axes[0].texts[0].get_text())
