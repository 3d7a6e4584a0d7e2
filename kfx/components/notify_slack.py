"""Tells a Slack channel how the run ended, and why.

Use it as the exit task when Slack is all you need; `notify` takes a list of notifications of any kind.

    told = notify_slack(channel="#ml-runs", token="env:SLACK_BOT_TOKEN", on_failure_only=True)
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...

With an incoming webhook: `notify_slack(webhook="gsm:projects/P/secrets/slack-webhook")`.
"""

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_slack(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    channel: str = "",
    token: str = "",
    webhook: str = "",
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Posts to a Slack channel.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        channel: Channel id or name, for a bot token.
        token: Reference to a bot token with the scope chat:write: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        webhook: Reference to an incoming webhook's URL, instead of token and channel.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    secrets = {"token": token, "webhook": webhook}
    told = one("slack", {"channel": channel}, secrets, message=text, on_failure_only=on_failure_only)
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
