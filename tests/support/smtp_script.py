"""A mail server that answers each command with given bytes, also with such as no mail server should send."""

import asyncio
from types import TracebackType
from typing import Self

SILENCE = b""
"""The answer of a server that keeps its client waiting."""
ANSWERS = {
    "BANNER": b"220 ready",
    "EHLO": b"250 here",
    "MAIL": b"250 sender ok",
    "RCPT": b"250 recipient ok",
    "DATA": b"354 go on",
    ".": b"250 taken",
    "QUIT": b"221 bye",
}


class ScriptedMailServer:
    """Serves within its block. `said` has the commands, `offered` all messages, `messages` those that it took.

    Of several answers to a command, each is given once, and the last one from then on. TAKEN answers the message.
    """

    def __init__(self, **answers: bytes | list[bytes]) -> None:
        self.answers = {name: [answer] for name, answer in ANSWERS.items()}
        for name, answer in answers.items():
            self.answers["." if name == "TAKEN" else name] = [answer] if isinstance(answer, bytes) else answer
        self.said: list[str] = []
        self.offered: list[bytes] = []
        self.messages: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server
        return f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for client in self._clients:
            client.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        try:
            await self._answer(writer, "BANNER")
            while line := await reader.readline():
                verb = line[:4].decode("latin-1").strip().upper()
                self.said.append(line.decode("latin-1").strip())
                answer = await self._answer(writer, verb)
                if verb == "DATA" and answer.startswith(b"354"):
                    data = await reader.readuntil(b"\r\n.\r\n")
                    self.offered.append(data[:-5])
                    if (await self._answer(writer, ".")).startswith(b"250"):
                        self.messages.append(data[:-5])
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, verb: str) -> bytes:
        answers = self.answers.setdefault(verb, [b"250 ok"])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == SILENCE:
            await asyncio.Event().wait()
        writer.write(answer + b"\r\n")
        await writer.drain()
        return answer
