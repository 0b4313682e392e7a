"""Stand-ins for AWS that answer as it does, refuse, or say nothing."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


def given(endpoint: str) -> dict[str, str]:
    """Return the variables that lead to an endpoint, with a key that no other place knows."""
    return {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
        "AWS_REGION": "ap-south-1",
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "canary-key-of-aws",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def lead_to(monkeypatch: pytest.MonkeyPatch, endpoint: str, **more: str) -> None:
    for name, value in {**given(endpoint), **more}.items():
        monkeypatch.setenv(name, value)


@contextmanager
def answering(body: Any, status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the address of a server that answers every request so, and the requests that it had."""
    asked: list[dict[str, Any]] = []
    text = body if isinstance(body, bytes) else json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def secret(text: str) -> dict[str, Any]:
    return {"ARN": "arn:aws:secretsmanager:ap-south-1:1:secret:s", "Name": "prod/akasa", "SecretString": text}


@contextmanager
def silent(dripping: bool = False) -> Iterator[str]:
    """Give the address of a server that accepts and never answers, or sends a letter a second, for ever."""
    over = threading.Event()

    def drip(one: socket.socket) -> None:
        with one:
            one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not over.is_set():
                one.sendall(b" ")
                time.sleep(0.5)

    def accept(listening: socket.socket) -> None:
        while not over.is_set():
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(one,), daemon=True).start()

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        if dripping:
            threading.Thread(target=accept, args=(listening,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
