"""Who may ask the studio for what, attacked: other sites, wrong tokens, odd requests, files outside the page."""

from __future__ import annotations

import http.client
import inspect
import json
import re
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.studio.application import PARTS
from pellucid.studio.guarding import LONGEST_ADDRESS, Guard

POST = "/api/given/pixels"
PIXELS = {"height": 1, "width": 1, "channels": 1, "bytes": "AA=="}
ODD = [
    "",
    " ",
    "0",
    "-1",
    "-0",
    "1e309",
    "NaN",
    "null",
    "[]",
    "{}",
    "true",
    "²",
    "١",
    "9" * 18,
    "9" * 5000,
    "-" * 20,
    "a" * 300,
    "a" * 5000,
    "..",
    "../digits",
    "/etc/passwd",
    "C:\\",
    "\x00",
    "digits\x00",
    "\r\nX: y",
    "<script>alert(1)</script>",
    "\udcff",
    "é",
    "𝔘",
    "%",
    "%00",
    "test/0",
    "test/1",
    "test/99999999",
    f"test/{'9' * 4400}",
    "train/-1",
    "test/1.5",
    "given-",
    "given-0123456789abcdef",
    "last",
    "best",
    "1",
    "digits",
    "head[0]",
    "first[0,0,0]",
    "first[0,0,999]",
    f"first[{'9' * 4400},0,0]",
    "first[0]",
    "first[",
    "x[0,0]",
    "first[0,,0]",
    "0,1,2",
    "999",
    ",",
    f"1,{'9' * 5000}",
    "-5",
]


def routes(studio) -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for part in PARTS
        for route in part.routes(studio.workplace)
        for method in sorted((getattr(route, "methods", None) or {"GET"}) - {"HEAD"})
    ]


def names(*parts: ModuleType) -> list[str]:
    """Every name that some parts of the page ask for, or all of them."""
    source = "\n".join(inspect.getsource(part) for part in parts or PARTS)
    return sorted(set(re.findall(r'asked(?:\.\w+\(|\[|\.get\()"(\w+)"', source)) | {"run", "image", "unit", "epoch"})


def ask(
    studio, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Ask; of a stream of events only the head is read."""
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        kind = response.headers.get("content-type", "")
        content = b"" if kind.startswith("text/event-stream") else response.read()
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        return response.status, content, kind
    finally:
        connection.close()


def head(studio, method: str, path: str) -> bytes:
    """Write a request as it goes over the wire, with a path that no client would send."""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nConnection: close\r\n\r\n".encode("latin-1")


def query_of(parameters: dict[str, str]) -> str:
    return "&".join(
        f"{key}={quote(text.encode('utf-8', 'surrogateescape'), safe='')}" for key, text in parameters.items()
    )


def is_words(status: int, content: bytes) -> bool:
    """Whether an answer is none of a fault, and a refusal says in words why."""
    if status >= 500:
        return False
    if status < 400:
        return True
    said = json.loads(content)["error"]
    return len(said) > 9 and "Traceback" not in said


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:{port}.evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/runs", "/page/main.js"])
def test_other_sites_are_refused(studio, headers, path) -> None:
    """Also with the right token, also under a name of their own that leads here (DNS rebinding)."""
    filled = {name: content.format(port=studio.port) for name, content in headers.items()}
    status, content, _ = ask(studio, "GET", path, None, filled | {"X-Pellucid-Token": studio.token})
    assert status == 403
    assert is_words(status, content)
    status, content, _ = ask(
        studio, "POST", POST, json.dumps(PIXELS).encode(), filled | {"X-Pellucid-Token": studio.token}
    )
    assert status == 403


def test_two_hosts_are_refused(studio) -> None:
    with socket.create_connection(("127.0.0.1", studio.port)) as sent:
        sent.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nHost: evil.example\r\n\r\n".encode())
        assert sent.recv(100).split()[1] in (b"400", b"403")


def test_every_route_that_writes_takes_the_token_and_no_other(studio) -> None:
    wrong = [
        "",
        "x",
        studio.token[:-1],
        studio.token + "x",
        studio.token.upper(),
        studio.token[:-1] + "é",
        "é" * 22,
        " ",
        "\t",
        "a" * 4000,
    ]
    for method, path in routes(studio):
        if method == "GET":
            continue
        plain = path.replace("{", "").replace("}", "").replace(":path", "")
        assert ask(studio, method, plain, b"{}")[0] == 403, path
        for token in wrong:
            headers = {"X-Pellucid-Token": token.encode("latin-1").decode("latin-1")}
            assert ask(studio, method, plain, b"{}", headers)[0] == 403, (path, token)
        assert ask(studio, method, f"{plain}?token={studio.token}", b"{}")[0] == 403, "a token in the address is none"
        assert ask(studio, method, plain, b"{}", {"Cookie": f"token={studio.token}"})[0] == 403
    assert ask(studio, "POST", POST, json.dumps(PIXELS).encode(), {"X-Pellucid-Token": studio.token})[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "GETT"])
def test_other_methods_are_refused_in_words(studio, method) -> None:
    if method == "CONNECT":
        with socket.create_connection(("127.0.0.1", studio.port)) as sent:
            sent.sendall(head(studio, "CONNECT", "/api/runs"))
            assert sent.recv(100).split()[1] in (b"400", b"405")
        return
    with socket.create_connection(("127.0.0.1", studio.port)) as sent:
        sent.sendall(
            f"{method} /api/runs HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nConnection: close\r\n\r\n".encode()
        )
        status = int(sent.recv(100).split()[1])
    assert status in (400, 405)


def test_get_of_what_writes_and_post_of_what_reads_are_refused(studio) -> None:
    for method, path in routes(studio):
        other = "GET" if method == "POST" else "POST"
        if (other, path) in routes(studio):
            continue
        body = b"{}" if other == "POST" else None
        status, content, _ = ask(studio, other, path, body, {"X-Pellucid-Token": studio.token})
        assert status in (404, 405), path
        assert is_words(status, content), path


@pytest.mark.parametrize(
    "path",
    [
        "/page/../guarding.py",
        "/page/..%2fguarding.py",
        "/page/%2e%2e/guarding.py",
        "/page/%2e%2e%2fguarding.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/panels/../../serving.py",
        "/page/..\\serving.py",
        "/page/..%5cserving.py",
        "/page/main.js%00.css",
        "/page/main.js/",
        "/page/",
        "/page/panels",
        "/modules/../inlining.py",
        "/modules/%2e%2e/inlining.py",
        "/modules/dom.js%00",
        "/page/ma%69n.jsx",
        "//etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/page/\xff",
    ],
)
def test_no_file_outside_the_page_is_handed_out(studio, path) -> None:
    with socket.create_connection(("127.0.0.1", studio.port)) as sent:
        sent.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nConnection: close\r\n\r\n".encode("latin-1")
        )
        answer = b"".join(iter(lambda: sent.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400"), answer[:300]
    assert b"import" not in answer
    assert b"root:" not in answer


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_odd_parameters_are_answered_in_words(studio, data) -> None:
    """Any GET with any parameters answers, or says why not; none is a fault of the studio."""
    method, path = data.draw(st.sampled_from([pair for pair in routes(studio) if pair[0] == "GET"]))
    value = st.sampled_from(ODD) | st.text(max_size=12) | st.integers().map(str)
    usual = {"run": "digits", "image": "test/1", "unit": "head[1]"}
    parameters = {**usual, **data.draw(st.dictionaries(st.sampled_from(names()), value, max_size=4))}
    for name in data.draw(st.sets(st.sampled_from(sorted(usual)), max_size=2)):
        parameters.pop(name, None)
    query = "&".join(
        f"{name}={quote(text.encode('utf-8', 'surrogateescape'), safe='')}" for name, text in parameters.items()
    )
    status, content, _ = ask(studio, method, f"{path.replace('{', '').replace('}', '')}?{query}")
    assert is_words(status, content), (path, parameters, status, content[:300])


@pytest.mark.slow
def test_every_parameter_takes_every_odd_value(studio) -> None:
    """Each of them on its own, beside usual ones, on every route that reads."""
    usual = {"run": "digits", "image": "test/1", "unit": "head[1]"}
    reading = [(part, route) for part in PARTS for route in part.routes(studio.workplace) if "GET" in route.methods]
    for part, route in reading:
        method, path = "GET", route.path
        for name in names(part):
            for text in ODD:
                query = query_of(usual | {name: text})
                status, content, _ = ask(studio, method, f"{path.replace('{', '').replace('}', '')}?{query}")
                assert is_words(status, content), (path, name, text[:80], status, content[:300])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(ODD).filter("digits".__ne__),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_odd_documents_are_answered_in_words(studio, data) -> None:
    """Any POST with the token and nonsense says what is wrong with it; half a character and no JSON too."""
    method, path = data.draw(st.sampled_from([pair for pair in routes(studio) if pair[0] == "POST"]))
    fields = st.sampled_from([*names(), "height", "width", "channels", "bytes", "name"])
    document = data.draw(JSON | st.dictionaries(fields, JSON, max_size=5))
    body = json.dumps(document).encode()
    body = data.draw(
        st.sampled_from(
            [
                body,
                body,
                body,
                body[:-1],
                b"",
                b"\xff\xfe",
                b"[" * 60_000,
                b'{"a":"\\ud800"}',
                b'{"height":' + b"9" * 5000 + b"}",
            ]
        )
    )
    status, content, _ = ask(studio, method, path, body, {"X-Pellucid-Token": studio.token})
    assert is_words(status, content), (path, body[:300], status, content[:300])


def test_what_is_too_large_is_refused(studio) -> None:
    token = {"X-Pellucid-Token": studio.token}
    status, content, _ = ask(studio, "GET", f"/api/runs?x={'a' * LONGEST_ADDRESS}")
    assert (status, is_words(status, content)) == (414, True)
    status, content, _ = ask(studio, "GET", "/api/runs", None, {"X-Long": "a" * 40_000})
    assert status in (400, 431)
    status, content, _ = ask(studio, "POST", POST, b'{"bytes":"' + b"A" * 2_000_000 + b'"}', token)
    assert (status, is_words(status, content)) == (413, True)
    with socket.create_connection(("127.0.0.1", studio.port)) as sent:
        start = head(studio, "POST", POST)[:-2]
        sent.sendall(start + f"X-Pellucid-Token: {studio.token}\r\nContent-Length: {10**15}\r\n\r\n".encode())
        assert sent.recv(100).split()[1] == b"413"


def test_pixels_that_do_not_fit_are_refused(studio) -> None:
    for change in (
        {"height": 2},
        {"height": 0},
        {"height": -1},
        {"height": 100_000, "width": 100_000},
        {"channels": 2},
        {"bytes": "A"},
        {"bytes": "é"},
        {"bytes": 5},
        {"bytes": None},
        {"height": 1.0},
        {"height": True},
        {"height": "x"},
        {"name": 3},
        {"height": 10**30},
    ):
        status, answer, _ = studio.call(POST, PIXELS | change)
        assert status == 400, change
        assert answer["error"]


def png_of(height: int, width: int) -> bytes:
    """A PNG of a few bytes that says it is very large."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(bytes(1000))) + part(b"IEND", b"")


@pytest.mark.parametrize(
    "content", [png_of(100_000, 100_000), png_of(1, 2**31 - 1), b"", b"no image", png_of(28, 28)[:40], b"GIF89a"]
)
def test_a_file_that_is_no_image_or_far_too_large_is_refused_in_words(studio, content) -> None:
    started = time.monotonic()
    headers = {"X_Pellucid_Token": studio.token}
    status, answer, _ = studio.call("/api/given/file?name=photo.png", body=content, method="POST", **headers)
    if status == 200:
        status, answer, _ = studio.call(f"/api/look?run=digits&image={answer['image']}")
    assert status in (400, 413)
    assert len(answer["error"]) > 20
    assert time.monotonic() - started < 5


def test_an_image_of_more_bytes_than_are_taken_is_refused(studio, monkeypatch) -> None:
    monkeypatch.setattr("pellucid.studio.views.given.MOST_BYTES", 1_000_000)
    status, answer, _ = studio.call("/api/given/file", body=bytes(1_100_000), X_Pellucid_Token=studio.token)
    assert status == 413
    assert "more than 1,000,000 bytes" in answer["error"]


def test_a_body_that_does_not_come_is_not_waited_for(studio_folder) -> None:
    import asyncio

    from pellucid.studio.application import parts
    from pellucid.studio.workplace import Workplace

    guard = Guard(parts(Workplace(studio_folder)), frozenset({"here"}), "token", body_seconds=0.05)
    scope = {
        "type": "http",
        "method": "POST",
        "path": POST,
        "raw_path": POST.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"here"), (b"x-pellucid-token", b"token"), (b"content-length", b"9")],
        "server": ("here", 80),
        "http_version": "1.1",
    }
    messages = []

    async def receive() -> dict[str, object]:
        if len(messages) < 1 and not sent:
            sent.append(1)
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message) -> None:
        messages.append(message)

    sent: list[int] = []
    started = time.monotonic()
    asyncio.run(guard(scope, receive, send))
    assert time.monotonic() - started < 5
    assert messages[0]["status"] == 408
    assert "did not come within" in json.loads(messages[1]["body"])["error"]


def page_files() -> Iterator[Path]:
    import pellucid.studio

    yield from (Path(pellucid.studio.__file__).parent / "page").rglob("*")


def test_no_script_and_no_style_stands_in_the_html_and_no_address_of_elsewhere_in_the_page() -> None:
    html = next(path for path in page_files() if path.name == "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    for path in page_files():
        if path.suffix not in (".js", ".css", ".html"):
            continue
        text = re.sub(r"http://www\.w3\.org/[\w/]+", "", path.read_text())  # the names of SVG and MathML
        code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", text, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"""["'(`]\s*(?:https?:)?//\w""", code), path.name
        assert not re.search(r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write", code), (
            path.name
        )
