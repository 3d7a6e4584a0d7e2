"""How long an exit task takes to tell: from the start of its process to the byte on the wire, and to its end.

    python benchmarks/notify.py                 the table of docs/notifications.md
    python benchmarks/notify.py --runs 15 --answer-ms 100

Every measurement is a process of its own, which runs the command of the component `notify_slack` (one message) or
`notify` (1, 10 and 50) exactly as a platform does, against a Slack on loopback that takes --answer-ms to answer. It
stands beside the least a script can do: import slack_sdk, post. Medians are printed; nothing leaves the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kfx import components

BARE = """
import os
from slack_sdk import WebClient
client = WebClient(token=os.environ["TOKEN"], base_url=os.environ["SLACK_API_URL"])
client.chat_postMessage(channel="#ml", text="failed")
"""
STATUS = {
    "state": "FAILED",
    "error": {"code": 9, "message": "The DAG failed."},
    "pipelineJobResourceName": "train-7xk2p",
    "pipelineTaskName": "exit-handler-1",
}


class Slack:
    """Says ok after a while and notes when each request's first byte was read."""

    def __init__(self, answer_s: float) -> None:
        """Starts to listen."""
        self.arrived: list[float] = []
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Prints nothing."""

            def do_POST(self) -> None:
                """Takes a message."""
                slack.arrived.append(time.perf_counter())
                self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(answer_s)
                body = b'{"ok": true, "channel": "C1", "ts": "1.2"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def command(component: Any, folder: Path, **values: Any) -> list[str]:
    """Returns the command a platform runs for a component."""
    inputs = component.component_spec.inputs
    defaults = {name: spec.default for name, spec in inputs.items() if spec.default is not None}
    artifacts = {
        name: {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": str(folder / name)}]}
        for name, kind in {"message": "system.Markdown", "report": "system.Artifact"}.items()
    }
    document = {
        "inputs": {"parameterValues": {**defaults, "status": STATUS, **values}},
        "outputs": {"artifacts": artifacts, "outputFile": str(folder / "output.json")},
    }
    function = component.python_func.__name__
    arguments = ["--executor_input", json.dumps(document), "--function_to_execute", function]
    return [*component.component_spec.implementation.container.command, *arguments]


def median(values: list[float]) -> float:
    """Returns the middle value, of two the lower. (Beside this file, `import statistics` is a benchmark's name.)"""
    return sorted(values)[(len(values) - 1) // 2]


def once(slack: Slack, words: list[str], expected: int) -> tuple[float, float, float]:
    """Returns seconds to the first request's first byte, to the last one's, and to the process's end."""
    env = {**os.environ, "TOKEN": "xoxb-benchmark", "SLACK_API_URL": slack.url}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    slack.arrived.clear()
    started = time.perf_counter()
    subprocess.run(words, env=env, check=True, capture_output=True)
    ended = time.perf_counter() - started
    assert len(slack.arrived) == expected, (len(slack.arrived), expected)
    return slack.arrived[0] - started, slack.arrived[-1] - started, ended


def ways(root: Path) -> dict[str, tuple[list[str], int]]:
    """Returns what is measured: label -> command and how many messages it sends."""
    one = {"kind": "slack", "when": ["error"], "params": {"channel": "#ml"}, "secret_params": {"token": "env:TOKEN"}}
    made: dict[str, tuple[list[str], int]] = {"bare slack_sdk script, 1 message": ([sys.executable, "-c", BARE], 1)}
    for count in (0, 1, 10, 50):
        folder = root / str(count)
        folder.mkdir()
        if count:
            values: dict[str, Any] = {"notifications": [one] * count}
            words = command(components.notify, folder, **values)
        else:
            words = command(components.notify_slack, folder, channel="#ml", token="env:TOKEN")  # noqa: S106
        # Emptied before each run: kfx would not send the same message of the same run twice.
        script = ["sh", "-c", f'rm -rf "{folder}"/*; exec "$@"', "sh", *words]
        made[f"notify, {count} notification{'s' * (count > 1)}" if count else "notify_slack"] = (script, count or 1)
    return made


def main() -> None:
    """Measures and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="measurements of each way")
    parser.add_argument("--answer-ms", type=float, default=100, help="how long Slack takes to answer")
    given = parser.parse_args()
    slack = Slack(given.answer_ms / 1000)
    with tempfile.TemporaryDirectory() as root:
        measured = ways(Path(root))
        taken: dict[str, list[tuple[float, float, float]]] = {label: [] for label in measured}
        # In turns, so that whatever else the machine does falls on all alike; the first turn warms the file cache.
        for turn in range(given.runs + 1):
            for label, (words, expected) in measured.items():
                times = once(slack, words, expected)
                if turn:
                    taken[label].append(times)
    rows = [(label, [median(list(column)) for column in zip(*times, strict=True)]) for label, times in taken.items()]
    bare = rows[0][1]
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, Slack answers after {given.answer_ms:g} ms\n")
    print("| exit task | first byte on the wire | last message's first byte | process ended | first byte vs bare |")
    print("|---|--:|--:|--:|--:|")
    for label, (first, last, end) in rows:
        print(f"| {label} | {first:.3f} s | {last:.3f} s | {end:.3f} s | {first / bare[0]:.2f}x |")


if __name__ == "__main__":
    main()
