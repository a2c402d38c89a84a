"""dermgan readers_serve: lets the readers of a study answer over the network."""

import argparse
import ipaddress
import sys

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
        default=HOST,
        metavar="ADDRESS",
        help=f"address of this machine where it listens; default {HOST}, this machine only",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.readers import self_test, server
    from dermgan_jax.readers.folder import StudyFolder

    folder = StudyFolder(args.workdir)
    design = folder.read_design()
    self_test.require_released(folder)
    if not _is_loopback(args.host):
        print(
            f"warning: --host={args.host} can be reached from other machines, and links and "
            "answers travel unencrypted: use a network that you trust, a reverse proxy with TLS, "
            "or an SSH tunnel to the default host",
            file=sys.stderr,
        )
    listening = server.open_server(folder, args.host, args.port)
    host = f"[{args.host}]" if ":" in args.host else args.host
    found = server.links(folder.read_tokens(), f"http://{host}:{listening.effective_port}")
    width = max(map(len, found))
    print(f"{design.title}: a link for each reader, for nobody else")
    print("\n".join(f"  {reader:{width}s}  {link}" for reader, link in found.items()))
    print(f"answers go to {folder.answers}; Ctrl-C stops, the same command goes on", flush=True)
    listening.run()
    print("stopped; all answers are stored")


COMMAND = Command(
    "readers_serve",
    "serves a reader study: a page for each reader, answers stored one by one",
    "readers_serve --workdir=runs/study\nreaders_serve --workdir=runs/study --port=8701",
    _add_flags,
    _run,
)
