"""Tells a Slack channel how the run ended, and why.

Use it as the exit task when Slack is all you need; `notify` takes a list of notifications of any kind.

    told = notify_slack(channel="#ml-runs", token="env:SLACK_BOT_TOKEN", on_failure_only=True)
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...

With an incoming webhook: `notify_slack(webhook="gsm:projects/P/secrets/slack-webhook")`.
"""

from kfp import dsl
from kfp.dsl import Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_slack(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    channel: str = "",
    token: str = "",
    webhook: str = "",
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
) -> None:
    """Posts to a Slack channel.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        channel: Channel id or name, for a bot token.
        token: Reference to a bot token with the scope chat:write: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        webhook: Reference to an incoming webhook's URL, instead of token and channel.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts the secret; empty for none.
    """
    from kfx.notify import announce, one

    secrets = {"token": token, "webhook": webhook}
    slack = one("slack", {"channel": channel}, secrets, message=text, on_failure_only=on_failure_only)
    announce(
        status,
        [slack],
        pipeline=run_name,
        on_delivery_error=on_delivery_error,
        decrypt_fn=decrypt_fn,
        report_path=message.path,
    )
