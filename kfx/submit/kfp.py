"""Submits compiled pipelines to open-source Kubeflow Pipelines with kfp's own client.

`kfp.Client` knows the ways in (a token, cookies, IAP, the cluster's own service account, a kubeconfig); this adds what
it lacks: it prints links to stdout, its wait does not end for a cancelled run, and its errors are an HTTP dump.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from kfx.errors import PermanentError, TransientError, UsageError
from kfx.secret import Secret
from kfx.submit.schedule import Schedule
from kfx.unreachable import why_unreachable

_ENDED = {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"}
_LOST_POLLS = 20
_MESSAGE_LIMIT = 300


@dataclass(frozen=True)
class Server:
    """A KFP API and the way in."""

    host: str = ""
    """Its URL; empty for the cluster this runs in, or the one of the kubeconfig."""

    namespace: str = ""
    """Kubernetes namespace of the runs, where KFP serves several users; empty for one user."""

    token: Secret | None = None
    """Bearer token."""

    cookies: Secret | None = None
    """Cookie header of a login (Dex, OAuth2 proxy)."""

    iap_client_id: str = ""
    """OAuth client id of Google's Identity-Aware Proxy in front of it."""

    ca_cert: str = ""
    """PEM file of the authority that signed its certificate."""


@dataclass(frozen=True)
class KfpRun:
    """One run to create."""

    spec: Mapping[str, Any]
    """The compiled pipeline, ready to send."""

    platforms: Mapping[str, Any]
    """Its kfp-kubernetes settings; empty without."""

    name: str
    """The run's name in the UI."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values of the pipeline's parameters, already checked."""

    experiment: str = ""
    """Experiment of the run, made if absent; empty for `Default`."""

    pipeline_root: str = ""
    """Where tasks write; empty for the server's own."""

    service_account: str = ""
    """Kubernetes service account of the tasks; empty for the server's."""


def connect(server: Server) -> Any:
    """Returns kfp's client.

    Raises:
        UsageError: No host is given and there is no cluster here.
        PermanentError: The server refuses.
        TransientError: It cannot be reached.
    """
    if urlsplit(server.host).username is not None:
        raise UsageError("The host's address holds a user or a password. Leave it out, and give --token env:NAME.")
    with _errors(server.host):
        import kfp

        return kfp.Client(
            host=server.host or None,
            namespace=server.namespace or "kubeflow",
            existing_token=server.token.reveal() if server.token else None,
            cookies=server.cookies.reveal() if server.cookies else None,
            client_id=server.iap_client_id or None,
            ssl_ca_cert=server.ca_cert or None,
        )


def create(client: Any, server: Server, run: KfpRun) -> dict[str, Any]:
    """Creates the run.

    Args:
        client: Of `connect`.
        server: Where.
        run: What.

    Returns:
        The v2beta1 Run as JSON.
    """
    with _errors(server.host), _package(run) as path:
        made = client.create_run_from_pipeline_package(
            pipeline_file=str(path),
            arguments=dict(run.parameters),
            run_name=run.name,
            experiment_name=run.experiment or None,
            namespace=server.namespace or None,
            pipeline_root=run.pipeline_root or None,
            service_account=run.service_account or None,
        )
    return _json(made.run_info)


def create_recurring(client: Any, server: Server, run: KfpRun, when: Schedule) -> str:
    """Creates a recurring run.

    KFP's cron expressions have a sixth field, the seconds, in front, and are meant in the server's time zone.

    Returns:
        Its id.

    Raises:
        UsageError: The schedule has a time zone or a number of runs, which KFP has no field for.
    """
    if when.time_zone or when.max_runs:
        raise UsageError("KFP's recurring runs have no --time-zone (the server's holds) and no --max-runs.")
    with _errors(server.host), _package(run) as path:
        experiment = client.create_experiment(run.experiment or "Default", namespace=server.namespace or None)
        made = client.create_recurring_run(
            experiment_id=experiment.experiment_id,
            job_name=run.name,
            cron_expression=f"0 {when.cron}",
            start_time=when.start_time or None,
            end_time=when.end_time or None,
            max_concurrency=when.max_concurrent_runs,
            no_catchup=True,
            params=dict(run.parameters),
            pipeline_package_path=str(path),
            pipeline_root=run.pipeline_root or None,
            service_account=run.service_account or None,
        )
    return str(made.recurring_run_id)


def get(client: Any, server: Server, run_id: str) -> dict[str, Any]:
    """Returns a v2beta1 Run as JSON."""
    with _errors(server.host):
        found = client.get_run(run_id)
    return _json(found)


def _json(run: Any) -> dict[str, Any]:
    document: dict[str, Any] = importlib.import_module("kfp_server_api").ApiClient().sanitize_for_serialization(run)
    return document


def watch(
    client: Any, server: Server, run_id: str, on_change: Callable[[Mapping[str, Any]], None], poll_s: float
) -> dict[str, Any]:
    """Waits until a run has ended, cancelled ones included; a server out of reach for a while does not end the wait.

    Args:
        client: Of `connect`.
        server: Where.
        run_id: The run.
        on_change: Called with every Run read.
        poll_s: Seconds between two reads.

    Returns:
        The Run in its last state.
    """
    lost = 0
    while True:
        try:
            document = get(client, server, run_id)
            lost = 0
        except TransientError:
            lost += 1
            if lost >= _LOST_POLLS:
                raise
        else:
            on_change(document)
            if document.get("state") in _ENDED:
                return document
        time.sleep(poll_s)


def page(server: Server, kind: str, name: str) -> str:
    """Returns the UI's page of a run (`runs`) or a recurring run (`recurringrun`); empty without a host."""
    return f"{server.host.rstrip('/')}/#/{kind}/details/{name}" if server.host else ""


@contextlib.contextmanager
def _package(run: KfpRun) -> Iterator[Path]:
    """Writes the pipeline as the file kfp's client reads."""
    documents = [dict(run.spec)] + ([{"platforms": dict(run.platforms)}] if run.platforms else [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_text(yaml.safe_dump_all(documents, sort_keys=True), encoding="utf-8")
        yield path


@contextlib.contextmanager
def _errors(host: str) -> Iterator[None]:
    """Tells the client's errors as ours, and sends what it prints to stderr."""
    import urllib3

    api = importlib.import_module("kfp_server_api")
    where = host or "the cluster's KFP API"
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore", FutureWarning)
            yield
    except api.ApiException as error:
        message = f"{where} answers {error.status}: {_message(error)}"
        if error.status in (401, 403):
            message += " Give --token, --cookies or --iap-client-id of an account that may create runs."
        raise (TransientError if error.status in (429, 502, 503, 504) else PermanentError)(message) from error
    except (urllib3.exceptions.HTTPError, TimeoutError) as error:
        raise TransientError(f"{where} cannot be reached ({why_unreachable(error)}).") from error


def _message(error: Any) -> str:
    """The server's own message (google.rpc.Status), or the beginning of what it sent."""
    try:
        body = json.loads(error.body)
        return str(body.get("message") or body.get("error") or body)
    except (ValueError, TypeError, AttributeError):
        return str(error.body or error.reason)[:_MESSAGE_LIMIT]
