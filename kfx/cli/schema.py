"""`kfx schema infer|update`: schemas of tables."""

from __future__ import annotations

import shlex

import click

from kfx.cli._gate import ADDRESS
from kfx.errors import UsageError


@click.group()
def schema() -> None:
    """Infer a schema from a table or its statistics, or widen one to them."""


_OUT = click.option("-o", "--out", "out", default="schema.pbtxt", show_default=True, metavar="FILE",
                    help="The text proto that TFX and TFDV read, or a binary one (.pb); a path or gs://.")  # fmt: skip
_DOMAIN = click.option("--max-string-domain-size", default=100, show_default=True,
                       help="Most different values of a string column that become its domain.")  # fmt: skip


@schema.command()
@click.argument("table", type=ADDRESS)
@_OUT
@_DOMAIN
@click.option("--shape/--no-shape", default=True, help="Give a shape to columns with as many values in every row.")
@click.option("--overwrite", is_flag=True, help="Replace a schema that is there, and what was written into it by hand.")
def infer(table: str, out: str, max_string_domain_size: int, shape: bool, overwrite: bool) -> None:
    """Write the schema of TABLE, as TFDV infers it. A file that is there is not replaced.

    TABLE is a folder or file of statistics (kfx stats), or a table as kfx stats takes it. Look the schema over before
    you rely on it: it says what is, not what should be.
    """
    from kfx.stats import place
    from kfx.stats.schema.files import save_schema, statistics_of
    from kfx.stats.schema.infer import infer_schema
    from kfx.stats.wording import counted

    if place.read(out) is not None and not overwrite:
        raise UsageError(
            f"{out!r} is there already. Widen it until the table conforms: kfx schema update {shlex.quote(out)} "
            f"{shlex.quote(table)}. Or replace it: --overwrite"
        )
    made = infer_schema(statistics_of(table), infer_feature_shape=shape, max_string_domain_size=max_string_domain_size)
    save_schema(made, out)
    domains = counted(len(made.string_domain), "string domain")
    click.echo(f"{counted(len(made.feature), 'feature')}, {domains}: {out}", err=True)


@schema.command()
@click.argument("current")
@click.argument("table", type=ADDRESS)
@click.option("-o", "--out", "out", default="", metavar="FILE", help="Where to. Default: the schema's own place.")
@click.option("--environment", default="", help="One of the schema's default environments.")
@_DOMAIN
def update(current: str, table: str, out: str, environment: str, max_string_domain_size: int) -> None:
    """Widen the schema CURRENT until TABLE conforms to it, and print what that changed.

    New columns and values are added, bounds moved. A column that is missing or has another type is marked deprecated.
    CURRENT is left as it is where TABLE conforms to it already.
    """
    import difflib

    from kfx.stats import contents, place
    from kfx.stats.schema.files import load_schema, save_schema, schema_file, statistics_of
    from kfx.stats.schema.validate import update_schema
    from kfx.stats.wording import printable

    target = out or schema_file(current)
    place.read(target)  # a folder is refused before the table is read
    before = load_schema(current)
    after = update_schema(
        before, statistics_of(table), environment=environment, max_string_domain_size=max_string_domain_size
    )
    changes = difflib.unified_diff(str(before).splitlines(), str(after).splitlines(), "before", "after", lineterm="")
    changed = "\n".join(map(printable, changes))
    click.echo(changed or "Nothing to change: the table conforms.")
    if not changed and not out:
        return
    if contents.has_comments(place.read(schema_file(current)) or b""):
        click.echo(f"The comments of {schema_file(current)} are not kept in {target}.", err=True)
    save_schema(after, target)
    click.echo(f"Schema: {target}", err=True)
