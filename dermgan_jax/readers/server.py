"""A small server for the readers of one study: their pages, images and answers, and nothing else.

A reader's link holds a token. What the server says about images is the same for all of them; it
knows the truth of practice images only.
"""

import dataclasses
import errno
import hmac
import json
import logging
import sqlite3
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import flask
import waitress
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException

from dermgan_jax.errors import UserError
from dermgan_jax.readers import pages
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.entries import Entry, entry_from_json
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.texts import ENGLISH

WRONG_LINKS = "20 per minute"  # of an address
REQUESTS = "60 per second"  # of a reader
LARGEST_BODY = 64 * 1024
THREADS = 16
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


class _Study:
    """What is served, read once when the server starts."""

    def __init__(self, folder: StudyFolder):
        self.folder = folder
        self.design = folder.read_design()
        self.orders = folder.read_orders()
        self.tokens = folder.read_tokens()
        self.practice = {row.image: row.truth for row in folder.read_key().values() if row.practice}
        self.answers = Answers(folder.answers)
        self.page = pages.served_page(self.design)
        self.wrong_link = {**ENGLISH, **self.design.texts}["note.link"]

    def reader_of(self, token: str) -> str | None:
        """Whose token it is. Every token is compared, each in a time that tells nothing."""
        given = token.encode("utf-8", "replace")
        found = None
        for reader, expected in self.tokens.items():
            if hmac.compare_digest(given, expected.encode()):
                found = reader
        return found

    def images_of(self, reader: str) -> list[str]:
        """Ids of the images that a reader may see."""
        return [item.image for item in self.orders[reader]]

    def entry(self, reader: str, body: bytes) -> Entry:
        """The answer that a request carries.

        Raises:
          UserError: if it is none.
        """
        try:
            plain = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UserError("it is no answer") from error
        return entry_from_json(plain, self.design, self.images_of(reader))

    def is_final(self, image: str) -> bool:
        """Whether an answer to the image stays: in practice the truth was told."""
        return not self.design.revisable or image in self.practice


def create_app(folder: StudyFolder) -> flask.Flask:
    """The server's application (WSGI).

    Raises:
      UserError: if a file of the study is missing or damaged.
    """
    study = _Study(folder)
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    _guard(app, study)
    _route(app, study)
    _tell_errors(app)
    return app


def _guard(app: flask.Flask, study: _Study) -> None:
    """Finds the reader of each request, limits rates, and adds headers."""
    limiter = Limiter(
        get_remote_address, app=app, storage_uri="memory://", strategy="moving-window"
    )

    def is_right() -> bool:
        return flask.g.reader is not None

    # A right link is never limited: it has 192 bits, and readers may share an address.
    @limiter.shared_limit(WRONG_LINKS, "links", exempt_when=is_right)
    def require_reader() -> None:
        if flask.g.reader is None:
            flask.abort(404, study.wrong_link)

    @limiter.shared_limit(REQUESTS, "requests", key_func=lambda: flask.g.reader)
    def require_patience() -> None:
        pass

    @app.before_request
    def find_reader() -> None:
        token = (flask.request.view_args or {}).get("token")
        if token is None:
            flask.abort(404)
        flask.g.reader = study.reader_of(token)
        require_reader()
        require_patience()

    @app.after_request
    def add_headers(reply: flask.Response) -> flask.Response:
        for name, value in HEADERS.items():
            reply.headers.setdefault(name, value)
        return reply


def _route(app: flask.Flask, study: _Study) -> None:
    inner = {"provide_automatic_options": False}
    page_policy = pages.policy(served=True)

    @app.get("/r/<token>", strict_slashes=False, **inner)
    def page(token: str) -> flask.Response:
        return flask.Response(
            study.page, mimetype="text/html", headers={"Content-Security-Policy": page_policy}
        )

    @app.get("/r/<token>/study", **inner)
    def study_of_reader(token: str) -> dict[str, Any]:
        reader = flask.g.reader
        data = pages.study_data(study.design, reader, study.orders[reader])
        stored = study.answers.of(reader)
        return {**data, "entries": [dataclasses.asdict(entry) for entry in stored]}

    @app.get("/r/<token>/images/<name>.png", **inner)
    def image(token: str, name: str) -> flask.Response:
        if name not in study.images_of(flask.g.reader):
            flask.abort(404)
        return flask.Response(study.folder.image_file(name).read_bytes(), mimetype="image/png")

    @app.post("/r/<token>/answers", **inner)
    def answer(token: str) -> dict[str, Any]:
        reader = flask.g.reader
        if not flask.request.is_json:
            flask.abort(415)
        entry = study.entry(reader, flask.request.get_data())
        study.answers.add(reader, entry, once=study.is_final(entry.image))
        reply = {"saved": True, "stored": study.answers.count(reader)}
        if entry.image in study.practice:
            reply["truth"] = study.practice[entry.image]
        return reply


def _tell_errors(app: flask.Flask) -> None:
    """Errors as JSON, to people as text; none with an address, which would hold a token."""

    @app.errorhandler(UserError)
    def refused(error: UserError) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, 400

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> tuple[dict[str, str] | flask.Response, int]:
        said, code = error.description or error.name, error.code or 500
        kinds = ["application/json", "text/html"]
        if flask.request.accept_mimetypes.best_match(kinds) == "text/html":
            return flask.Response(said, mimetype="text/plain"), code
        return {"error": said}, code

    @app.errorhandler(sqlite3.Error)
    def not_stored(error: sqlite3.Error) -> tuple[dict[str, str], int]:
        _tell(f"an answer could not be stored: {error}; the page tries again")
        return {"error": "the answer could not be stored"}, 503

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[dict[str, str], int]:
        _tell("".join(traceback.format_exception(error)))
        return {"error": "the server failed"}, 500


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def links(tokens: Mapping[str, str], origin: str) -> dict[str, str]:
    """Each reader's link.

    Args:
      tokens: by reader.
      origin: of the server, such as "http://127.0.0.1:8700".
    """
    return {reader: f"{origin}/r/{token}" for reader, token in tokens.items()}


def open_server(folder: StudyFolder, host: str, port: int) -> Any:
    """A server of waitress that is bound to its address; its `run` serves until Ctrl-C.

    Args:
      folder: of the study.
      host: an address of this machine.
      port: 0 for any that is free; `effective_port` of the server has it.

    Raises:
      UserError: if the address cannot be used, or a file of the study is missing or damaged.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of any short queue
    app = create_app(folder)
    try:
        return waitress.create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=LARGEST_BODY,
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} of {host} is in use, perhaps by another readers_serve: stop that, or "
                "choose another with --port"
            ) from error
        raise UserError(f"--host={host} --port={port} cannot be used: {error}") from error
