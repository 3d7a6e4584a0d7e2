"""Tells those who asked for `running` that a run has started. It is an ordinary task, the first of a pipeline.

Use it with the same notifications, run_id and state_dir as the exit task: a Slack bot then keeps one thread a run, and
the start message is updated when the run ends.

    notify_started(notifications=notifications, run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                   state_dir=dsl.PIPELINE_ROOT_PLACEHOLDER).set_caching_options(False)
"""

from typing import Any, Dict, List

from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_started(
    message: Output[Markdown],
    report: Output[Artifact],
    notifications: List[Dict[str, Any]] = [{"kind": "console", "when": ["running"]}],  # noqa: B006
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Sends notifications about a run that started.

    Args:
        message: What was said, and what became of each notification.
        report: The delivery report, as JSON.
        notifications: Whom to tell, how and when; those without running in their `when` are left out.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; the same as the exit task's.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; the same as the exit task's.
    """
    from kfx.notify import announce

    announce(
        {"state": "RUNNING"},
        notifications,
        phase="started",
        pipeline=run_name,
        run_id=run_id,
        on_delivery_error=on_delivery_error,
        decrypt_fn=decrypt_fn,
        message_path=message.path,
        report_path=report.path,
        state_dir=state_dir,
        look_up_s=0,
    )
