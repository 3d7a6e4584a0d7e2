"""`kfx notify`: see what notifications would say, test them, send them from a shell or a CI job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kfx.notify import Announcement, Notification
    from kfx.notify.situation import Situation

_INCIDENT = ("pagerduty", "sent")

_config = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML or JSON file with a list of notifications.",
)
_kind = click.option("--kind", help="Only this kind; without --config, the kind to use.")
_params = click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; JSON or text.")
_secrets = click.option("--secret", "secrets", multiple=True, metavar="NAME=REFERENCE", help="env:, file: or gsm:.")


@click.group("notify")
def notify() -> None:
    """Preview, test and send notifications.

    They are given as a file (--config) or as one on the command line (--kind, --param, --secret).
    """


@notify.command("preview")
@click.option(
    "--status",
    default="sample:failed",
    show_default=True,
    help="A final status as a JSON file, or sample: and succeeded, failed, cancelled, unknown or started.",
)
@_config
@_kind
@_params
@_secrets
def preview_(status: str, config: Path | None, kind: str, params: tuple[str, ...], secrets: tuple[str, ...]) -> None:
    """Print the exact bytes each notification would send, secrets masked, or why it would send nothing."""
    from kfx.notify.preview import preview

    for made in preview(_read(config, kind, params, secrets), _situation(status)):
        click.secho(f"--- {made.heading}", bold=True, err=True)
        if made.content:
            click.echo(made.content, nl=not made.content.endswith(b"\n"))


@notify.command("test")
@_config
@_kind
@_params
@_secrets
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def test_(config: Path | None, kind: str, params: tuple[str, ...], secrets: tuple[str, ...], output: str) -> None:
    """Send each notification once, marked as a test, whatever its rules say.

    The state it tells is unknown: nothing has succeeded or failed. PagerDuty gets an incident of the test's own, which
    is resolved at once.
    """
    from dataclasses import replace

    from kfx.notify import announce

    always = [_as_test(one) for one in _read(config, kind, params, secrets)]
    told = announce({"state": "TEST"}, always, pipeline="TEST of kfx notify", look_up_s=0, quiet=True)
    raised = [one for one, sent in zip(always, told.deliveries, strict=True) if (one.kind, sent.status) == _INCIDENT]
    if raised:
        resolved = announce({"state": "SUCCEEDED"}, raised, pipeline="TEST of kfx notify", look_up_s=0, quiet=True)
        told = replace(told, deliveries=(*told.deliveries, *resolved.deliveries))
    _end(told, output)


@notify.command("send")
@click.option(
    "--status",
    required=True,
    help="How it ended: a word such as succeeded or failed, or a final status as a JSON file.",
)
@click.option("--run-name", default="", help="What ended, for the message.")
@click.option("--message", default="", help="Your own words; for every notification that has none.")
@click.option("--state-dir", default="", help="Where to remember what was sent; the same send is then not repeated.")
@_config
@_kind
@_params
@_secrets
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def send(status: str, run_name: str, message: str, state_dir: str, output: str, **given: Any) -> None:
    """Tell people from a shell or a CI job how something ended.

    A notification given on the command line goes out for every status; one from a file follows its own rules.
    """
    from dataclasses import replace

    from kfx.notify import announce

    notifications = _read(given["config"], given["kind"], given["params"], given["secrets"])
    told = [replace(one, message=one.message or message) for one in notifications]
    how = Path(status).read_text(encoding="utf-8") if Path(status).is_file() else {"state": status}
    _end(announce(how, told, pipeline=run_name, state_dir=state_dir, quiet=True), output)


@notify.command("kinds")
@click.option("--output", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def kinds_(output: str) -> None:
    """List the kinds of notification with their parameters."""
    from kfx.notify.channel import described

    found = described()
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    elif output == "markdown":
        click.echo("\n\n".join(map(_kind_as_markdown, found)))
    else:
        for kind in found:
            _print_kind(kind)


def _print_kind(kind: dict[str, Any]) -> None:
    click.secho(kind["kind"], bold=True, nl=False)
    click.echo(f"  {kind['about']}" + (f" Needs {kind['needs']}." if kind["needs"] else ""))
    for parameter in kind["parameters"]:
        notes = [parameter["type"], "secret" if parameter["secret"] else "", *parameter["env"]]
        click.echo(f"    {parameter['name']:<24}{parameter['doc']} ({', '.join(filter(None, notes))})")


def _kind_as_markdown(kind: dict[str, Any]) -> str:
    lines = [f"### `{kind['kind']}`", "", kind["about"] + (f" Needs {kind['needs']}." if kind["needs"] else "")]
    if kind["parameters"]:
        lines += ["", "| Parameter | Type | Default | What it is | From the environment |", "|---|---|---|---|---|"]
    for parameter in kind["parameters"]:
        sort = "secret" if parameter["secret"] else parameter["type"]
        default = "" if parameter["default"] in (None, "", [], {}) else f"`{json.dumps(parameter['default'])}`"
        env = ", ".join(f"`{name}`" for name in parameter["env"])
        lines.append(f"| `{parameter['name']}` | {sort} | {default} | {parameter['doc']} | {env} |")
    return "\n".join(lines)


def _read(
    config: Path | None, kind: str | None, params: tuple[str, ...], secrets: tuple[str, ...]
) -> tuple[Notification, ...]:
    """Reads the notifications a command was given."""
    from kfx.errors import UsageError
    from kfx.notify import Notification, load

    if config:
        found = tuple(one for one in load(config) if kind in (None, one.kind))
        if params or secrets:
            raise UsageError("--param and --secret describe one notification by --kind; --config has its own.")
        if not found:
            raise UsageError(f"{config} holds no notification" + (f" of kind {kind!r}." if kind else "."))
        return found
    if not kind:
        raise UsageError("Say what to send: --config FILE, or --kind KIND with --param and --secret.")
    given = {name: _value(text) for name, text in map(_pair, params)}
    ends = ("completed", "error", "aborted")
    return (Notification(kind=kind, when=ends, params=given, secret_params=dict(map(_pair, secrets))),)


def _pair(text: str) -> tuple[str, str]:
    from kfx.errors import UsageError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is no NAME=VALUE.")
    return name, value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _situation(status: str) -> Situation:
    from kfx.errors import UsageError
    from kfx.notify.preview import sample
    from kfx.notify.situation import Situation
    from kfx.outcome import Outcome

    if status.startswith("sample:"):
        return sample(status.removeprefix("sample:"))
    try:
        text = Path(status).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The status {status!r} cannot be read: {error.strerror}. Try sample:failed.") from error
    return Situation(Outcome.read(text))


def _as_test(one: Notification) -> Notification:
    """Marks a notification as a test that goes out in any state and touches no real incident."""
    from dataclasses import replace

    mark = f"This is a test of a notification; no run has ended. {one.message}".strip()
    params = {**one.params, "dedup_key": "kfx-notify-test"} if one.kind == "pagerduty" else one.params
    return replace(one, when=("completed",), on_failure_only=False, condition="", message=mark, params=params)


def _end(announcement: Announcement, output: str) -> None:
    """Prints what became of each and raises when one failed, so that a CI job sees it."""
    from kfx.errors import PermanentError
    from kfx.notify import report

    if output == "json":
        click.echo(json.dumps(report.document(announcement.message, announcement.deliveries), indent=2))
    else:
        for one in announcement.deliveries:
            click.echo(report.line(one).removeprefix("kfx notify: "))
    if announcement.failures:
        raise PermanentError(f"{len(announcement.failures)} of {len(announcement.deliveries)} were not delivered.")
