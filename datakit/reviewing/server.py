"""A small labelling page, served to this machine alone.

What protects it: it listens on loopback only; every request for data carries a secret that only
the printed address holds; requests that name another host or come from another page are refused
(DNS rebinding, forged requests); bodies and names are bounded; the page runs under a policy that
allows its one script and its one style sheet. Corpus text is sent as JSON and set as text.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from datakit.dataset import Dataset
from datakit.errors import UsageError
from datakit.report.page import csp_hash
from datakit.reviewing.answers import Answer, Log
from datakit.reviewing.batch import NAME, Batch, Row
from datakit.reviewing.files import CHOICES
from datakit.reviewing.showing import Shown, scale, shown

HERE = Path(__file__).parent
HOST = "127.0.0.1"
MOST_BODY = 64 << 10  # bytes of a request
MOST_SNIPPET = 4_000  # characters
SILENT = 30.0  # seconds after which a connection that says nothing is closed
_ID_CHARS = 64
_MOST_FIELDS = 4  # of an address
_SIZE_DIGITS = 9  # of a body's length; Python reads no number of some thousands of digits


class Refused(Exception):
    """A request that is not served, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Session:
    """A batch being labelled: what each assessor sees, and what has been said."""

    def __init__(self, dataset: Dataset, batch: Batch, log: Log) -> None:
        self.batch = batch
        self._scale = scale(dataset.manifest)
        self._shown: dict[Any, Shown] = shown(dataset, [row.pair for row in batch.rows])
        self._log = log
        self._lock = threading.Lock()
        self._given: dict[str, list[Answer]] = {}  # since the start, for undo

    @property
    def n_shown(self) -> int:
        return len(self._shown)

    def rows(self, assessor: str) -> list[Row]:
        return [row for row in self.batch.of(assessor) if row.pair in self._shown]

    def state(self, assessor: str) -> dict[str, Any]:
        """Which pairs there are for an assessor, and the grades given so far."""
        rows = self.rows(assessor)
        grades = [self._grade(assessor, row) for row in rows]
        return {
            "batch_id": self.batch.batch_id, "strategy": self.batch.plan.strategy,
            "assessor": assessor, "total": len(rows), "done": sum(g != "" for g in grades),
            "grades": grades, "scale": self._scale, "can_undo": bool(self._given.get(assessor)),
            "expected": list(self.batch.plan.assessors),
        }  # fmt: skip

    def item(self, assessor: str, at: int) -> dict[str, Any]:
        row = self._row(assessor, at)
        said = self._log.last.get((assessor, row.pair))
        return self._shown[row.pair].as_json() | {
            "at": at, "grade": said.grade if said else "", "snippet": said.snippet if said else "",
        }  # fmt: skip

    def answer(self, assessor: str, at: int, said: dict[str, Any]) -> dict[str, Any]:
        """Write an answer down; it is on the disk when this returns."""
        row = self._row(assessor, at)
        grade = said.get("grade")
        if grade not in CHOICES:
            raise Refused(HTTPStatus.BAD_REQUEST, f"grade: expected one of {', '.join(CHOICES)}")
        if said.get("passage_id") != row.passage_id or said.get("query_id") != row.query_id:
            raise Refused(HTTPStatus.CONFLICT, "this is another batch: load the page again")
        made = Answer(
            answer_id=_text(said, "answer_id", _ID_CHARS), assessor=assessor, grade=grade,
            query_id=row.query_id, passage_id=row.passage_id, batch_id=self.batch.batch_id,
            snippet=_text(said, "snippet", MOST_SNIPPET), at=_now(),
        )  # fmt: skip
        with self._lock:
            before = self._log.last.get((assessor, row.pair))
            self._log.add(made)
            if before is None or before.answer_id != made.answer_id:
                self._given.setdefault(assessor, []).append(before or _withdrawn(made))
        return self.state(assessor)

    def undo(self, assessor: str) -> dict[str, Any]:
        """Take back the last answer of this run of the server; what was there before counts."""
        with self._lock:
            given = self._given.get(assessor)
            if not given:
                raise Refused(HTTPStatus.CONFLICT, "nothing to take back")
            before = given[-1]
            values = {name: getattr(before, name) for name in Answer.__dataclass_fields__}
            self._log.add(Answer(**(values | {"answer_id": secrets.token_hex(8), "at": _now()})))
            given.pop()
        pairs = [row.pair for row in self.rows(assessor)]
        return self.state(assessor) | {"at": pairs.index((before.query_id, before.passage_id))}

    def _row(self, assessor: str, at: int) -> Row:
        rows = self.rows(assessor)
        if not 0 <= at < len(rows):
            raise Refused(HTTPStatus.NOT_FOUND, f"there are {len(rows):,} pairs")
        return rows[at]

    def _grade(self, assessor: str, row: Row) -> str:
        said = self._log.last.get((assessor, row.pair))
        return said.grade if said else ""


def _withdrawn(answer: Answer) -> Answer:
    values = {name: getattr(answer, name) for name in Answer.__dataclass_fields__}
    return Answer(**(values | {"grade": "", "snippet": ""}))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _text(said: dict[str, Any], name: str, most: int) -> str:
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name}: expected text of at most {most} characters")
    return value


# --- over HTTP ----------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """The page and its requests; `address` is what a browser opens."""

    daemon_threads = True
    allow_reuse_address = True  # the same port again right after a crash

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self.page, self.policy = _page()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be listened on ({error.strerror}): choose another --port."
            ) from None
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

    @property
    def address(self) -> str:
        # after the #, so that the secret is in no request line and in no log
        return f"http://{HOST}:{self.server_port}/#{self.token}"


def _page() -> tuple[bytes, str]:
    """The page with its style and script inside, and the policy that allows just these."""
    style = (HERE / "label.css").read_text("utf-8")
    script = (HERE / "label.js").read_text("utf-8")
    html = (HERE / "label.html").read_text("utf-8")
    made = html.replace("/*style*/", style).replace("/*script*/", script)
    policy = (
        f"default-src 'none'; style-src '{csp_hash(style)}'; script-src '{csp_hash(script)}'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return made.encode(), policy


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "datakit"
    sys_version = ""
    timeout = SILENT

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the terminal is for the person."""

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, act: Any) -> None:
        try:
            self._check_origin()
            act()
        except Refused as refusal:
            # its body may not have been read: it must not be taken for the next request
            self.close_connection = True
            self._send(refusal.status, {"error": str(refusal)})
        except OSError as error:
            if isinstance(error, ConnectionError | socket.timeout):
                self.close_connection = True
            else:
                why = f"not saved: {error.strerror or error}"
                self._send(HTTPStatus.INSUFFICIENT_STORAGE, {"error": why})

    def _check_origin(self) -> None:
        """Another host name is a rebound DNS entry, another origin a forged request."""
        if self.headers.get("Host", "") not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "unknown host")
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "unknown origin")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise Refused(HTTPStatus.FORBIDDEN, "from another site")

    def _check_token(self) -> None:
        given = self.headers.get("X-Token", "")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "open the address that the terminal shows")

    def _get(self) -> None:
        path, asked = _asked(self.path)
        if path == "/":
            self._send_page()
            return
        self._check_token()
        assessor = _assessor(asked.get("assessor", [""])[0])
        if path == "/api/state":
            self._send(HTTPStatus.OK, self.server.session.state(assessor))
        elif path == "/api/item":
            at = _position(asked.get("at", [""])[0])
            self._send(HTTPStatus.OK, self.server.session.item(assessor, at))
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "no such page")

    def _post(self) -> None:
        self._check_token()
        said = self._body()
        assessor = _assessor(said.get("assessor"))
        if self.path == "/api/answer":
            at = _position(said.get("at"))
            self._send(HTTPStatus.OK, self.server.session.answer(assessor, at, said))
        elif self.path == "/api/undo":
            self._send(HTTPStatus.OK, self.server.session.undo(assessor))
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "no such page")

    def _body(self) -> dict[str, Any]:
        self.close_connection = True  # until the whole body has been read
        size = self.headers.get("Content-Length", "")
        if not size.isascii() or not size.isdigit():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        if len(size) > _SIZE_DIGITS or int(size) > MOST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_BODY} bytes")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected JSON")
        data = self.rfile.read(int(size))
        self.close_connection = False
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "not JSON") from None
        if not isinstance(value, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "expected an object")
        return value

    def _send_page(self) -> None:
        self._head(HTTPStatus.OK, "text/html; charset=utf-8", len(self.server.page))
        self.wfile.write(self.server.page)

    def _send(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._head(status, "application/json; charset=utf-8", len(data))
        self.wfile.write(data)

    def _head(self, status: HTTPStatus, kind: str, size: int) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind), ("Content-Length", str(size)), ("Cache-Control", "no-store"),
            ("Content-Security-Policy", self.server.policy), ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
        ):  # fmt: skip
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _asked(target: str) -> tuple[str, dict[str, list[str]]]:
    """The path and the fields of a request's address."""
    try:
        url = urlsplit(target)
        return url.path, parse_qs(url.query, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "an address that cannot be read") from None


def _assessor(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Refused(HTTPStatus.BAD_REQUEST, "name: letters, digits, blanks and _ . @ -, up to 60")
    return value


def _position(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit():
        raise Refused(HTTPStatus.BAD_REQUEST, "at: expected a number")
    return int(str(value)[:9])
