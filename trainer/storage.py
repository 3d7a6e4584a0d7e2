"""Writes and reads the files of a model's folder, on disk or in Cloud Storage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.errors import TableError

MODEL_FILE = "model.joblib"
"""The name Vertex's prebuilt scikit-learn container looks for."""

METRICS_FILE = "metrics.json"


def store(files: Mapping[str, Path], folder: str) -> None:
    """Puts finished files into a folder, in the given order; each appears whole or not at all.

    Args:
        files: Name in the folder -> the finished local file.
        folder: A path (made when missing) or `gs://bucket/path`.

    Raises:
        TableError: The folder cannot be written.
    """
    if folder.startswith("gs://"):
        _upload(files, folder)
        return
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            beside = target / f".{name}.{os.getpid()}"
            beside.write_bytes(source.read_bytes())
            beside.replace(target / name)
    except OSError as error:
        raise TableError(f"The folder {folder!r} cannot be written: {error}") from error


def fetch(folder: str, name: str, scratch: Path) -> Path:
    """Returns a local path of a file in a folder, downloaded into `scratch` when the folder is in Cloud Storage.

    Raises:
        TableError: The file is not there.
    """
    if not folder.startswith("gs://"):
        path = Path(folder, name)
        if not path.is_file():
            raise TableError(f"There is no {name} in {folder!r}.")
        return path
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    bucket, prefix = _split(folder)
    try:
        _client().bucket(bucket).blob(prefix + name).download_to_filename(str(scratch / name))
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise TableError(f"{folder.rstrip('/')}/{name} cannot be read: {error}") from error
    return scratch / name


def _upload(files: Mapping[str, Path], folder: str) -> None:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    bucket, prefix = _split(folder)
    try:
        target = _client().bucket(bucket)
        for name, source in files.items():
            target.blob(prefix + name).upload_from_filename(str(source))  # an object appears when its upload ends
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise TableError(f"The folder {folder!r} cannot be written: {error}") from error


def _split(folder: str) -> tuple[str, str]:
    bucket, _, path = folder.removeprefix("gs://").partition("/")
    return bucket, f"{path.strip('/')}/" if path.strip("/") else ""


def _client() -> Any:
    from google.cloud import storage  # type: ignore[attr-defined]

    return storage.Client(project=os.environ.get("CLOUD_ML_PROJECT_ID"))
