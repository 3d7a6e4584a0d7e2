"""A message as plain text, HTML and Markdown: the shapes that several channels and the report share."""

from __future__ import annotations

import html as markup
import re

from kfx.notify.message import FailedTask, Message
from kfx.notify.text import cut

SYMBOLS = {"succeeded": "✔", "failed": "✖", "cancelled": "■", "running": "▶", "unknown": "?"}
_COLOURS = {"succeeded": "#1a7f37", "failed": "#cf222e", "cancelled": "#6e7781", "running": "#0969da"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")
TASKS_SHOWN = 20
"""Failed tasks a message lists; the rest are counted."""


def symbol(message: Message) -> str:
    """Returns the sign that stands for the message's outcome."""
    if message.phase == "started":
        return SYMBOLS["running"]
    return SYMBOLS["unknown" if message.outcome.state == "running" else message.outcome.state]


def plain(message: Message, *, limit: int = 20_000) -> str:
    """Returns the message as text for a console or a mail's plain part, cut to `limit` characters."""
    lines = [f"{symbol(message)} [{message.severity}] {message.title}"]
    if message.text:
        lines += ["", message.text]
    lines += [""] + [f"{label + ':':<14}{value}" for label, value in message.facts.items()]
    if _says_more(message):
        lines += ["", message.outcome.error_message]
    for task in message.failed[:TASKS_SHOWN]:
        lines += ["", f"Task {task.name} failed:", *_indented(task.error or "The platform gives no reason.")]
        lines += ["  Last log lines:", *_indented(task.log, "    ")] if task.log else []
        lines += [f"  Logs: {task.log_url}"] if task.log_url else []
    lines += _more(message)
    if message.metrics:
        lines += ["", "Metrics:"] + [f"  {name} = {value}" for name, value in message.metrics.items()]
    lines += [""] if message.links else []
    lines += [f"{link.text}: {link.url}" for link in message.links]
    lines += [""] + [f"Note: {note}" for note in message.notes] if message.notes else []
    return cut("\n".join(lines).rstrip(), limit) + "\n"


def html(message: Message, *, limit: int = 100_000) -> str:
    """Returns the message as an HTML fragment, every foreign text escaped; `limit` bounds each task's share."""
    colour = _COLOURS.get("running" if message.phase == "started" else message.outcome.state, "#9a6700")
    rows = "".join(
        f'<tr><td style="padding:2px 16px 2px 0;color:#57606a">{_esc(label)}</td><td>{_esc(value)}</td></tr>'
        for label, value in message.facts.items()
    )
    share = limit // max(1, min(TASKS_SHOWN, len(message.failed)))
    parts = [
        '<div style="font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;color:#24292f;max-width:760px">',
        f'<h2 style="border-left:6px solid {colour};padding-left:10px;font-size:18px">{_esc(message.title)}</h2>',
        f'<p style="white-space:pre-wrap">{_esc(message.text)}</p>' if message.text else "",
        f'<table style="border-collapse:collapse;font-size:14px">{rows}</table>',
        f"<p>{_esc(message.outcome.error_message)}</p>" if _says_more(message) else "",
        *(_html_task(task, share) for task in message.failed[:TASKS_SHOWN]),
        *(f"<p>{_esc(line)}</p>" for line in _more(message) if line),
        _html_metrics(message),
        *(f"<p>{_html_link(link.text, link.url)}</p>" for link in message.links),
        *(f'<p style="color:#57606a"><em>{_esc(note)}</em></p>' for note in message.notes),
        "</div>",
    ]
    return "\n".join(part for part in parts if part)


def markdown(message: Message, *, limit: int = 60_000) -> str:
    """Returns the message as Markdown (CommonMark with tables), every foreign text escaped."""
    share = max(200, limit // max(1, 2 * min(TASKS_SHOWN, len(message.failed))))
    lines = [f"## {symbol(message)} {escape_markdown(message.title)}", ""]
    lines += [escape_markdown(message.text), ""] if message.text else []
    lines += ["| | |", "|---|---|"]
    lines += [f"| {escape_markdown(label)} | {escape_markdown(value)} |" for label, value in message.facts.items()]
    lines += ["", *_fenced(message.outcome.error_message, share)] if _says_more(message) else []
    for task in message.failed[:TASKS_SHOWN]:
        lines += ["", f"### Task {escape_markdown(task.name)} failed", ""]
        lines += _fenced(task.error or "The platform gives no reason.", share)
        lines += ["", "Last log lines:", "", *_fenced(task.log, share)] if task.log else []
        lines += ["", f"[Logs](<{_address(task.log_url)}>)"] if task.log_url else []
    lines += _more(message)
    if message.metrics:
        lines += ["", "| Metric | Value |", "|---|---|"]
        lines += [f"| {escape_markdown(name)} | {escape_markdown(value)} |" for name, value in message.metrics.items()]
    for link in message.links:
        shown = f"[{link.text}](<{_address(link.url)}>)" if "://" in link.url else f"{link.text}: `{link.url}`"
        lines += ["", shown]
    lines += [f"\n> {escape_markdown(note)}" for note in message.notes]
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Escapes everything Markdown would read as markup; a pipe and a line break too, for table cells."""
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", "  \n") if "\n" in text else _MARKDOWN.sub(r"\\\1", text)


def _says_more(message: Message) -> bool:
    """Whether the platform's message tells something the failed tasks' own errors do not."""
    return bool(message.outcome.error_message) and not any(task.error for task in message.failed)


def _more(message: Message) -> list[str]:
    left = len(message.failed) - TASKS_SHOWN
    return ["", f"and {left} more failed tasks"] if left > 0 else []


def _indented(text: str, by: str = "  ") -> list[str]:
    return [by + line for line in text.splitlines()]


def _fenced(text: str, limit: int) -> list[str]:
    """Puts a text into a code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, cut(text, limit), fence]


def _html_task(task: FailedTask, limit: int) -> str:
    block = 'style="background:#f6f8fa;padding:10px;white-space:pre-wrap;font-size:12px"'
    error = _esc(cut(task.error or "The platform gives no reason.", limit))
    log = f"<p>Last log lines:</p><pre {block}>{_esc(cut(task.log, limit))}</pre>" if task.log else ""
    link = f"<p>{_html_link('Logs', task.log_url)}</p>" if task.log_url else ""
    return f"<h3>Task {_esc(task.name)} failed</h3><pre {block}>{error}</pre>{log}{link}"


def _html_metrics(message: Message) -> str:
    if not message.metrics:
        return ""
    rows = "".join(f"<tr><td>{_esc(name)}</td><td>{_esc(value)}</td></tr>" for name, value in message.metrics.items())
    return f'<table border="1" cellpadding="6" style="border-collapse:collapse">{rows}</table>'


def _html_link(text: str, url: str) -> str:
    if not url.startswith(("https://", "http://")):
        return f"{_esc(text)}: <code>{_esc(url)}</code>"
    return f'<a href="{_esc(url)}">{_esc(text)}</a>'


def _address(url: str) -> str:
    return url.replace("<", "%3C").replace(">", "%3E").replace("\n", "")


def _esc(text: str) -> str:
    return markup.escape(text, quote=True)
