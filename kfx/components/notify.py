"""Tells people how the run ended, and why: any number of notifications of any kind, sent by one exit task.

Use it around every pipeline. Whom to tell is a pipeline parameter, so the same compiled pipeline serves many teams.

    @dsl.pipeline
    def train(notifications: List[Dict[str, Any]] = [{"kind": "console", "when": ["completed", "error", "aborted"]}]):
        told = notify(notifications=notifications).set_caching_options(False)
        with dsl.ExitHandler(told):
            ...

A notification is a dict of `kfx.notify.Notification`'s fields, for example
`{"kind": "slack", "when": ["error"], "params": {"channel": "#ml"}, "secret_params": {"token": "env:SLACK_TOKEN"}}`.
"""

from typing import Any, Dict, List

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    notifications: List[Dict[str, Any]] = [{"kind": "console", "when": ["completed", "error", "aborted"]}],  # noqa: B006
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
    look_up_seconds: float = 10.0,
    prometheus_path: str = "",
) -> None:
    """Sends notifications about a run that ended.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of each notification.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries of each notification.
        notifications: Whom to tell, how and when: a list of notifications as dicts. Secrets are references.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent and how the last run ended, such as dsl.PIPELINE_ROOT_PLACEHOLDER;
            empty for beside the message, which remembers a retry but no other run.
        look_up_seconds: How long to look for the failing tasks' own errors; 0 for not at all.
        prometheus_path: Where to write counters in Prometheus' text format; empty for nowhere.
    """
    from kfx.notify import announce

    announce(
        status,
        notifications,
        pipeline=run_name,
        run_id=run_id,
        on_delivery_error=on_delivery_error,
        decrypt_fn=decrypt_fn,
        message_path=message.path,
        report_path=report.path,
        state_dir=state_dir,
        look_up_s=look_up_seconds,
        prometheus_path=prometheus_path,
    )
