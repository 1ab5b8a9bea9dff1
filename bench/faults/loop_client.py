"""The client of `bench.faults.loop`, in a process of its own: sends one request, and prints what came back.

    python -m bench.faults.loop_client TRANSPORT URL KEY < BODY

TRANSPORT is `http`, `sse` or `records`, for which BODY is the body of a POST, or `socket`, for which it is the payload
of a subscription. `HEADER=VALUE` after the key adds a header. Prints a line of JSON: the status or the type of the last
message, the first 160 characters of the answer, and its length.
"""

import json
import sys
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

TYPES = {"http": "application/json", "sse": "application/json", "records": "application/x-ndjson"}
ACCEPTS = {"http": "application/json", "sse": "text/event-stream", "records": "*/*"}


def ask(transport: str, url: str, key: str, body: bytes, headers: dict[str, str]) -> tuple[str, bytes]:
    path = "/records" if transport == "records" else "/graphql"
    sent = {"Authorization": f"Bearer {key}", "Content-Type": TYPES[transport], "Accept": ACCEPTS[transport], **headers}
    try:
        response = httpx.post(url + path, content=body, headers=sent, timeout=120)
    except httpx.TransportError as error:
        return type(error).__name__, b""
    return str(response.status_code), response.content


def ask_by_socket(url: str, key: str, payload: bytes) -> tuple[str, bytes]:
    address = "ws://" + urlsplit(url).netloc + "/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], max_size=None) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {key}"}}))
        try:
            socket.recv()
            socket.send('{"type":"subscribe","id":"1","payload":' + payload.decode("utf-8", "replace") + "}")
            answer = socket.recv(timeout=120)
        except ConnectionClosed as closed:
            return str(closed.rcvd.code if closed.rcvd else closed), b""
    text = answer if isinstance(answer, bytes) else answer.encode()
    return "error" if text.startswith(b'{"type":"error"') else "next", text


def main() -> None:
    transport, url, key, *headers = sys.argv[1:]
    body = sys.stdin.buffer.read()
    if transport == "socket":
        outcome, answer = ask_by_socket(url, key, body)
    else:
        pairs = (each.partition("=") for each in headers)
        outcome, answer = ask(transport, url, key, body, {name: value for name, _, value in pairs})
    print(json.dumps([outcome, answer[:160].decode(errors="replace"), len(answer)]))


if __name__ == "__main__":
    main()
