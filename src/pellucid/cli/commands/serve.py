"""`pellucid serve`: a run, or a model that was exported from one, as a service over HTTP."""

from __future__ import annotations

import sys

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import RunOrModel
from pellucid.cli.options import device_option, epoch_option, trust_option
from pellucid.ground.notices import notice

__all__ = ["serve"]


@click.command(cls=Command, section="Use", position=3, short_help="Answer over HTTP, with a page to try it on.")
@click.argument("model", type=RunOrModel(), metavar="RUN|MODEL.onnx")
@click.option("--port", type=int, default=8000, show_default=True, help="Where to listen; 0 is any free port.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 lets other machines in."
)
@click.option("--token", envvar="PELLUCID_TOKEN", help="What requests must carry.  [$PELLUCID_TOKEN]")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Confidence, 0 to 1, below which an answer is unsure.  [the run's own, if it was evaluated]",
)
@click.option("--max-megabytes", type=float, default=32, show_default=True, help="Of one request.")
@click.option("--max-items", type=int, default=64, show_default=True, help="Images in one request.")
@click.option("--max-pixels", type=int, default=50_000_000, show_default=True, help="Of one image.")
@click.option("--seconds", type=float, default=30, show_default=True, help="From a request to its answer, at most.")
@click.option("--batch", type=int, default=32, show_default=True, help="Images computed together, at most.")
@click.option(
    "--wait",
    type=float,
    default=5,
    show_default=True,
    help="Milliseconds that an image waits for others that are being read.",
)
@epoch_option
@device_option
@trust_option
def serve(
    model: str,
    port: int,
    host: str,
    token: str | None,
    threshold: float | None,
    max_megabytes: float,
    max_items: int,
    max_pixels: int,
    seconds: float,
    batch: int,
    wait: float,
    epoch: str | None,
    device: str,
) -> None:
    """Answer for a RUN, or for a MODEL that was exported from one, over HTTP.

    POST /predict takes one image as it is, or many as a form. Answers are calibrated, and "unsure" below the threshold.
    GET /health runs an image, /info tells classes and limits, /metrics counts, /openapi.json describes all of it, and /
    is a page to try it on. Ctrl-C and SIGTERM end it when what was begun is answered.

    \b
    Examples:
      pellucid serve runs/pets
      pellucid serve model.onnx --port 9000
      curl --data-binary @cat.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8000/predict
      curl -F image=@cat.jpg -F image=@dog.jpg http://127.0.0.1:8000/predict
      PELLUCID_TOKEN=... pellucid serve model.onnx --host 0.0.0.0
    """
    from pellucid.deployment.service import Limits
    from pellucid.deployment.service import serve as listen
    from pellucid.deployment.service.running import check_token
    from pellucid.ground.listening import is_loopback
    from pellucid.prediction.opening import open_classifier

    check_token(token)
    limits = Limits(
        bytes=_whole(max_megabytes * 1e6),
        items=max_items,
        pixels=max_pixels,
        seconds=seconds,
        batch=batch,
        wait=wait / 1000,
    )
    classifier = open_classifier(model, epoch, device, threshold)

    def started(address: str) -> None:
        if not is_loopback(host):
            open_to_all = "" if token else ", and without a --token whoever reaches it may use it"
            notice(f"{host} may be reached by other machines{open_to_all}; the connection is not encrypted")
        classes = f"{len(classifier.classes)} classes"
        print(f"Serving {classifier.name} ({classes}) at {address} · Ctrl-C ends it", file=sys.stderr, flush=True)

    listen(classifier, host=host, port=port, token=token, limits=limits, on_start=started)
    print("Stopped; every request that was begun has its answer.", file=sys.stderr, flush=True)


def _whole(number: float) -> int:
    return int(number) if 0 < number < 1e15 else 0
