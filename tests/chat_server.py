"""A chat-completions server on loopback: fixed latency, faults on demand, every request recorded.

In a test:

    with ChatServer(answer=lambda body: '{"ok": true}', latency=0.01) as server:
        ... server.url ... server.seen ...

By itself, for benches that must not pay for the server's work:

    python tests/chat_server.py --latency 0.2 --faults '{"too_many": 0.025}'

It prints its URL; GET /stats says what it has seen, /reset forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

Body = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer in full; a plain string is short for `Said(text)`."""

    text: str = ""
    finish_reason: str = "stop"
    refusal: str | None = None
    status: int = 200
    error: Mapping[str, Any] | None = None  # the `error` object of a status that is not 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | None = None  # the whole body instead, such as a proxy's HTML page
    reset: bool = False  # the connection is reset instead of answered
    latency: float | None = None  # seconds; None: the server's own


Answer = Callable[[Body], "str | Said"]


@dataclass(frozen=True)
class Faults:
    """How often something goes wrong; shares are of all requests, drawn with `seed`."""

    too_many: float = 0.0  # 429
    retry_after: str | None = None  # header of every 429
    server_error: float = 0.0  # 500
    malformed: float = 0.0  # 200 whose text is broken JSON
    truncated: float = 0.0  # 200 cut off: finish_reason length
    reset: float = 0.0  # connection reset instead of an answer
    admitted: float | None = None  # requests a second, with one second's worth at once; rest 429
    refuse: str | None = None  # a request with this text in its messages always gets a 400
    key: str | None = None  # any other key gets a 401
    models: tuple[str, ...] | None = None  # any other model gets a 404
    formats: tuple[str, ...] = ("json_schema", "json_object")  # response_format types it takes
    seed: int = 0


@dataclass
class Seen:
    """One request, and how it was answered; times are of `time.monotonic`."""

    body: Body
    headers: dict[str, str]
    digest: str  # of the body: equal requests have equal digests
    received: float
    status: int = 0  # 0: still open; -1: reset, or the caller went away
    answered: float | None = None


def last_message(body: Body) -> str:
    return str(body["messages"][-1]["content"])


def echo(body: Body) -> str:
    """A JSON object with the last message in it."""
    return json.dumps({"echo": last_message(body)}, ensure_ascii=False)


class ChatServer:
    """Listens while it is entered; `url` is what an endpoint's `base_url` wants."""

    def __init__(
        self, answer: Answer = echo, latency: float = 0.0, faults: Faults | None = None
    ) -> None:
        self.answer, self.latency, self.faults = answer, latency, faults or Faults()
        self.reset_counts()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    def reset_counts(self) -> None:
        self.seen: list[Seen] = []
        self._random = random.Random(self.faults.seed)
        self._tokens = self.faults.admitted or 0.0
        self._filled = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    # what was seen ----------------------------------------------------------------------------

    def statuses(self) -> dict[int, int]:
        """How many requests got which status."""
        counts: dict[int, int] = {}
        for seen in self.seen:
            counts[seen.status] = counts.get(seen.status, 0) + 1
        return counts

    def paid_twice(self) -> int:
        """Requests that were answered although an equal one had been."""
        paid = [seen.digest for seen in self.seen if seen.status == 200]
        return len(paid) - len(set(paid))

    def span(self) -> float:
        """Seconds from the first request to the last answer."""
        answered = [seen.answered for seen in self.seen if seen.answered is not None]
        return max(answered) - self.seen[0].received if answered else 0.0

    def most_in_flight(self) -> int:
        """The largest number of requests that were open at once."""
        edges = [(s.received, 1) for s in self.seen]
        edges += [(s.answered, -1) for s in self.seen if s.answered is not None]
        open_now = most = 0
        for _, step in sorted(edges):
            open_now += step
            most = max(most, open_now)
        return most

    def stats(self) -> dict[str, Any]:
        return {
            "requests": len(self.seen),
            "statuses": self.statuses(),
            "span": self.span(),
            "paid_twice": self.paid_twice(),
            "most_in_flight": self.most_in_flight(),
        }

    # HTTP -------------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await self._connection(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                connections.discard(task)
                with contextlib.suppress(Exception):
                    writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024, limit=2**20)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            start, *lines = head.decode("latin-1").strip().split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            path = start.split(" ")[1]
            if path == "/v1/chat/completions":
                await self._chat(raw, headers, writer)
            elif path == "/v1/models":
                data = [{"id": m, "object": "model"} for m in self.faults.models or ()]
                await _write(writer, 200, json.dumps({"object": "list", "data": data}))
            elif path == "/stats":
                await _write(writer, 200, json.dumps(self.stats()))
            elif path == "/reset":
                self.reset_counts()
                await _write(writer, 200, "{}")
            else:
                await _write(writer, 404, json.dumps({"detail": "Not Found"}))
            if headers.get("connection", "").lower() == "close":
                return

    async def _chat(
        self, raw: bytes, headers: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        seen = Seen(json.loads(raw), headers, hashlib.md5(raw).hexdigest(), time.monotonic())
        self.seen.append(seen)
        said = self._refused(seen) or self._failed()
        if said is None:
            told = self.answer(seen.body)
            said = self._spoiled(Said(told) if isinstance(told, str) else told)
        seconds = self.latency if said.latency is None else said.latency
        try:
            if seconds:
                await asyncio.sleep(seconds)
            if said.reset:
                _reset(writer)
                raise ConnectionResetError
            body = said.raw if said.raw is not None else json.dumps(_envelope(seen.body, said))
            await _write(writer, said.status, body, said.headers)
        except BaseException:
            seen.status = -1
            raise
        finally:
            seen.answered = time.monotonic()
        seen.status = said.status

    def _refused(self, seen: Seen) -> Said | None:
        """A refusal for good: the key, the model, the format or the row is not accepted."""
        faults, body = self.faults, seen.body
        if faults.key is not None and seen.headers.get("authorization") != f"Bearer {faults.key}":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if faults.models is not None and body["model"] not in faults.models:
            return _error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        kind = (body.get("response_format") or {}).get("type")
        if kind is not None and kind not in faults.formats:
            return _error(400, f"'response_format.type' {kind} is not supported", None)
        if faults.refuse is not None and any(
            faults.refuse in m["content"] for m in body["messages"]
        ):
            return _error(400, "this prompt cannot be processed", "invalid_prompt")
        return None

    def _failed(self) -> Said | None:
        """A fault that another try may not meet."""
        faults, draw = self.faults, self._random.random
        headers = {} if faults.retry_after is None else {"retry-after": faults.retry_after}
        if faults.admitted is not None and not self._admit(faults.admitted):
            return _error(429, "Rate limit reached", "rate_limit_exceeded", headers)
        if draw() < faults.too_many:
            return _error(429, "Rate limit reached", "rate_limit_exceeded", headers)
        if draw() < faults.server_error:
            return _error(500, "The server had an error", None)
        if draw() < faults.reset:
            return Said(reset=True)
        return None

    def _admit(self, rate: float) -> bool:
        now = time.monotonic()
        self._tokens = min(rate, self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _spoiled(self, said: Said) -> Said:
        draw = self._random.random
        if draw() < self.faults.malformed:
            return Said(said.text[: len(said.text) // 2] + '", oops', headers=said.headers)
        if draw() < self.faults.truncated:
            return Said(said.text[: len(said.text) // 2], "length", headers=said.headers)
        return said


def _error(
    status: int, message: str, code: str | None, headers: Mapping[str, str] | None = None
) -> Said:
    error = {"message": message, "type": "error", "param": None, "code": code}
    return Said(status=status, error=error, headers=headers or {}, latency=0.0)


def _envelope(body: Body, said: Said) -> dict[str, Any]:
    if said.status != 200:
        return {"error": dict(said.error or {"message": "failed"})}
    n_prompt = sum(len(m["content"]) for m in body["messages"]) // 4 + 1
    n_reply = len(said.text) // 4 + 1
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": said.refusal}
    choice = {
        "index": 0, "message": message, "logprobs": None, "finish_reason": said.finish_reason
    }  # fmt: skip
    usage = {
        "prompt_tokens": n_prompt, "completion_tokens": n_reply,
        "total_tokens": n_prompt + n_reply, "prompt_tokens_details": {"cached_tokens": 0},
    }  # fmt: skip
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000,
        "model": body["model"], "choices": [choice], "usage": usage,
    }  # fmt: skip


async def _write(
    writer: asyncio.StreamWriter, status: int, body: str, headers: Mapping[str, str] | None = None
) -> None:
    raw = body.encode()
    lines = [
        f"HTTP/1.1 {status} Status", "content-type: application/json", f"content-length: {len(raw)}"
    ]  # fmt: skip
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + raw)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds for every answer")
    parser.add_argument("--text", default='{"ok": true}', help="what every answer says")
    parser.add_argument("--faults", default="{}", help="fields of Faults as JSON")
    options = parser.parse_args()
    faults = Faults(**json.loads(options.faults))
    with ChatServer(lambda _: options.text, options.latency, faults) as server:
        print(json.dumps({"url": server.url, "faults": asdict(faults)}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
