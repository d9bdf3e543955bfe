"""An upstream that keeps its clients waiting."""
import socket

from kit import process

LIMIT_S = 180
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"


class SlowServer:
    """Takes requests and answers none until it is told to."""

    def __init__(self, most):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=most)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://localhost:{self.port}/"
        self.peers = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for peer in (self.listener, *self.peers):
            peer.close()

    def take(self, count):
        """Accept until `count` requests are here altogether."""
        self.listener.settimeout(LIMIT_S)
        try:
            while len(self.peers) < count:
                peer, _ = self.listener.accept()
                self.peers.append(peer)
                peer.settimeout(LIMIT_S)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += peer.recv(65536) or b"\r\n\r\n"
        except TimeoutError as error:
            raise process.Failure(f"{len(self.peers)} of {count} requests came") from error

    def answer(self):
        for peer in self.peers:
            peer.sendall(ANSWER)
