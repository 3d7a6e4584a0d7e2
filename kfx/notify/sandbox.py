"""The child process that evaluates conditions: a Jinja2 sandbox inside limits of memory and CPU time.

It reads one JSON document from standard input and answers one JSON line for each condition. It holds no secret: its
parent gives it neither the environment nor any resolved parameter.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OUTPUT_LIMIT = 1000
"""Characters of a rendered condition that are looked at; a word for no is short."""


def main() -> None:
    """Answers `{"ready": true}`, then `{"text": ...}` or `{"error": ...}` for each condition."""
    work: dict[str, Any] = json.load(sys.stdin)
    _limit(work["memory_bytes"], work["cpu_s"])
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    _say(ready=True)
    for item in work["items"]:
        _say(**_answer(environment, item, work["run"]))


def _answer(environment: Any, item: dict[str, Any], run: dict[str, Any]) -> dict[str, str]:
    try:
        text = environment.from_string(item["condition"]).render(run=run, notification=item["notification"])
    except Exception as error:  # noqa: BLE001 - a template may raise anything; all of it is an answer
        return {"error": f"{type(error).__name__}: {error}"[:OUTPUT_LIMIT]}
    return {"text": text[:OUTPUT_LIMIT]}


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Bounds address space and CPU time, as far as the system lets a process bound itself."""
    import resource

    for kind, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_s)):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        try:
            resource.setrlimit(kind, (limit, hard))
        except (ValueError, OSError) as error:  # macOS refuses a limit below what is in use
            print(f"The condition's limit {kind} is not set: {error}", file=sys.stderr)


def _say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)
