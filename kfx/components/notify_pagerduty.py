"""Opens a PagerDuty incident when the run fails, and resolves it when a later run succeeds.

Use it for pipelines somebody is on call for. Leave on_failure_only at False, so that a success resolves the incident.

    told = notify_pagerduty(routing_key="gsm:projects/P/secrets/pagerduty-key", severity="critical")
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...
"""

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_pagerduty(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    routing_key: str = "",
    severity: str = "",
    dedup_key: str = "",
    server: str = "https://events.pagerduty.com",
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Sends an event to PagerDuty.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        routing_key: Reference to an Events API v2 integration key: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        severity: critical, error, warning or info; empty for error.
        dedup_key: Names the incident; empty for one incident a pipeline.
        server: https://events.eu.pagerduty.com in the EU region.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    params = {"severity": severity, "dedup_key": dedup_key, "server": server}
    told = one("pagerduty", params, {"routing_key": routing_key}, message=text, on_failure_only=on_failure_only)
    announce(
        status,
        [told],
        pipeline=run_name,
        run_id=run_id,
        on_delivery_error=on_delivery_error,
        decrypt_fn=decrypt_fn,
        message_path=message.path,
        report_path=report.path,
        state_dir=state_dir,
    )
