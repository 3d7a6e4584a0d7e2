"""A comment on a GitHub or GitLab issue, pull or merge request, on the public or your own server.

MLRun's parameters and rules: GitLab when `gitlab` is true, its name is in the server, or CI_PROJECT_ID is set; a merge
request wins over an issue; in CI the values come from the environment. APIs: GitHub REST "Create an issue comment",
GitLab "Notes".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from kfx.errors import UsageError
from kfx.notify.channel import About, Channel
from kfx.notify.formats import markdown
from kfx.notify.http import HttpRequest
from kfx.notify.message import Message
from kfx.notify.request import Request
from kfx.notify.text import cut
from kfx.secret import Secret

BODY_LIMIT = 65_000
"""Characters; GitHub refuses a comment above 65,536."""

_EVENT_VARIABLE = "GITHUB_EVENT_PATH"


@dataclass(frozen=True, repr=False)
class Git(Channel):
    """Comments on an issue or a change request."""

    kind = "git"
    needs = (("repo", "token"),)

    repo: Annotated[str, About("OWNER/NAME, or GitLab's project id.", env=("GITHUB_REPOSITORY", "CI_PROJECT_ID"))] = ""
    issue: Annotated[str, About("Number of the issue or pull request.", env="CI_ISSUE_IID")] = ""
    merge_request: Annotated[str, About("Number of GitLab's merge request.", env="CI_MERGE_REQUEST_IID")] = ""
    token: Annotated[
        Secret | None, About("Token that may comment.", env=("GIT_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN"))
    ] = None
    server: Annotated[str, About("Host, or URL with a scheme and path; empty for the public one.")] = ""
    gitlab: Annotated[
        bool | None, About("Whether the server is a GitLab; left out, its name or the CI's variables tell.")
    ] = None

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> None:
        """Refuses a notification that names no issue when no CI variable can."""
        named = given.get("issue") or given.get("merge_request")
        if not named and not any(
            os.environ.get(name) for name in ("CI_ISSUE_IID", "CI_MERGE_REQUEST_IID", _EVENT_VARIABLE)
        ):
            raise UsageError("git needs issue or merge_request: the number of what to comment on.")

    def render(self, message: Message) -> Request:
        """Builds the comment.

        Raises:
            UsageError: No number is given, and the CI event has none.
        """
        body = json.dumps({"body": cut(_without_mentions(markdown(message, limit=40_000)), BODY_LIMIT)}).encode()
        token = self.token.reveal() if self.token else ""
        if self._is_gitlab():
            headers = {"PRIVATE-TOKEN": token, "Content-Type": "application/json"}
            return HttpRequest("POST", self._gitlab_url(), body, headers)
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        headers["Accept"] = "application/vnd.github.v3+json"
        number = self.issue or self.merge_request or _number_from_event()
        return HttpRequest(
            "POST", f"{self._server('api.github.com')}/repos/{self.repo}/issues/{number}/comments", body, headers
        )

    def _is_gitlab(self) -> bool:
        if self.gitlab is not None:
            return self.gitlab
        if "gitlab" in self.server:
            return True
        github = bool(os.environ.get("GITHUB_ACTIONS")) or self.repo == os.environ.get("GITHUB_REPOSITORY", "")
        return bool(os.environ.get("CI_PROJECT_ID")) and not github

    def _gitlab_url(self) -> str:
        kind, number = ("merge_requests", self.merge_request) if self.merge_request else ("issues", self.issue)
        if not number:
            raise UsageError("git needs issue or merge_request: the number of what to comment on.")
        project = quote(self.repo, safe="")
        return f"{self._server('gitlab.com')}/api/v4/projects/{project}/{kind}/{quote(number, safe='')}/notes"

    def _server(self, usual: str) -> str:
        server = self.server.rstrip("/") or usual
        return server if "://" in server else f"https://{server}"


def _number_from_event() -> str:
    """Reads the issue's or pull request's number from the event that started a GitHub workflow."""
    path = os.environ.get(_EVENT_VARIABLE, "")
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"git finds no issue number: {_EVENT_VARIABLE} is {path!r} ({type(error).__name__})."
        ) from error
    number = event.get("number") or (event.get("issue") or event.get("pull_request") or {}).get("number")
    if not number:
        raise UsageError("git finds no issue number: the workflow's event is about no issue and no pull request.")
    return str(number)


def _without_mentions(text: str) -> str:
    """Keeps foreign text from notifying people: a zero-width space makes @name no mention."""
    return text.replace("@", "@\N{ZERO WIDTH SPACE}")
