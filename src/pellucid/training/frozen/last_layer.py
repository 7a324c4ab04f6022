"""Fitting the last layer of a network whose backbone is frozen: what takes the place of an epoch of steps."""

from __future__ import annotations

import hashlib
import time

import torch
import torch.nn.functional as F
from torch import nn

from pellucid.data.checksums import checksum
from pellucid.ground.errors import UserError
from pellucid.networks import last_layer
from pellucid.run import Run, RunFile
from pellucid.training.frozen.features import FeatureSource
from pellucid.training.frozen.logistic import FeatureScale, Fit, fit, turned
from pellucid.training.frozen.strength import CrossValidation, choose_strength
from pellucid.training.interruption import Interrupted, StopRequest
from pellucid.training.recorder import Recorder
from pellucid.training.session import Session

__all__ = ["check_can_be_fitted", "fit_last_layer", "identity_of"]

TOLERANCE = 1e-8
"""Of the gradient in float64; the weights are then right to more digits than float32 has."""


def check_can_be_fitted(network: nn.Module, name: str, input_shape: tuple[int, int, int], processes: int) -> None:
    """Check that a network ends in a linear layer, which can be fitted to what it is given, and that one process does.

    Raises:
        UserError: it does not, or there are several processes.
    """
    path = last_layer(network, input_shape)
    if path is None or network.get_submodule(path).bias is None:
        raise UserError(
            f"{name} does not end in an nn.Linear with a bias that gives its output, so no last layer can be fitted to "
            "its features; train all of it (--backbone trained, or --recipe standard)"
        )
    if processes > 1:
        raise UserError(
            f"a frozen backbone is for one process, and {processes} were started; it takes seconds: leave torchrun out"
        )


def fit_last_layer(session: Session, recorder: Recorder, stop: StopRequest) -> None:
    """Fit the last layer to the features of all training images and of their mirror images; count it as a step.

    Raises:
        UserError: features that are not finite.
        Interrupted: asked to stop; the features that are computed are kept in the cache.
    """
    started = time.monotonic()

    def stop_if_asked() -> None:
        if stop.signal is not None:
            raise Interrupted(stop.signal, recorder.run.directory)

    network, preparation = session.network.eval(), session.preparation
    path = last_layer(network, preparation.preprocessing.input_shape)
    assert path is not None
    identity = identity_of(recorder.run, network, path)
    source = FeatureSource(network, path, preparation.preprocessing, session.device, identity)
    augmentation = preparation.augmentation
    plain, mirrored = source.of(
        session.train, mirrored=augmentation is not None and augmentation.flip, after_block=stop_if_asked
    )
    if not bool(torch.isfinite(plain).all() and torch.isfinite(mirrored).all()):
        raise UserError("the network gives features that are not finite for some images; use other weights")
    labels = session.train.labels.cpu()
    scale = FeatureScale.of(torch.cat((plain, mirrored)))
    rows, axes = turned(scale.apply(torch.cat((plain, mirrored))))
    plain, mirrored = rows[: len(labels)], rows[len(labels) :]
    shares = None if session.class_weights is None else session.class_weights.cpu().double()[labels]
    groups = [torch.from_numpy(group) for group in preparation.groups_in_training()]
    tried = choose_strength(
        plain, mirrored, labels, session.classes, session.seed, shares=shares, groups=groups, after_fit=stop_if_asked
    )
    times = 2 if len(mirrored) else 1
    counts = None if shares is None else shares.repeat(times)
    found = fit(rows, labels.repeat(times), session.classes, tried.chosen, tolerance=TOLERANCE, shares=counts)
    layer = network.get_submodule(path)
    assert isinstance(layer, nn.Linear)
    found = found.sharpened(tried.sharpness)
    weight, bias = scale.folded(found.weight if axes is None else found.weight @ axes.T, found.bias)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    logits = found.logits(plain)
    losses = F.cross_entropy(logits, labels, reduction="none")
    loss = float((losses if shares is None else losses * shares).mean())
    right = int((logits.argmax(1) == labels).sum())
    session.position.advance(loss, right, len(labels), time.monotonic() - started)
    near_copies = sum(map(len, groups))
    figures = {**_figures(tried, found), "near_copies": near_copies}
    recorder.after_fit(figures, _sentence(tried, len(labels), near_copies, session.recipe.class_weights))


def identity_of(run: Run, network: nn.Module, path: str) -> dict[str, str]:
    """Say which features a network computes: its name, its code if it is a person's own, all weights but the last."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if not name.startswith(f"{path}."):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    identity = {"network": run.record.network.rpartition("/")[2], "weights": digest.hexdigest()}
    own_file = run.directory / RunFile.NETWORK
    return {**identity, "file": checksum(own_file)} if own_file.exists() else identity


def _figures(tried: CrossValidation, found: Fit) -> dict[str, object]:
    return {
        "strength": tried.chosen,
        "sharpness": tried.sharpness,
        "folds": tried.folds,
        "strengths": list(tried.strengths),
        "losses": list(tried.losses),
        "accuracies": list(tried.accuracies),
        "iterations": found.iterations,
        "gradient": found.gradient,
    }


def _sentence(tried: CrossValidation, images: int, near_copies: int, class_weights: str) -> str:
    if tried.accuracy is None:
        return f"No class has two images to cross-validate with: weights are held down at strength {tried.chosen:.2g}."
    together = f", {near_copies:,} near-copies of others each in one fold with them" if near_copies else ""
    measure = {"none": "accuracy", "balanced": "mean recall of the classes"}.get(class_weights, "weighted accuracy")
    weighted = "" if class_weights == "none" else f"; judged by the loss with class weights {class_weights}"
    return (
        f"Last layer fitted: strength {tried.chosen:.2g} of {len(tried.strengths)} tried, by {tried.folds}-fold "
        f"cross-validation on {images:,} training images{together} ({measure} {tried.accuracy:.1%}{weighted})."
    )
