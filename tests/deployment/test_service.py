"""The service: what it answers, what it refuses, how requests share batches, and that nothing brings it down."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
import schemathesis
from numpy.typing import NDArray
from onnx_files import SIZE, write_model
from PIL import Image
from schemathesis.checks import not_a_server_error, response_schema_conformance
from starlette.testclient import TestClient

from pellucid.cli import main
from pellucid.data.decode import PixelFormat
from pellucid.deployment.gate_pictures import hard_pictures
from pellucid.deployment.service import Limits, application
from pellucid.ground.errors import UserError
from pellucid.ground.listening import is_loopback
from pellucid.prediction.classifier import Answer, Refusal, answer_contents


class Brightness:
    """A classifier by hand: `dark` or `bright`, its probability the mean level of the pixels."""

    name, classes, threshold, model = "brightness", ("dark", "bright"), 0.75, "0123456789ab"
    target = PixelFormat(8, 8, 3, "stretch")

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.seconds = 0.0
        self.broken = False

    def classify(self, pixels: NDArray[np.uint8]) -> list[Answer | Refusal]:
        self.sizes.append(len(pixels))
        time.sleep(self.seconds)
        if self.broken:
            raise RuntimeError("the network is out of order")
        answers: list[Answer | Refusal] = []
        for share in pixels.reshape(len(pixels), -1).mean(1) / 255:
            index = int(share >= 0.5)
            pair = (1 - float(share), float(share))
            answers.append(Answer(index, self.classes[index], pair[index], pair, pair[index] < 0.75))
        return answers

    def answer(self, contents: list[bytes]) -> list[Answer | Refusal]:
        return answer_contents(self, contents)


def picture(level: int, kind: str = "PNG", size: tuple[int, int] = (12, 9)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(file, kind)
    return file.getvalue()


@pytest.fixture
def classifier() -> Brightness:
    return Brightness()


@pytest.fixture
def client(classifier: Brightness) -> Iterator[TestClient]:
    with TestClient(application(classifier)) as client:
        yield client


def test_one_image_as_it_is(client: TestClient) -> None:
    response = client.post("/predict", content=picture(51), headers={"Content-Type": "image/png"})
    assert response.status_code == 200
    expected = {"name": None, "class": "dark", "index": 0, "confidence": 0.8, "unsure": False}
    (entry,) = response.json()["predictions"]
    assert entry == expected | {"probabilities": {"dark": 0.8, "bright": 0.2}}
    assert client.post("/predict", content=picture(153)).json()["predictions"][0]["unsure"] is True


def test_one_bad_image_has_an_error_in_its_place_and_the_others_are_answered(client: TestClient) -> None:
    files = [("a", ("0.png", picture(0))), ("b", ("bad.png", b"no picture")), ("a", ("1.jpg", picture(255, "JPEG")))]
    response = client.post("/predict", files=files)
    entries = response.json()["predictions"]
    assert response.status_code == 200
    assert [entry["name"] for entry in entries] == ["0.png", "bad.png", "1.jpg"]
    assert [entry.get("class") for entry in entries] == ["dark", None, "bright"]
    assert "not an image that can be read" in entries[1]["error"]
    assert client.post("/predict", files=[("a", ("bad.png", b"x"))]).status_code == 422


def test_names_cannot_write_to_a_terminal(client: TestClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"; filename="\x1b]0;title\x07.png"\r\n\r\n' + picture(0)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    (entry,) = client.post("/predict", content=body + b"\r\n--b--\r\n", headers=headers).json()["predictions"]
    assert entry["class"] == "dark"
    assert not any(ord(letter) < 32 for letter in entry["name"])


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", "image/png", 400, "the body is empty"),
        (b"{}", "application/json", 415, "the body is application/json; expected multipart/form-data"),
        (b"x", "multipart/form-data", 400, "boundary"),
        (b"no boundary here", "multipart/form-data; boundary=b", 400, ""),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--b--\r\n', "multipart/form-data; boundary=b",
         400, "the form has no file"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(client: TestClient, content: bytes, kind: str, status: int, words: str) -> None:
    response = client.post("/predict", content=content, headers={"Content-Type": kind})
    assert response.status_code == status
    assert words in response.json()["error"]


def test_limits(classifier: Brightness) -> None:
    with TestClient(application(classifier, Limits(bytes=5000, items=2, pixels=200))) as client:
        too_long = client.post("/predict", content=b"x" * 5001)
        assert (too_long.status_code, too_long.json()["error"]) == (
            413,
            "the body has 5,001 bytes; at most 5,000 are taken",
        )
        unsaid = client.post("/predict", content=iter([b"x" * 3000, b"x" * 3000]))
        assert (unsaid.status_code, "more than 5,000 bytes" in unsaid.json()["error"]) == (413, True)
        many = client.post("/predict", files=[("a", (f"{index}.png", picture(0))) for index in range(3)])
        assert (many.status_code, "at most 2 files" in many.json()["error"]) == (413, True)
        large = client.post("/predict", content=picture(0, size=(20, 11)))
        assert (large.status_code, large.json()["predictions"][0]["error"]) == (
            422, "too large: 20×11 pixels; this service takes at most 200 in all",
        )  # fmt: skip
    with pytest.raises(
        UserError, match="seconds is 0; expected a number above 0\n  - wait is -1; expected a number of 0"
    ):
        Limits(seconds=0, wait=-1)


def test_more_bytes_than_all_requests_may_hold_are_told_to_come_back(classifier: Brightness) -> None:
    with TestClient(application(classifier, Limits(bytes_at_once=50))) as client:
        response = client.post("/predict", content=picture(0))
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert client.post("/predict", content=b"x").status_code == 422  # what came before holds nothing any more


def test_a_token(classifier: Brightness) -> None:
    with TestClient(application(classifier, token="söm secret")) as client:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "söm secret"}):
            for path in ("/predict", "/info", "/metrics"):
                method = "POST" if path == "/predict" else "GET"
                encoded = {name: value.encode() for name, value in headers.items()}
                assert client.request(method, path, headers=encoded).status_code == 401
        assert client.get("/health").status_code == 200
        right = {"Authorization": "Bearer söm secret".encode()}
        assert client.post("/predict", content=picture(0), headers=right).status_code == 200


def test_health_runs_an_image_and_a_broken_network_does_not_end_the_service(
    client: TestClient, classifier: Brightness
) -> None:
    assert client.get("/health").json()["status"] == "ok"
    assert classifier.sizes == [1]
    classifier.broken = True
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "failing")
    assert "out of order" in health.json()["reason"]
    assert client.post("/predict", content=picture(0)).status_code == 422
    classifier.broken = False
    assert client.post("/predict", content=picture(0)).status_code == 200


def test_an_answer_that_takes_too_long(classifier: Brightness) -> None:
    classifier.seconds = 0.5
    with TestClient(application(classifier, Limits(seconds=0.1))) as client:
        response = client.post("/predict", content=picture(0))
        assert (response.status_code, "not answered within 0.1 seconds" in response.json()["error"]) == (503, True)


def test_requests_that_come_together_are_computed_together(classifier: Brightness) -> None:
    classifier.seconds = 0.05
    levels = [int(level) for level in np.random.default_rng(1).integers(0, 256, 40)]

    async def ask() -> list[float]:
        transport = httpx2.ASGITransport(app=application(classifier, Limits(batch=8, wait=0.5)))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            responses = await asyncio.gather(*(client.post("/predict", content=picture(level)) for level in levels))
        return [response.json()["predictions"][0]["probabilities"]["bright"] for response in responses]

    answers = asyncio.run(ask())
    assert answers == pytest.approx([level / 255 for level in levels])  # each client has the answer to its own image
    assert sum(classifier.sizes) == 40
    assert max(classifier.sizes) == 8
    assert len(classifier.sizes) < 20


def test_a_single_client_does_not_wait_for_others(classifier: Brightness) -> None:
    with TestClient(application(classifier, Limits(wait=20))) as client:
        begun = time.monotonic()
        assert client.post("/predict", content=picture(0)).status_code == 200
        assert time.monotonic() - begun < 10


def test_hard_pictures_never_bring_it_down(client: TestClient) -> None:
    count = 0
    for hard in hard_pictures(Brightness.target):
        response = client.post("/predict", content=hard.content)
        assert response.status_code in (200, 422), hard
        count += 1
    assert count > 10
    assert client.get("/health").status_code == 200


def test_what_it_counts(client: TestClient) -> None:
    client.post("/predict", files=[("a", ("0.png", picture(0))), ("a", ("x", b"x")), ("a", ("1.png", picture(140)))])
    client.get("/nowhere")
    text = client.get("/metrics").text
    for line in (
        'pellucid_images_total{outcome="answered"} 1.0',
        'pellucid_images_total{outcome="unsure"} 1.0',
        'pellucid_images_total{outcome="refused"} 1.0',
        'pellucid_requests_total{path="/predict",status="200"} 1.0',
    ):
        assert line in text


def test_the_page_and_other_paths(client: TestClient) -> None:
    page = client.get("/")
    assert "brightness" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/nowhere").status_code == 404
    wrong = client.get("/predict")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    info = client.get("/info").json()
    assert (info["classes"], info["threshold"], info["input"]["height"]) == (["dark", "bright"], 0.75, 8)


schema = schemathesis.openapi.from_asgi("/openapi.json", application(Brightness()))


@schema.parametrize()
def test_whatever_is_sent_no_answer_is_a_fault_of_the_service(case: schemathesis.Case) -> None:
    response = case.call()
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])


def test_addresses() -> None:
    assert [is_loopback(host) for host in ("127.8.0.1", "::1", "localhost", "0.0.0.0", "::", "pets.example")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "70000"], "--port is 70000; expected a number from 0"),
        (["--host", "no address"], "--host is 'no address', which is no address of this machine"),
        (["--token", ""], "the token is ''"),
        (["--token", "½"], "which no request can carry"),
        (["--host", "x" * 300], "no address of this machine"),
        (["--seconds", "inf"], "seconds is inf"),
        (["--wait", "nan"], "wait is nan"),
        (["--max-items", "0", "--seconds", "-1"], "items is 0; expected a number above 0\n  - seconds is -1"),
        (["--threshold", "2"], "the confidence threshold is 2"),
    ],
)
def test_mistakes_of_the_command_line(
    tmp_path: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(write_model(tmp_path / "model.onnx")), *options]) == 2
    assert words in capsys.readouterr().err


def started(path: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start the service in a process of its own, in which torch cannot be imported; wait until it says where it is."""
    program = "import sys; sys.modules['torch'] = None\nfrom pellucid.cli import main\nsys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", str(path), "--port", "0", *options],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    while "Serving" not in line:
        assert process.poll() is None, line
        line = process.stderr.readline()
    return process, next(word for word in line.split() if word.startswith("http"))


def test_it_runs_without_torch_and_sigterm_loses_no_request(tmp_path: Path) -> None:
    process, address = started(write_model(tmp_path / "model.onnx"))
    with urllib.request.urlopen(f"{address}/health", timeout=30) as response:
        assert json.load(response)["status"] == "ok"
    answers: list[int] = []

    def slowly() -> Iterator[bytes]:
        content = picture(200, size=SIZE)
        yield content[:20]
        process.send_signal(signal.SIGTERM)  # in the middle of the request
        time.sleep(0.5)
        yield content[20:]

    def ask() -> None:
        answers.append(httpx2.post(f"{address}/predict", content=slowly(), timeout=30).status_code)

    client = threading.Thread(target=ask)
    client.start()
    client.join(30)
    assert process.wait(30) == 0
    assert answers == [200]
    assert process.stderr is not None
    rest = process.stderr.read()
    assert "every request that was begun has its answer" in rest
    assert "Traceback" not in rest


def test_changes_of_protocol_and_cut_connections_are_no_fault_of_the_service(tmp_path: Path) -> None:
    process, address = started(write_model(tmp_path / "model.onnx"))
    content = picture(200, size=SIZE)
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n".encode()
    place = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
    with socket.create_connection(place, timeout=10) as connection:
        connection.sendall(head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + content)
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
    for _ in range(100):
        with socket.create_connection(place, timeout=10) as connection:
            connection.sendall(head + b"\r\n" + content)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            time.sleep(0.002)
    with urllib.request.urlopen(f"{address}/health", timeout=30) as response:
        assert json.load(response)["status"] == "ok"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "model.onnx")
    process, address = started(model)
    try:
        port = address.rpartition(":")[2]
        assert main(["serve", str(model), "--port", port]) == 2
        assert f"127.0.0.1:{port} cannot be listened on" in capsys.readouterr().err
    finally:
        process.kill()
        process.wait()
