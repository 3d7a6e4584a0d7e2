"""Comments on a GitHub or GitLab issue, pull or merge request how the run ended, and why.

Use it when a change request starts a pipeline run: the result comes back to where it is discussed.

    told = notify_git(repo="org/models", issue=issue, token="gsm:projects/P/secrets/github-token")
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...
"""

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_git(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    repo: str = "",
    issue: str = "",
    merge_request: str = "",
    token: str = "",
    server: str = "",
    gitlab: bool = False,
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Comments on an issue or a change request.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        repo: OWNER/NAME, or GitLab's project id or path.
        issue: Number of the issue or GitHub pull request.
        merge_request: Number of GitLab's merge request.
        token: Reference to a token that may comment: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        server: Host of your own server; empty for the public one.
        gitlab: Whether the server is a GitLab whose name does not say so.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    params = {"repo": repo, "issue": issue, "merge_request": merge_request, "server": server, "gitlab": gitlab or None}
    told = one("git", params, {"token": token}, message=text, on_failure_only=on_failure_only)
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
