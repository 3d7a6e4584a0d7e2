"""Slices named by SQL, as TFDV's `experimental_slice_sqls` has them, for BigQuery.

    SELECT STRUCT(country, device AS d) FROM example.country, example.device WHERE country = 'DE'

TFDV reads every column as a list, named `example.COLUMN`, and what stands behind FROM walks through these lists. Each
row the SELECT gives for an example is a slice that the example is in. BigQuery gets the same SQL, with an array of one
value in place of a flat column, and none in place of a missing one.
"""

# ruff: noqa: S608 - SQL is what this file makes, of what a user wrote as SQL

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kfx.errors import UsageError

_NAME = r"(?:`(?:[^`\\]|\\.)+`|\w+)"
_SQL = re.compile(
    r"\s*SELECT\s+STRUCT\s*\((?P<struct>.*?)\)(?:\s+FROM\s+(?P<lists>.*?))?(?P<where>\s+WHERE\s.*?)?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_LIST = re.compile(rf"\s*example\s*\.\s*(?P<name>{_NAME})(?:\s+(?:AS\s+)?(?P<alias>{_NAME}))?\s*", re.IGNORECASE)
_READ = re.compile(rf"\bexample\s*\.\s*({_NAME})", re.IGNORECASE)
_PLAIN = re.compile(_NAME)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class SliceSql:
    """One SQL that names slices."""

    columns: tuple[str, ...]
    """The columns it reads."""

    select: str
    """The SELECT, its lists unnested as GoogleSQL writes it; `example` is a struct of arrays."""

    @classmethod
    def parse(cls, sql: str) -> SliceSql:
        """Reads TFDV's pattern: SELECT STRUCT(...) [FROM example.COLUMN, ...] [WHERE ...].

        Raises:
            UsageError: The SQL is something else.
        """
        match = _SQL.fullmatch(sql)
        if not match:
            raise UsageError(f"{sql!r} names no slices. Write SELECT STRUCT(country) FROM example.country [WHERE ...].")
        # Without FROM, TFDV means the columns that are named.
        lists = match["lists"] or ", ".join(f"example.{name.strip()}" for name in match["struct"].split(","))
        found = [_LIST.fullmatch(part) for part in lists.split(",")]
        unnested = [f"UNNEST(example.{m['name']}) AS {m['alias'] or m['name']}" for m in found if m]
        if len(unnested) < len(found):
            raise UsageError(f"{sql!r}: behind FROM stand example.COLUMN and no other tables, and here {lists!r}.")
        select = f"SELECT STRUCT({_named(match['struct'])}) FROM {', '.join(unnested)}{match['where'] or ''}"
        return cls(tuple(dict.fromkeys(map(_plain, _READ.findall(select)))), select)


def _named(struct: str) -> str:
    """Returns the fields of a struct, each plain column under its own name; GoogleSQL would infer it."""
    if "(" in struct:
        return struct
    fields = [field.strip() for field in struct.split(",")]
    return ", ".join(f"{field} AS {field}" if _PLAIN.fullmatch(field) else field for field in fields)


def slice_name(text: str) -> str:
    """Returns the name TFDV gives a slice: fields and values joined.

    Args:
        text: The struct as BigQuery's TO_JSON_STRING writes it.
    """
    fields = json.loads(text, object_pairs_hook=list)
    return "_".join(f"{name}_{value if isinstance(value, str) else json.dumps(value)}" for name, value in fields)


def _plain(name: str) -> str:
    return _ESCAPED.sub(r"\1", name[1:-1]) if name.startswith("`") else name
