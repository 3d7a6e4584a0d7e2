"""The image a kfx component runs in, and the decorator every component uses.

A component runs in one of two builds of the same Dockerfile: `slim` (no TensorFlow) or `full` (everything). It names
the smallest one that serves. The image name is read when the component's module is imported, because kfp writes it
into the component at decoration:

1. `BASE_KFX_IMAGE` in the environment, else in the nearest `.env` file: the `full` image.
2. `BASE_KFX_SLIM_IMAGE`, the same way: the `slim` image. Without it slim components name the full image.
3. Neither: `localhost/kfx:VERSION`, the name `kfx build` gives by default. It runs on a laptop and is refused by
   `kfx submit`, because no cluster can pull it.

The command of a component says which build it needs (`KFX_IMAGE_TARGET=slim`), so that `kfx compile` and `kfx submit`
can name the image late: what was pushed last, by digest (`kfx.images.pin`).

`BASE_KFX_DATAFLOW_IMAGE`, the same way, is no component's image: Dataflow's workers run in it.
"""

import functools
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from dotenv import dotenv_values, find_dotenv
from kfp import dsl
from kfp.dsl.python_component import PythonComponent

import kfx
from kfx.notify.lint import check_arguments
from kfx.stats.beam import IMAGE_VARIABLE

Group = Literal["slim", "full"]

_EXECUTOR = "-m kfp.dsl.executor_main"
_DATAFLOW_IMAGE = "sdk_container_image"  # the argument of components that start Beam jobs


@functools.cache
def _dotenv() -> dict[str, str | None]:
    return dotenv_values(find_dotenv(usecwd=True))


def image(group: Group) -> str:
    """Returns the image reference of a group.

    Args:
        group: `slim` or `full`.
    """
    full = _setting("BASE_KFX_IMAGE") or f"localhost/kfx:{kfx.__version__}"
    return (_setting("BASE_KFX_SLIM_IMAGE") or full) if group == "slim" else full


def dataflow_image() -> str:
    """Returns the image of Dataflow's workers; empty when none is set."""
    return _setting(IMAGE_VARIABLE) or ""


def _setting(name: str) -> str | None:
    return os.environ.get(name) or _dotenv().get(name)


def component(
    group: Group, full_for: Mapping[str, Collection[str]] | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Makes a function a kfx component: `dsl.component` with kfx's image and nothing installed at run time.

    kfp's executor is started through `kfx.entrypoint`, which mends what the executor trips over (a final status whose
    error is null) and prints a kfx error as one sentence instead of a traceback. It takes the place of kfp's shell
    (`exec`), which as a container's first process would keep SIGTERM to itself: a stopped task could not clean up.

    Args:
        group: The smallest image the component's body runs in.
        full_for: Argument -> values with which the body needs the full image all the same. A task that is called with
            one of them, or with a value that only the run knows, gets that image.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = _made(function, group)
        made.full, made.full_for = (_made(function, "full"), full_for) if full_for else (made, {})
        return made

    return decorate


def _made(function: Callable[..., Any], group: Group) -> Any:
    made = dsl.component(base_image=image(group), install_kfp_package=False)(function)
    container = made.component_spec.implementation.container
    container.command = [
        part.replace(f"python3 {_EXECUTOR}", f"KFX_IMAGE_TARGET={group} exec python3 -m kfx.entrypoint {_EXECUTOR}", 1)
        for part in container.command
    ]
    made.__class__ = _Component
    return made


class _Component(PythonComponent):  # type: ignore[misc]  # kfp has no types
    """A kfx component: refuses a secret by value when a pipeline calls it, whichever compiler builds the pipeline."""

    full: PythonComponent
    """The same component in the full image."""

    full_for: Mapping[str, Collection[str]]
    """Argument -> values that need it."""

    def __call__(self, *args: Any, **arguments: Any) -> Any:
        check_arguments(self.name, arguments)
        if not any(_may_be(arguments.get(name), values) for name, values in self.full_for.items()):
            return super().__call__(*args, **arguments)
        if (workers := dataflow_image()) and _DATAFLOW_IMAGE in self.component_spec.inputs:
            arguments = {_DATAFLOW_IMAGE: workers, **arguments}
        return PythonComponent.__call__(self.full, *args, **arguments)


def _may_be(value: Any, values: Collection[str]) -> bool:
    """Whether an argument is one of some values, or may become one: a pipeline parameter, another task's output."""
    return value is not None and (not isinstance(value, str) or "{{channel:" in value or value in values)
