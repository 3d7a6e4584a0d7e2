"""`kfx submit --to kfp`: a pipeline to open-source Kubeflow Pipelines, now or as a recurring run."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from kfx.cli import _submission as submission

if TYPE_CHECKING:
    from kfx.cli._submission import Given
    from kfx.secret import Secret
    from kfx.submit.kfp import KfpRun, Server
    from kfx.submit.schedule import Schedule

_VERTEX_ONLY = {
    "labels": "--label",
    "failure_policy": "--failure-policy",
    "encryption_key": "--encryption-key",
    "psc_network_attachment": "--psc-network-attachment",
}


def submit_to_kfp(reference: str, when: Schedule | None, given: Given) -> int:
    """Compiles, checks and submits a pipeline. Returns the exit code.

    Args:
        reference: PIPELINE of the command line.
        when: When it runs again and again; None to run it once, now.
        given: The options.
    """
    from kfx.submit import kfp

    for name, flag in _VERTEX_ONLY.items():
        if getattr(given, name):
            click.echo(f"Note: KFP has no {flag}; it is left out.", err=True)
    run = _run(reference, given)
    server = kfp.Server(
        host=(given.host or "").rstrip("/"),
        namespace=given.namespace or "",
        token=_secret(given.token),
        cookies=_secret(given.cookies),
        iap_client_id=given.iap_client_id or "",
        ca_cert=given.ca_cert or "",
    )
    client = kfp.connect(server)
    if when is not None:
        made = kfp.create_recurring(client, server, run, when)
        return _told(
            {"schedule": made, "url": kfp.page(server, "recurringrun", made)}, "Created the recurring run", given
        )
    document = kfp.create(client, server, run)
    url = kfp.page(server, "runs", document["run_id"])
    click.echo(f"Created {run.name} ({document['run_id']}): {url}".rstrip(": "), err=given.output == "json")
    if given.wait:
        document = _watch(client, server, document["run_id"], given)
    result = _result(document, url)
    if given.output == "json":
        click.echo(json.dumps(result, indent=2))
    elif given.wait:
        click.echo(f"{run.name} {result['state']}{': ' + result['error'] if result['error'] else ''}")
    return 0 if not given.wait or result["state"] == "succeeded" else 1


def _run(reference: str, given: Given) -> KfpRun:
    """Makes the run from the pipeline and the options, and checks what needs no answer from the server."""
    from kfx.submit import spec
    from kfx.submit.job import new_job_id
    from kfx.submit.kfp import KfpRun

    compiled = submission.compile_given(reference, given)
    values = submission.values(compiled, given)
    name = given.display_name or new_job_id(given.job_id or given.pipeline_name or compiled.name, datetime.now())
    root = given.pipeline_root or ""
    own = {"pipeline_root": root, "service_account": given.service_account or "", "job_id": name}
    parameters, notes = submission.parameters(compiled, values, own)
    spec.check_images(compiled.spec, values, emulated=submission.emulated(given))
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    return KfpRun(
        spec=submission.placed(compiled, values, given),
        platforms=compiled.platforms,
        name=name,
        parameters=parameters,
        experiment=given.experiment or "",
        pipeline_root=root,
        service_account=given.service_account or "",
    )


def _secret(reference: str | None) -> Secret | None:
    from kfx.secret import check_reference, resolve

    if not reference:
        return None
    check_reference(reference)
    return resolve(reference)


def _watch(client: Any, server: Server, run_id: str, given: Given) -> dict[str, Any]:
    """Shows the run's tasks until it has ended."""
    from kfx.cli._display import RunDisplay
    from kfx.runs.kfp import read
    from kfx.submit import kfp

    with RunDisplay() as display:
        try:
            return kfp.watch(client, server, run_id, lambda found: display.update(read(found)), given.poll_seconds)
        except KeyboardInterrupt:
            click.echo(f"\nThe run {run_id} goes on.", err=True)
            raise


def _result(document: dict[str, Any], url: str) -> dict[str, Any]:
    """The run as one JSON object, with the keys of `kfx run --output json`."""
    from kfx.outcome import state_of
    from kfx.runs.kfp import read

    run = read(document)
    own = str((document.get("error") or {}).get("message", ""))
    return {
        "state": state_of(str(document.get("state", ""))),
        "run": run.id,
        "pipeline": run.pipeline,
        "url": url,
        "error": "\n".join(filter(None, [own, *(f"{task.name}: {task.error}" for task in run.failed_tasks)])),
        "metrics": run.metrics,
        "tasks": [dataclasses.asdict(task) for task in run.tasks],
    }


def _told(found: dict[str, str], words: str, given: Given) -> int:
    if given.output == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(f"{words} {found['schedule']}: {found['url']}".rstrip(": "))
    return 0
