"""Tells any number of people by mail how the run ended, and why, through your own SMTP server.

Use it on Vertex AI and on open-source KFP alike, in place of VertexNotificationEmailOp (Vertex only, three recipients).

    told = notify_email(recipients=recipients, smtp_host="smtp.example.com", sender="ml@example.com",
                        username="env:SMTP_USER", password="env:SMTP_PASSWORD")
    with dsl.ExitHandler(told.set_caching_options(False)):
        ...
"""

from typing import Any, Dict, List

from kfp import dsl
from kfp.dsl import Artifact, Markdown, Output

from kfx.components._image import component


@component("slim")
def notify_email(
    status: dsl.PipelineTaskFinalStatus,
    message: Output[Markdown],
    report: Output[Artifact],
    recipients: List[str] = [],  # noqa: B006
    smtp_host: str = "",
    smtp_port: int = 587,
    security: str = "starttls",
    sender: str = "",
    username: str = "",
    password: str = "",
    bcc: bool = False,
    on_failure_only: bool = False,
    text: str = "",
    run_name: str = "",
    run_id: str = "",
    on_delivery_error: str = "warn",
    decrypt_fn: str = "",
    state_dir: str = "",
) -> None:
    """Sends a mail with a text and an HTML part.

    Args:
        status: How the run ended; KFP fills it in.
        message: What was said, and what became of it.
        report: The delivery report, as JSON: kind, name, status, reason, time and tries.
        recipients: Mail addresses.
        smtp_host: The SMTP server; empty for the variable KFX_SMTP_HOST of the step.
        smtp_port: Its port.
        security: starttls, tls (from the first byte, usually port 465) or none.
        sender: Who it is from; empty for the variable KFX_SMTP_SENDER of the step.
        username: The login's user name, or a reference to it; empty for no login.
        password: Reference to the login's password: env:NAME, file:PATH or gsm:projects/P/secrets/S.
        bcc: Hide the recipients from each other.
        on_failure_only: Say nothing when the run succeeded.
        text: Your own words, shown above the facts.
        run_name: What to call the run, such as dsl.PIPELINE_JOB_NAME_PLACEHOLDER; empty for what the platform says.
        run_id: The run's id, such as dsl.PIPELINE_JOB_ID_PLACEHOLDER; empty for what the platform says.
        on_delivery_error: warn (the task succeeds, its log and report say what failed) or fail.
        decrypt_fn: Dotted path of a function in the image that decrypts every secret; empty for none.
        state_dir: Where to remember what was sent, such as dsl.PIPELINE_ROOT_PLACEHOLDER; empty for beside the message.
    """
    from kfx.notify import announce, one

    server = {"server_host": smtp_host, "server_port": smtp_port, "security": security, "sender_address": sender}
    login = {"username": username, "password": password}
    told = one("mail", {**server, "email_addresses": recipients, "bcc": bcc}, login, text, on_failure_only)
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
