"""A proxy in front of an HTTP server, which loses or delays its answers."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable


class Proxy:
    """Passes bytes to a server.

    The first `lost` answers to a POST are thrown away; each answer is `delay` seconds late.
    """

    def __init__(self, port: int) -> None:
        self.port, self.delay = port, 0.0
        self.loses: Callable[[int], bool] = lambda number: False
        self.posts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """One connection: a request goes on whole, then its answer, or nothing."""
        with (
            contextlib.suppress(OSError),
            near,
            socket.create_connection(("127.0.0.1", self.port)) as far,
        ):
            while (request := _message(near)) is not None:
                far.sendall(request)
                answer = _message(far)
                time.sleep(self.delay)
                if request.startswith(b"POST"):
                    self.posts += 1
                    if self.loses(self.posts):
                        return
                if answer is None:
                    return
                near.sendall(answer)

    def close(self) -> None:
        self.listener.close()


def _message(sock: socket.socket) -> bytes | None:
    """One HTTP message with its body, or None where the other end is gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := sock.recv(65536)):
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1]
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    chunked = b"transfer-encoding: chunked" in head.lower()
    while len(body) < int(lengths[0]) if lengths else chunked and not body.endswith(b"0\r\n\r\n"):
        if not (more := sock.recv(65536)):
            return None
        body += more
    return head + b"\r\n\r\n" + body
