"""Training: what can be chosen, a training begun, stopped and continued, and every run watched as it goes."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError
from pellucid.ground.plain import plain
from pellucid.stepping import check_has_steps, example_weights
from pellucid.studio.answering import Asked, reading, sent, writing
from pellucid.studio.packing import packed
from pellucid.studio.training_form import TrainingForm, form_of, offered
from pellucid.studio.training_looks import Looks
from pellucid.studio.trainings import Trainings
from pellucid.studio.uploads import Uploads
from pellucid.studio.watching import Watch, Watched
from pellucid.studio.workplace import Workplace

__all__ = ["routes"]

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_UNTIL_SIGN = 15.0
"""After which a word is sent, so that a connection that is gone is noticed."""


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    view = _Training(workplace)
    return [
        reading("/api/training/offered", view.offered),
        writing("/api/training/check", view.check),
        writing("/api/training/start", view.start),
        writing("/api/training/stop", view.stop),
        writing("/api/training/resume", view.resume),
        writing("/api/training/forget", view.forget),
        writing("/api/training/upload", view.begin_upload),
        reading("/api/training/again", view.again),
        reading("/api/training/look", view.look),
        reading("/api/training/weights", view.weights),
        Route("/api/training/file", view.upload, methods=["POST"]),
        Route("/api/training/step", view.step, methods=["POST"]),
        Route("/api/events", view.events, methods=["GET"]),
    ]


class _Training:
    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._trainings = Trainings(workplace.folder)
        self._watched = Watched(workplace.folder, self._trainings)
        self._looks = Looks()
        self._uploads = Uploads(workplace.folder)
        self._starting = threading.Lock()

    def offered(self, asked: Asked) -> dict[str, Any]:
        """List data sets, networks, recipes and their fields."""
        return offered()

    def check(self, asked: Asked) -> dict[str, Any]:
        """Say what is wrong with a form, what it comes to, and the command."""
        return TrainingForm.read(asked, self._workplace.folder).check()

    def start(self, asked: Asked) -> dict[str, Any]:
        """Begin a training, if nothing is wrong with its form."""
        with self._starting:  # two pages that ask at once get two names
            form = TrainingForm.read(asked, self._workplace.folder)
            said = form.check()
            if said["problems"]:
                raise UserError("; ".join(text for texts in said["problems"].values() for text in texts))
            self._trainings.begin(said["name"], form.words)
        self._watched.look_again()
        return {"name": said["name"], "command": said["command"]}

    def stop(self, asked: Asked) -> dict[str, Any]:
        """Ask a training to stop and keep everything."""
        self._trainings.stop(asked.text("run"))
        return {}

    def resume(self, asked: Asked) -> dict[str, Any]:
        """Continue a stopped run."""
        self._trainings.resume(self._workplace.run(asked.text("run")))
        self._watched.look_again()
        return {}

    def forget(self, asked: Asked) -> dict[str, Any]:
        """Take a training that failed at its start out of the list."""
        self._trainings.forget(asked.text("run"))
        self._watched.look_again()
        return {}

    def begin_upload(self, asked: Asked) -> dict[str, Any]:
        """Make a folder for images that are dropped."""
        name = self._uploads.begin(asked.text("name"))
        return {"upload": name, "path": str(self._uploads.place(name))}

    async def upload(self, request: Request) -> Response:
        """Take in one file of what is dropped."""
        given = Asked(request.query_params)
        try:
            size = await self._uploads.add(given.text("upload"), given.text("path"), request.stream())
        except UserError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"bytes": size})

    def again(self, asked: Asked) -> dict[str, Any]:
        """Give the form that a run was trained by, for another like it, and what more epochs would mean."""
        run = self._workplace.run(asked.text("run"))
        recipe = run.record.recipe
        varies = recipe["schedule"] != "constant" or recipe["warmup"] > 0
        words = (
            f"The learning rate of {run.directory.name} depends on the number of epochs ({recipe['schedule']}), so "
            "with more epochs every step is another: this begins a new run, from the same seed."
            if varies
            else f"A finished run is not trained further. The rate of {run.directory.name} is constant, so a new run "
            f"with the same seed repeats its {recipe['epochs']} epochs exactly, and then goes on."
        )
        return {"form": form_of(run), "epochs": recipe["epochs"], "words": words}

    def look(self, asked: Asked) -> Response:
        """Look at an epoch's weights: answers to a few images, first filters, confusion matrix."""
        run = self._workplace.run(asked.text("run"))
        epoch = run.resolve_epoch(asked.chosen("epoch") or "last")
        last = self._watched.progress(run.directory.name).last or {}
        seconds = float(last.get("seconds", 0.0)) if run.is_being_trained() else None
        look = self._looks.at(run, epoch, seconds=seconds, whole=asked.chosen("whole") is not None)
        head = look.head | {"kept": run.epochs(), "run": run.directory.name}
        return packed(head, {} if look.filters is None else {"filters": look.filters})

    def weights(self, asked: Asked) -> dict[str, Any]:
        """Name a weight of each parameter, for a step by hand."""
        run = self._workplace.run(asked.text("run"))
        check_has_steps(run)
        return {
            "weights": [
                {"name": name, "shape": list(shape)} for name, shape in example_weights(run.build_network()).items()
            ]
        }

    async def step(self, request: Request) -> Response:
        """Take one step again for one weight, in a process that ends when the page no longer waits for it."""
        try:
            asked = await sent(request)
            run = await run_in_threadpool(self._workplace.run, asked.text("run"))
            weight, number = asked.text("weight"), asked.whole("step")
        except UserError as error:
            return JSONResponse({"error": str(error)}, 400)
        words = ["-m", "pellucid.studio.one_step", str(run.directory), weight, str(number)]
        words += ["--trust"] if run.trust else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        talking = asyncio.ensure_future(process.communicate())
        try:
            while not talking.done():
                await asyncio.wait({talking}, timeout=0.3)
                if await request.is_disconnected():
                    return Response(status_code=204)
        finally:
            if process.returncode is None:
                process.kill()
            content, _ = await talking
        try:
            said = json.loads(content)
        except ValueError:
            return JSONResponse({"error": "the step could not be repeated: its process ended without an answer"}, 500)
        if "error" in said:
            return JSONResponse(said, 400)
        place = command_line("step", run.directory, "--weight", weight, "--step", str(number))
        return JSONResponse(said | {"command": place})

    async def events(self, request: Request) -> Response:
        """Send what changes, as it changes: the list of runs, and a chosen run's state and new lines."""
        watch = Watch(self._watched, request.query_params.get("run"))
        return StreamingResponse(self._sent(watch), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _sent(self, watch: Watch) -> AsyncIterator[bytes]:
        silent = 0.0
        while not self._workplace.is_closing():
            news = await run_in_threadpool(watch.news)
            for name, document in news:
                yield f"event: {name}\ndata: {json.dumps(plain(document))}\n\n".encode()
            silent = 0.0 if news else silent + SECONDS_BETWEEN_LOOKS
            if silent >= SECONDS_UNTIL_SIGN:
                silent = 0.0
                yield b": still here\n\n"
            if not watch.has_more:
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
