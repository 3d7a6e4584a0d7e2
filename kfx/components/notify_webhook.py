"""Calls an HTTP endpoint with how the run ended, and why, as JSON or a CloudEvent.

Use it to tell a service of your own. The body may be yours, with places that are filled in at any depth.

    told = notify_webhook(url="https://hooks.example.com/runs", bearer_token="env:HOOK_TOKEN",
                          override_body={"state": "{{ run.state }}", "runs": "{{ runs }}"})
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...
"""

from typing import Any, Dict

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_webhook(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    url: str = "",
    method: str = "POST",
    headers: Dict[str, str] = {},  # noqa: B006
    override_body: Dict[str, Any] = {},  # noqa: B006
    format: str = "kfx",  # noqa: A002 - the kind's own word
    bearer_token: str = "",
    signing_secret: str = "",
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Calls an HTTP endpoint.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        url: Where it goes, or a reference to it: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        method: GET, POST, PUT, PATCH or DELETE.
        headers: Added to the request; no secrets.
        override_body: JSON in place of the usual body; empty for the usual one.
        format: kfx, or cloudevents for a CloudEvents 1.0 envelope around the body.
        bearer_token: Reference to a token sent as Authorization: Bearer; empty for none.
        signing_secret: Reference to a Standard Webhooks secret (whsec_...) to sign the message with; empty for none.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    params = {"method": method, "headers": headers, "override_body": override_body, "format": format}
    secrets = {"url": url, "bearer_token": bearer_token, "signing_secret": signing_secret}
    told = one("webhook", params, secrets, message=text, on_failure_only=on_failure_only)
    policy: Dict[str, Any] = {"on_delivery_error": on_delivery_error, "decrypt_fn": decrypt_fn, "state_dir": state_dir}
    announce(
        status,
        [told],
        pipeline=run_name,
        run_id=run_id,
        message_path=message.path,
        report_path=report.path,
        **policy,
    )
