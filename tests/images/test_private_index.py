"""An index behind a login and a certificate authority of one's own: used in the build, and no trace in the image.

The Dockerfile's own first stage is built, against an HTTPS index on loopback that holds one package.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from kfx.errors import PermanentError, UsageError
from kfx.images.build import Request, build
from kfx.images.engine import find_engine

from ..conftest import REPOSITORY, require_program

PASSWORD = "pa55-of-the-index"
LOGIN = "Basic " + base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
WHEEL = "greeting-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """The smallest package there is."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("greeting.py", "")
        archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(
            "greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    return made.getvalue()


@dataclass
class Index:
    """The index as it runs."""

    port: int
    authority: bytes
    package: bytes
    login: str = ""
    refused: list[str] = field(default_factory=list)


@pytest.fixture
def index() -> Iterator[Index]:
    """Serves the package over HTTPS, to the right login where one is set."""
    authority, package = trustme.CA(), wheel()
    made = Index(0, authority.cert_pem.bytes(), package)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if made.login and self.headers.get("Authorization") != made.login:
                made.refused.append(self.path)
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.end_headers()
                return
            page = f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
            found = {"/simple/greeting/": page, f"/files/{WHEEL}": package}.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html" if found is page else "application/zip")
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, index: Index) -> Path:
    """The repository's Dockerfile and installer, with the package of the index as the one to install."""
    made = tmp_path / "context"
    (made / "image").mkdir(parents=True)
    shutil.copy2(REPOSITORY / "Dockerfile", made)
    shutil.copy2(REPOSITORY / "image" / "install", made / "image")
    locked = f"greeting==1.0 --hash=sha256:{hashlib.sha256(index.package).hexdigest()}\n"
    (made / "requirements-build.txt").write_text(locked)
    (tmp_path / "ca.pem").write_bytes(index.authority)
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = https://robot:{PASSWORD}@localhost:{index.port}/simple/\n"
    )
    return made


def request(folder: Path, base: str, **choices: Any) -> Request:
    """Builds the stage that only installs."""
    build_args = {"BASE": base, **choices.pop("build_args", {})}
    options = ("--network=host",)
    tag = "localhost/kfx-test:index"
    return Request(
        folder=folder, target="tools", tag=tag, force=True, build_args=build_args, options=options, **choices
    )


def saved(program: str, folder: Path) -> bytes:
    """The image as one archive: every layer as it is, the history, the configuration."""
    file = folder / "image.tar"
    if program == "buildah":
        command = ["buildah", "push", "localhost/kfx-test:index", f"docker-archive:{file}"]
    else:
        command = [program, "save", "--output", str(file), "localhost/kfx-test:index"]
    subprocess.run(command, capture_output=True, check=True)
    subprocess.run([program, "rmi", "--force", "localhost/kfx-test:index"], capture_output=True, check=True)
    return file.read_bytes()


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_a_login_and_an_authority_leave_no_trace(
    index: Index, folder: Path, container_engine: str, program: str
) -> None:
    """Both come in as build secrets: the package is there, the password and the certificate are not."""
    require_program(program)
    index.login = LOGIN
    secrets = tuple(
        f"id={name},src={folder.parent / file}" for name, file in (("pip_conf", "pip.conf"), ("ca", "ca.pem"))
    )
    lines: list[str] = []

    build(request(folder, container_engine, secrets=secrets), find_engine(program), lines.append)

    image = saved(program, folder.parent)
    assert any("Successfully installed greeting-1.0" in line for line in lines)
    assert b"greeting-1.0.dist-info/METADATA" in image
    assert PASSWORD.encode() not in image
    assert index.authority.splitlines()[1] not in image
    assert not [line for line in lines if PASSWORD in line]


def test_docker_without_buildkit_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are `unknown flag: --secret`."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = version ]\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM ${BASE} AS tools\n")
    with pytest.raises(UsageError, match=r"BuildKit only.*--engine podman"):
        build(request(tmp_path, "scratch", secrets=("id=ca,src=ca.pem",)), find_engine("docker"), pytest.fail)


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_a_mirror_without_a_login_is_a_build_argument(
    index: Index, folder: Path, container_engine: str, program: str
) -> None:
    """Its certificate is still looked at: without the authority's the build fails."""
    require_program(program)
    mirror = {"PIP_INDEX_URL": f"https://localhost:{index.port}/simple/"}
    secret = (f"id=ca,src={folder.parent / 'ca.pem'}",)
    lines: list[str] = []

    # First the build that fails: the engine keeps the layer of one that does not, whatever its secrets.
    with pytest.raises(PermanentError, match="kfx-install tools"):
        build(request(folder, container_engine, build_args=mirror), find_engine(program), lines.append)
    assert any("certificate verify failed" in line.lower() for line in lines)
    build(request(folder, container_engine, build_args=mirror, secrets=secret), find_engine(program), lines.append)
    assert b"greeting-1.0.dist-info/METADATA" in saved(program, folder.parent)
