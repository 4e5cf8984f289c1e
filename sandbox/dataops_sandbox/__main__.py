"""Run the sandbox for a demo: ``python -m dataops_sandbox``."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import signal
import sys
from pathlib import Path

from dataops_sandbox.platform import Settings
from dataops_sandbox.rules import validate_options
from dataops_sandbox.server import Sandbox


def _seconds(text: str) -> float:
    return validate_options(Settings, {"run_seconds": float(text)}).run_seconds


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m dataops_sandbox",
        description="The platforms of airflow-provider-dataops on one port, for demos and tests.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, only this machine)"
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="allow a --host that other machines can reach; every client can then control the sandbox",
    )
    parser.add_argument(
        "--port", type=int, default=8099, help="port (default: %(default)s; 0: any free port)"
    )
    parser.add_argument(
        "--run-seconds",
        type=_seconds,
        default=2.0,
        help="how many seconds a run takes (default: %(default)s)",
    )
    parser.add_argument("--ready-file", type=Path, help="write the URL to this file when the server is ready")
    arguments = parser.parse_args(argv)
    if not arguments.allow_remote and not _is_loopback(arguments.host):
        parser.error(f"{arguments.host} is not a loopback address: add --allow-remote to listen on it")
    return arguments


def _announce(sandbox: Sandbox) -> None:
    write = sys.stdout.write
    write(f"sandbox   {sandbox.url}\ncontrol   {sandbox.url}/_sandbox/health\n")
    for name, platform in sandbox.platforms.items():
        write(f"{name:<14}{platform.base_url}\n")
    for name in sandbox.platforms:
        write(f"AIRFLOW_CONN_{name.upper()}_DEFAULT='{json.dumps(sandbox.connection(name))}'\n")
    sys.stdout.flush()


async def _run(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if arguments.ready_file:
        # Remove the file of an earlier sandbox, because a killed sandbox does not delete its file.
        arguments.ready_file.unlink(missing_ok=True)
    sandbox = Sandbox(arguments.host, arguments.port, run_seconds=arguments.run_seconds)
    async with sandbox.serving():
        _announce(sandbox)
        if arguments.ready_file:
            # Write a temporary file and rename it: a process that waits for this file must not read a part.
            partial = arguments.ready_file.with_suffix(".partial")
            partial.write_text(sandbox.url)
            partial.replace(arguments.ready_file)
        try:
            await stopped.wait()
        finally:
            if arguments.ready_file:
                arguments.ready_file.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    :return: exit status: 0 after a signal, 1 if the sandbox cannot serve
    """
    arguments = _arguments(argv)
    try:
        asyncio.run(_run(arguments))
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"cannot serve on {arguments.host}:{arguments.port}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
