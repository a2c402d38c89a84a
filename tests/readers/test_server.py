"""The server of a reader study: what it gives to whom, and what it refuses."""

import http.client
import json
import logging
import sqlite3
import subprocess
import sys
import threading

import pytest
import tiny_reader_study
from command_line import call

from dermgan_jax.errors import UserError
from dermgan_jax.readers import self_test, server
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import Block, question
from dermgan_jax.readers.folder import StudyFolder

ANN, BOB = "/r/token-of-ann", "/r/token-of-bob"


def serve(folder):
    """A client of the study's server."""
    return server.create_app(folder).test_client()


@pytest.fixture
def folder(tmp_path):
    return tiny_reader_study.write_tiny_study(tmp_path / "study")


@pytest.fixture
def client(folder):
    return serve(folder)


def images(client, reader=ANN):
    return [image for image, _ in client.get(f"{reader}/study").json["items"]]


def entry(image, number=1, answer="real"):
    return {
        "id": f"entry-{number:06d}",
        "image": image,
        "answers": {"real": answer},
        "seconds": 2.5,
        "at": "2026-01-02T03:04:05.678Z",
    }


def test_a_reader_gets_page_study_and_images(client, folder):
    page = client.get(ANN)
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert client.get(f"{ANN}/").data == page.data == client.get(BOB).data
    study = client.get(f"{ANN}/study").json
    assert study["reader"] == "ann"
    assert study["entries"] == []
    assert study["told"] is None
    image = study["items"][0][0]
    reply = client.get(f"{ANN}/images/{image}.png")
    assert reply.data == folder.image_file(image).read_bytes()


def test_an_answer_is_stored_and_given_back(client, folder):
    image = images(client)[0]
    reply = client.post(f"{ANN}/answers", json=entry(image))
    assert reply.json == {"saved": True, "stored": 1}
    assert client.post(f"{ANN}/answers", json=entry(image)).json == {"saved": True, "stored": 1}
    assert client.get(f"{ANN}/study").json["entries"] == [entry(image)]
    assert client.get(f"{BOB}/study").json["entries"] == []
    assert [each.image for each in Answers(folder.answers).of("ann")] == [image]
    assert serve(folder).get(f"{ANN}/study").json["entries"] == [entry(image)]


def test_answers_may_be_revised_or_not(client, tmp_path):
    image = images(client)[0]
    for number, answer in enumerate(("real", "fake")):
        assert client.post(f"{ANN}/answers", json=entry(image, number, answer)).status_code == 200
    design = tiny_reader_study.tiny_design(revisable=False)
    final = serve(tiny_reader_study.write_tiny_study(tmp_path / "final", design))
    image = images(final)[0]
    assert final.post(f"{ANN}/answers", json=entry(image)).status_code == 200
    assert final.post(f"{ANN}/answers", json=entry(image)).status_code == 200
    reply = final.post(f"{ANN}/answers", json=entry(image, 2, "fake"))
    assert reply.status_code == 400
    assert "final" in reply.json["error"]


def test_only_practice_images_tell_the_truth(tmp_path):
    design = tiny_reader_study.tiny_design(blocks=(Block(1, 1, practice=True), Block(2, 2)))
    folder = tiny_reader_study.write_tiny_study(tmp_path / "study", design)
    client, key = serve(folder), folder.read_key()
    told = {}
    for number, image in enumerate(images(client)):
        reply = client.post(f"{ANN}/answers", json=entry(image, number)).json
        told[image] = reply.get("truth")
    assert told == {
        image: key[image].truth if key[image].practice else None for image in images(client)
    }
    again = client.post(f"{ANN}/answers", json=entry(images(client)[0], 99, "fake"))
    assert again.status_code == 400  # the truth was told


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": "f" * 16},
        {"image": ["f" * 16]},
        {"answers": {"real": "maybe"}},
        {"answers": {}},
        {"answers": {"real": "real", "other": "1"}},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": 10**400},
        {"id": "short"},
        {"id": "'; drop table answers; --"},
        {"at": "x" * 41},
        {"at": "\ud83d"},
        {"more": 1},
    ],
)
def test_what_is_no_answer_is_refused(client, folder, wrong):
    reply = client.post(f"{ANN}/answers", json={**entry(images(client)[0]), **wrong})
    assert reply.status_code == 400
    assert reply.json["error"]
    assert Answers(folder.answers).entries() == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"[" * 30000, b"\xff"])
def test_a_body_that_is_no_json_is_refused(client, body):
    kind = "application/json"
    assert client.post(f"{ANN}/answers", data=body, content_type=kind).status_code == 400
    assert client.post(f"{ANN}/answers", data=body, content_type="text/plain").status_code == 415


def test_a_long_body_is_refused(client):
    kind = "application/json"
    body = json.dumps(entry(images(client)[0])).encode() + b" " * 100_000
    assert client.post(f"{ANN}/answers", data=body, content_type=kind).status_code == 413


def test_nothing_else_can_be_reached(tmp_path):
    design = tiny_reader_study.tiny_design(same_images=False)
    folder = tiny_reader_study.write_tiny_study(tmp_path / "study", design)
    client = serve(folder)
    of_bob = images(client, BOB)[0]
    assert of_bob not in images(client)
    for path in (
        "/",
        "/r",
        "/r/",
        "/favicon.ico",
        "/design.json",
        "/private/key.csv",
        f"{ANN}/key.csv",
        f"{ANN}/images/",
        f"{ANN}/images/{of_bob}.png",
        f"{ANN}/images/..%2f..%2fprivate%2fkey.csv",
        f"{ANN}/images/../private/key.csv",
        f"{ANN}/../../private/key.csv",
        f"{ANN}/answers/1",
        "/static/page.js",
    ):
        assert client.get(path).status_code == 404, path
    assert client.get(f"{BOB}/images/{of_bob}.png").status_code == 200
    for method in ("put", "delete", "patch", "options"):
        assert getattr(client, method)(f"{ANN}/answers").status_code in (404, 405)
    reply = client.post(f"{ANN}/answers", json=entry(of_bob))
    assert reply.status_code == 400


@pytest.mark.parametrize(
    "token", ["wrong", "token-of-an", "token-of-anna", "ä", "%00", "Token-of-ann"]
)
def test_a_wrong_link_is_not_found(client, token):
    for path in ("", "/study", "/images/x.png"):
        assert client.get(f"/r/{token}{path}").status_code == 404


def test_guesses_are_limited_and_readers_go_on(client):
    assert client.get(ANN).status_code == 200
    found = [client.get(f"/r/guess-{number}").status_code for number in range(25)]
    assert found == [404] * 20 + [429] * 5
    assert client.get(ANN).status_code == 200
    assert client.get(BOB).status_code == 200
    elsewhere = {"REMOTE_ADDR": "127.0.0.9"}
    assert client.get("/r/guess", environ_base=elsewhere).status_code == 404


def test_one_reader_cannot_take_it_all(client):
    found = [client.get(f"{ANN}/study").status_code for _ in range(150)]
    assert 429 in found
    assert client.get(f"{BOB}/study").status_code == 200


def test_headers_of_images_are_alike(client):
    found = set()
    for image in images(client):
        reply = client.get(f"{ANN}/images/{image}.png")
        found.add(tuple(sorted(reply.headers.items())))
        assert reply.headers["Cache-Control"] == "no-store"
        assert not {"Last-Modified", "ETag", "Content-Disposition"} & set(reply.headers.keys())
    assert len(found) == 1


def test_every_reply_is_guarded(client):
    for path in (ANN, f"{ANN}/study", "/r/wrong", "/", f"{ANN}/images/{images(client)[0]}.png"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in headers
    assert "unsafe" not in client.get(ANN).headers["Content-Security-Policy"]


def test_told_or_not(tmp_path):
    design = tiny_reader_study.tiny_design(told=True, blocks=(Block(1, 1, True), Block(3, 2)))
    client = serve(tiny_reader_study.write_tiny_study(tmp_path / "study", design))
    study = client.get(f"{ANN}/study").json
    assert study["told"] == {"real": 3, "fake": 2}
    assert study["blocks"] == [{"num": 2, "practice": True}, {"num": 5, "practice": False}]


def test_logs_tell_neither_tokens_nor_truth(client, monkeypatch, caplog, capsys):
    image = images(client)[0]
    with caplog.at_level(logging.DEBUG):
        client.post(f"{ANN}/answers", json=entry(image))
        client.get("/r/wrong-token")
        monkeypatch.setattr(Answers, "of", lambda *_: 1 / 0)
        assert client.get(f"{ANN}/study").status_code == 500
    told = caplog.text + "".join(capsys.readouterr())
    assert "ZeroDivisionError" in told
    assert "token" not in told
    assert image not in told


def test_an_answer_that_cannot_be_stored_is_asked_for_again(client, monkeypatch, capsys):
    image = images(client)[0]

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Answers, "_store", full)
        assert client.post(f"{ANN}/answers", json=entry(image)).status_code == 503
    assert "disk is full" in capsys.readouterr().err
    assert client.post(f"{ANN}/answers", json=entry(image)).json == {"saved": True, "stored": 1}


@pytest.fixture
def listening(folder):
    """A real server; gives its port."""
    opened = server.open_server(folder, "127.0.0.1", 0)
    thread = threading.Thread(target=opened.run, daemon=True)
    thread.start()
    yield opened.effective_port
    opened.trigger.pull_trigger(opened.close)


def test_raw_requests(listening):
    def status(method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", listening, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", "localhost"), *headers):
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, reply.headers, content

    assert status("GET", ANN)[0] == 200
    for path in (f"{ANN}/images/../../../private/key.csv", "/../private/key.csv", "//r//"):
        code, _, content = status("GET", path)
        assert code == 404
        assert b"truth" not in content
    assert status("POST", f"{ANN}/answers", None, [("Content-Length", "999999999")])[0] == 413
    assert "waitress" not in str(status("GET", ANN)[1])


def test_a_port_in_use_is_named(folder, listening):
    with pytest.raises(UserError, match=f"port {listening} .* is in use"):
        server.open_server(folder, "127.0.0.1", listening)
    with pytest.raises(UserError, match=r"--host=203\.0\.113\.1"):
        server.open_server(folder, "203.0.113.1", 0)


def test_the_server_imports_no_jax():
    program = (
        "import sys; from dermgan_jax.readers import server; "
        "sys.exit(bool({'jax', 'tensorflow', 'flax'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_command_refuses_what_is_no_study(tmp_path, capsys):
    assert call("readers_serve", f"--workdir={tmp_path}") == 2
    assert "holds no reader study" in capsys.readouterr().err
    for wrong in ("--port=70000", "--port=-1", "--host=example", "--host=1.2.3"):
        assert call("readers_serve", f"--workdir={tmp_path}", wrong) == 2
        assert wrong.partition("=")[2] in capsys.readouterr().err


def test_command_refuses_a_study_that_was_not_released(folder, capsys):
    assert call("readers_serve", f"--workdir={folder.path}", "--port=0") == 3
    assert "self-test" in capsys.readouterr().err


def test_command_shows_links_and_warns(folder, capsys, monkeypatch):
    class Stopped:
        effective_port = 8701

        def run(self):
            """As if Ctrl-C had been pressed."""

    monkeypatch.setattr(self_test, "require_released", lambda folder: None)
    monkeypatch.setattr(server, "open_server", lambda *_: Stopped())
    assert call("readers_serve", f"--workdir={folder.path}") == 0
    told = capsys.readouterr()
    assert "http://127.0.0.1:8701/r/token-of-ann" in told.out
    assert str(folder.answers) in told.out
    assert told.err == ""
    assert call("readers_serve", f"--workdir={folder.path}", "--host=0.0.0.0") == 0
    assert "unencrypted" in capsys.readouterr().err


def test_questions_of_every_kind_reach_the_page(tmp_path):
    names = ("real", "confidence", "class", "realism", "comment")
    design = tiny_reader_study.tiny_design(
        questions=tuple(question(name, ("nv", "mel")) for name in names), classes=("nv", "mel")
    )
    folder = tiny_reader_study.write_tiny_study(tmp_path / "study", design)
    study = serve(StudyFolder(folder.path)).get(f"{ANN}/study").json
    assert [each["name"] for each in study["questions"]] == list(names)
    assert study["questions"][2]["options"] == ["nv", "mel", "none"]
    assert not study["questions"][4]["required"]
