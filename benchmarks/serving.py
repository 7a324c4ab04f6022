"""`pellucid serve` beside LitServe with the same network, for 1, 8 and 32 clients: answers a second, and their times.

    python benchmarks/serving.py [RUN] [--seconds 6] [--rounds 3]

Every client sends one JPEG photo after the other, as a form, over one connection. Both decode with Pillow, fit to the
network's input, compute in torch and answer with the class and all probabilities. LitServe is told to make batches of
up to 32 within 5 ms, as pellucid does, once with one worker and once with one for each core. It brings uvloop and
httptools; pellucid does without them.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

CLIENTS = (1, 8, 32)
PHOTOS = 64
PEER = Path(__file__).parent / "peers" / "litserve_server.py"
START = b'--b\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
END = b"\r\n--b--\r\n"


def photos() -> list[bytes]:
    """Smooth coloured pictures of 640×480 with some noise, as JPEG: about as large and slow to decode as photos."""
    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for _ in range(PHOTOS):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        large = np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(large + rng.integers(-9, 10, large.shape), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "JPEG", quality=88)
        files.append(file.getvalue())
    return files


@contextlib.contextmanager
def running(command: list[str], port: int, path: str):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            if process.poll() is not None:
                sys.exit(f"the server ended: {process.stderr.read().decode()[-1000:]}")
            time.sleep(0.1)
        else:
            sys.exit("the server does not answer")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def load(port: int, clients: int, seconds: float, queue) -> None:
    """Ask from so many threads, in a process of its own."""
    files, times, failed = photos(), [], []
    end = time.monotonic() + seconds

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        position = number
        while time.monotonic() < end:
            begun = time.perf_counter()
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            connection.request("POST", "/predict", START + files[position % PHOTOS] + END, headers)
            response = connection.getresponse()
            body = response.read()
            times.append(time.perf_counter() - begun)
            if response.status != 200 or b"class" not in body:
                failed.append(body[:200])
            position += 7

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put((len(times) / seconds, float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99)), failed[:1]))


def measured(port: int, clients: int, seconds: float):
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=load, args=(port, clients, seconds, queue))
    process.start()
    rate, middle, slowest, failed = queue.get()
    process.join()
    if failed:
        sys.exit(f"a request failed: {failed[0]!r}")
    return rate, middle, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = asked.run
        if run is None:
            import pellucid

            run = str(pellucid.train("cifar10", recipe="tutorial", epochs=1, out=Path(folder) / "run").directory)
        own = (
            "import sys\nsys.modules['uvloop'] = sys.modules['httptools'] = None\n"
            "from pellucid.cli import main\nsys.exit(main(sys.argv[1:]))"
        )
        servers = {"pellucid": ([sys.executable, "-c", own, "serve", run, "--port", "8101"], 8101, "/health")}
        for workers in sorted({1, os.cpu_count() or 1}):
            port = 8101 + workers
            command = [sys.executable, str(PEER), run, str(port), str(workers)]
            servers[f"LitServe, {workers} worker{'s' if workers > 1 else ''}"] = (command, port, "/health")
        results: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        for _ in range(asked.rounds):
            for name, (command, port, path) in servers.items():
                with running(command, port, path):
                    measured(port, 4, 1.0)  # what is loaded at the first request
                    for clients in CLIENTS:
                        results.setdefault((name, clients), []).append(measured(port, clients, asked.seconds))
    print(f"{'clients':>7}  {'server':<20}{'a second':>10}{'median ms':>11}{'p99 ms':>9}")
    for clients in CLIENTS:
        for name in servers:
            rate, middle, slowest = (statistics.median(column) for column in zip(*results[name, clients], strict=True))
            print(f"{clients:>7}  {name:<20}{rate:>10.1f}{1000 * middle:>11.1f}{1000 * slowest:>9.1f}")


if __name__ == "__main__":
    main()
