"""Google Cloud Build as an engine: for machines without docker or podman, and for images built next to the registry.

A build configuration of one step is written (cloud.google.com/build/docs/build-config-file-schema) and submitted by
`gcloud builds submit` with exactly the files a local engine would be sent. Cloud Build pushes the image itself. Build
secrets are not passed on: on Cloud Build they belong in Secret Manager, in a configuration of your own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfx.errors import PermanentError, UsageError
from kfx.images.content import copy_sent
from kfx.images.engine import Build, Report, stream
from kfx.images.reference import Reference
from kfx.images.registry import digest_of

PROGRAM = "gcloud"

_BUILDER = "gcr.io/cloud-builders/docker"
_TIMEOUT = "3600s"  # Cloud Build stops after 10 minutes by default; the full image takes longer there


@dataclass(frozen=True)
class CloudBuild:
    """Cloud Build in a project."""

    program: str = PROGRAM
    """The command line it is driven by."""

    project: str = ""
    """Project that builds and pays; empty for gcloud's own."""

    region: str = ""
    """Region of the build; empty for the global pool."""

    def build(self, build: Build, report: Report) -> None:
        """Submits the build, shows its log, and waits for its end. The image is in the registry afterwards.

        Raises:
            UsageError: The image's name has no registry, or build secrets are given.
            PermanentError: The build failed.
        """
        if build.names[0].is_on_this_machine:
            raise UsageError(f"{build.names[0]} has no registry for Cloud Build to push to. Name one: --tag")
        if build.secrets:
            raise UsageError("Cloud Build takes no --secret from this machine. Keep it in Secret Manager.")
        with tempfile.TemporaryDirectory(prefix="kfx-cloud-build-") as scratch:
            sent, config = Path(scratch, "sent"), Path(scratch, "cloudbuild.json")
            copy_sent(build.folder, sent)
            shutil.copy2(build.dockerfile, sent / "Dockerfile")  # which may lie elsewhere, or be left out
            config.write_text(json.dumps(configuration(build), indent=1), encoding="utf-8")
            where = [f"--project={self.project}"] if self.project else []
            where += [f"--region={self.region}"] if self.region else []
            # The files were chosen above; gcloud must not choose again by .gcloudignore or .gitignore.
            command = [PROGRAM, "builds", "submit", str(sent), f"--config={config}", "--ignore-file=.no-such-file"]
            code = stream([*command, *where, *build.options], report)
        if code:
            raise PermanentError(f"gcloud builds submit failed with exit code {code}. Its output is above.")

    def push(self, name: Reference, report: Report) -> None:
        """Makes sure the build's push arrived.

        Raises:
            PermanentError: The registry does not hold the image.
        """
        report(f"Cloud Build pushes {name} itself")
        if digest_of(name) is None:
            raise PermanentError(f"{name.registry} holds no {name} after the build. Did something delete it?")

    def has(self, name: Reference) -> bool:  # noqa: ARG002 - an engine's signature
        """Nothing is ever on this machine."""
        return False

    def tag(self, name: Reference, other: Reference) -> None:
        """Not possible without the image on this machine.

        Raises:
            PermanentError: Always.
        """
        raise PermanentError(f"{name} is not on this machine, so it cannot be named {other}.")

    def size(self, name: Reference) -> int | None:  # noqa: ARG002
        """Not known: the image is not on this machine."""
        return None


def configuration(build: Build) -> dict[str, Any]:
    """Returns the build's configuration: one docker step, BuildKit on, both names pushed at the end."""
    arguments = ["build", "--file=Dockerfile", f"--platform={build.platform}"]
    arguments += [f"--target={build.target}"] if build.target else []
    arguments += [f"--build-arg={name}={value}" for name, value in sorted((build.build_args or {}).items())]
    arguments += [f"--tag={name}" for name in build.names]
    # Cloud Build would replace $NAME by its own substitutions; `$$` is a plain dollar.
    escaped = [argument.replace("$", "$$") for argument in [*arguments, "."]]
    return {
        "steps": [{"name": _BUILDER, "args": escaped, "env": ["DOCKER_BUILDKIT=1"]}],
        "images": [str(name) for name in build.names],
        "timeout": _TIMEOUT,
    }


def find_cloud_build(image: Reference, project: str = "", region: str = "") -> CloudBuild:
    """Returns Cloud Build, if it can build an image from here.

    Args:
        image: The name the image gets.
        project: Project that builds and pays; empty for gcloud's own.
        region: Region of the build; empty for the global pool.

    Raises:
        UsageError: Cloud Build cannot push there, gcloud is not installed, or it knows no project.
    """
    if image.is_loopback:
        raise UsageError(
            f"{image} is a name on this machine, which Cloud Build cannot push to. Name an image in a registry: "
            "--tag REGION-docker.pkg.dev/PROJECT/REPOSITORY/kfx:TAG"
        )
    if not shutil.which(PROGRAM):
        raise UsageError("Cloud Build is driven by gcloud, which is not installed: cloud.google.com/sdk/docs/install")
    if not project:
        asked = [PROGRAM, "config", "get-value", "project", "--quiet"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.stdout.strip() in ("", "(unset)"):
            raise UsageError("Cloud Build needs a project. Name it: --project PROJECT, or project in kfx.toml.")
    return CloudBuild(project=project, region=region)
