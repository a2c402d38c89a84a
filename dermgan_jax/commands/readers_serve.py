"""dermgan readers_serve: lets the readers of a study answer over the network."""

import argparse
import contextlib
import ipaddress
import signal
import socket
import sys

from dermgan_jax import interruption
from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command

PORT, HOST = 8700, "127.0.0.1"


def _port(text: str) -> int:
    number = flags.natural(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: they end at 65535")
    return number


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, "the study's folder, made by readers_design")
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help=f"where the server listens, 0 for any free one; default {PORT}",
    )
    parser.add_argument(
        "--host",
        type=_address,
        default=HOST,
        metavar="ADDRESS",
        help=f"address of this machine where it listens; default {HOST}, this machine only",
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if text == "localhost" else text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address, such as 127.0.0.1 (this machine only) or 0.0.0.0 (all)"
        ) from None


def _origin(host: str, port: int) -> str:
    """Where browsers find the server."""
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = socket.gethostname()
    elif address.version == 6:
        host = f"[{host}]"
    return f"http://{host}:{port}"


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.readers import self_test, server
    from dermgan_jax.readers.answers import Answers
    from dermgan_jax.readers.folder import StudyFolder

    folder = StudyFolder(args.workdir)
    design = folder.read_design()
    self_test.require_released(folder)
    if not ipaddress.ip_address(args.host).is_loopback:
        print(
            f"warning: --host={args.host} can be reached from other machines, and links and "
            "answers travel unencrypted: use a network that you trust, a reverse proxy with TLS, "
            "or an SSH tunnel to the default host",
            file=sys.stderr,
        )
    with contextlib.closing(Answers(folder.answers)) as stored:
        given = stored.entries()
    listening = server.open_server(folder, args.host, args.port)
    origin = _origin(args.host, listening.effective_port)
    found = server.links(folder.read_tokens(), origin)
    width = max(map(len, found))
    print(f"{design.title}: a link for each reader, for nobody else")
    done = {reader: len({each.image for each in own}) for reader, own in given.items()}
    asked = {reader: len(items) for reader, items in folder.read_orders().items()}
    for reader, link in found.items():
        print(f"  {reader:{width}s}  {link}  {done.get(reader, 0)} of {asked[reader]} answered")
    print(f"answers go to {folder.answers}; Ctrl-C stops, the same command goes on", flush=True)
    # A shell that starts it in the background has Ctrl-C ignored, and SIGTERM would end it midway.
    interruption.raise_in_python()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listening.run()
    print("stopped; all answers are stored")


COMMAND = Command(
    "readers_serve",
    "serves a reader study: a page for each reader, answers stored one by one",
    "readers_serve --workdir=runs/study\nreaders_serve --workdir=runs/study --port=8701",
    _add_flags,
    _run,
)
