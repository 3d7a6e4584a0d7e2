"""Tells a Microsoft Teams channel or chat how the run ended, and why, as an Adaptive Card.

Use it with the URL of a Workflows webhook ("Post to a channel when a webhook request is received").

    told = notify_teams(webhook="gsm:projects/P/secrets/teams-webhook", on_failure_only=True)
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...
"""

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_teams(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    webhook: str = "",
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Posts a card to a Teams channel or chat.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        webhook: Reference to the Workflows webhook's URL: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    told = one("teams", {}, {"webhook": webhook}, message=text, on_failure_only=on_failure_only)
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
