"""Pipelines that end in different ways, with a notification component as exit task."""

from typing import Any

from kfp import dsl

from kfx.components import notify


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(fail: bool, item: str = "") -> None:
    """Succeeds or fails."""
    if fail and item in ("", "b"):
        raise ValueError(f"no column 'Class' {item}")


@dsl.pipeline(name="one-task")
def one_task(fail: bool, notifications: list[dict[str, Any]]) -> None:
    """One task inside the exit handler."""
    with dsl.ExitHandler(notify(notifications=notifications).set_caching_options(False), name="all"):
        work(fail=fail)


@dsl.pipeline(name="loop")
def loop(fail: bool, notifications: list[dict[str, Any]]) -> None:
    """A ParallelFor of which one item may fail."""
    with dsl.ExitHandler(notify(notifications=notifications), name="all"), dsl.ParallelFor(["a", "b", "c"]) as item:
        work(fail=fail, item=item)
