"""The client side of WebSockets, over a bare socket. It answers nothing by itself."""

import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Peer:
    """A client on the other end of a stream."""

    def __init__(self, sock):
        self.sock = sock
        self.reader = sock.makefile("rb")

    def close(self):
        self.reader.close()
        self.sock.close()

    def send(self, opcode, payload=b""):
        self.sock.sendall(frame(opcode, payload))

    def receive(self):
        head = self.reader.read(2)
        if not head:
            return None
        size = head[1]
        if size > 125:
            size = int.from_bytes(self.reader.read(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, self.reader.read(size)

    def rest(self):
        return list(iter(self.receive, None))


def frame(opcode, payload=b"", mask=b"mask"):
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFF]) + struct.pack(">Q", size)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + length + mask + masked
