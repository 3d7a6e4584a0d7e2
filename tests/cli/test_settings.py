"""Where options come from: flag, environment, .env, kfx.toml."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from kfx.cli import settings
from kfx.errors import UsageError


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    settings.apply(ctx)


@group.command()
@click.option("--project")
@click.option("--region")
@click.option("--label", "labels", multiple=True)
@click.option("--caching/--no-caching", default=None)
@click.option("--retries", type=int, default=0)
@click.option("-p", "parameters", multiple=True)
def submit(**options: object) -> None:
    click.echo(options)
    click.echo(f"image={os.environ.get('BASE_KFX_IMAGE')}")


@group.command()
@click.option("--region")
def build(region: str | None) -> None:
    click.echo(region)


@group.group()
def runs() -> None:
    pass


@runs.command("list")
@click.option("--region")
@click.option("--limit", type=int, default=20)
def list_(region: str | None, limit: int) -> None:
    click.echo(f"{region} {limit}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KFX_", "BASE_KFX_", "GOOGLE_CLOUD_"))]:
        monkeypatch.delenv(name)
    # Settings export .env to os.environ: what a test leaves there goes with it.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments), catch_exceptions=False)


def write(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_the_file_gives_what_no_one_else_gives() -> None:
    """A top-level key and a command's table both reach the options, the table first."""
    write("kfx.toml", 'project = "p"\nregion = "top"\n[submit]\nregion = "table"\nretries = 3\ncaching = false\n')
    result = run("submit")
    assert "'project': 'p', 'region': 'table', 'labels': (), 'caching': False, 'retries': 3" in result.output


def test_each_source_goes_before_the_next() -> None:
    """Flag, environment of the command, environment, .env, kfx.toml."""
    write("kfx.toml", 'region = "file"\n')
    assert "'region': 'file'" in run("submit").output
    write(".env", "KFX_REGION=dotenv\n")
    assert "'region': 'dotenv'" in run("submit").output
    os.environ["KFX_REGION"] = "environment"
    assert "'region': 'environment'" in run("submit").output
    os.environ["KFX_SUBMIT_REGION"] = "command"
    assert "'region': 'command'" in run("submit").output
    assert run("build").output == "environment\n"
    assert "'region': 'flag'" in run("submit", "--region", "flag").output


def test_labels_come_as_a_table_or_as_words() -> None:
    """A repeated option takes a TOML table, and words from the environment."""
    write("kfx.toml", '[labels]\nteam = "search"\nenv = "prod"\n')
    assert "'labels': ('team=search', 'env=prod')" in run("submit").output
    os.environ["KFX_LABELS"] = "a=b c=d"
    assert "'labels': ('a=b', 'c=d')" in run("submit").output


def test_values_of_a_repeated_option_are_json() -> None:
    """As they are read on the command line."""
    write("kfx.toml", "[submit.parameters]\nname = 'x'\ntimes = 3\nloud = true\nto = ['a', 'b']\n")
    assert """'parameters': ('name=x', 'times=3', 'loud=true', 'to=["a", "b"]')""" in run("submit").output


def test_the_file_is_found_from_a_folder_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's kfx.toml holds in its subfolders."""
    write("kfx.toml", 'project = "p"\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert "'project': 'p'" in run("submit").output


def test_the_image_reaches_the_environment() -> None:
    """kfx.components reads BASE_KFX_IMAGE when it is imported, from wherever it was set."""
    write("kfx.toml", 'base_kfx_image = "reg/kfx:file"\n')
    assert "image=reg/kfx:file" in run("submit").output


def test_the_image_of_dotenv_goes_before_the_file() -> None:
    """.env is personal, kfx.toml is the team's."""
    write("kfx.toml", 'base_kfx_image = "reg/kfx:file"\n')
    write(".env", "BASE_KFX_IMAGE=reg/kfx:dotenv\n")
    assert "image=reg/kfx:dotenv" in run("submit").output


def test_google_cloud_project_is_the_last_resort() -> None:
    """Google's own variable serves when kfx's settings are silent."""
    os.environ["GOOGLE_CLOUD_PROJECT"] = "google"
    assert "'project': 'google'" in run("submit").output
    write("kfx.toml", 'project = "p"\n')
    assert "'project': 'p'" in run("submit").output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('projct = "p"\n', "unknown key 'projct'. Did you mean 'project'?"),
        ("[sbmit]\nx = 1\n", "unknown key 'sbmit'. Did you mean 'submit'?"),
        ("[submit]\nretrys = 1\n", "unknown key 'retrys' in [submit]. Did you mean 'retries'?"),
        ("[project]\nx = 1\n", "'project' takes one value, not a table."),
        ("zzz = 1\n", "Known are: "),
        ("project = \n", "line 1"),
    ],
)
def test_what_nothing_reads_is_refused(text: str, message: str) -> None:
    """A misspelt key is an error that names the near match, not a setting silently lost."""
    write("kfx.toml", text)
    with pytest.raises(UsageError) as error:
        run("submit")
    assert message in str(error.value)
    assert "kfx.toml" in str(error.value)


def test_another_commands_table_is_let_be() -> None:
    """Only the table of the command that runs is checked, so no other command is loaded."""
    write("kfx.toml", "[build]\nnot_known_here = 1\n")
    assert run("submit").exit_code == 0


def test_a_groups_commands_have_their_settings() -> None:
    """`kfx runs list` reads the shared keys and the table [runs]."""
    write("kfx.toml", 'region = "r"\n[runs]\nlimit = 5\n')
    assert run("runs", "list").output == "r 5\n"
    os.environ["KFX_RUNS_LIMIT"] = "7"
    assert run("runs", "list").output == "r 7\n"
    write("kfx.toml", "[runs]\nlimits = 5\n")
    with pytest.raises(UsageError, match="Did you mean 'limit'"):
        run("runs", "list")
