"""Real tables for the trainer's tests."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]


def _passengers(count: int = 240, seed: int = 1) -> list[Row]:
    """Rows with a gap in every kind of column and a label that depends on all of them."""
    draw = random.Random(seed)  # noqa: S311 - test data
    rows = []
    for number in range(count):
        age, fare = draw.randrange(1, 80), round(draw.uniform(5, 90), 2)
        port, child = draw.choice(["Cork", "Nantes", "NA"]), draw.random() < 0.5
        lived = (age < 40) ^ (port == "Cork") if child else fare > 45
        row: Row = {"age": age, "fare": fare, "port": port, "child": child, "fate": "saved" if lived else "lost"}
        row[("age", "port", "child", "fare")[number % 4]] = (
            None if number % 5 == 0 else row[("age", "port", "child", "fare")[number % 4]]
        )
        rows.append(row)
    return rows


def write_csv(path: Path, rows: list[Row]) -> Path:
    """Writes rows with a header, as BigQuery's export does: booleans in lower case, nothing for NULL."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: str(v).lower() if isinstance(v, bool) else v for k, v in row.items()})
    return path


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Returns a function that writes rows as CSV: `table("a.csv", rows)`."""

    def write(name: str, rows: list[Row]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_csv(path, rows)

    return write


@pytest.fixture
def passengers() -> Callable[..., list[Row]]:
    """Returns a function that makes `count` rows: `passengers(80, seed=2)`."""
    return _passengers
