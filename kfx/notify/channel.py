"""A channel: one way of telling people, declared by its parameters and one `render`.

To add a kind, put a file in `kfx/notify/channels/` named like the kind (or anywhere in a package of your own, under
the entry-point group `kfx.notify.channels`) with one `Channel` subclass in it:

    @dataclass(frozen=True, repr=False)
    class Pager(Channel):
        \"\"\"Beeps.\"\"\"

        kind = "pager"
        needs = (("number",),)

        number: Annotated[str, About("Whom to beep.", env="PAGER_NUMBER")] = ""

        def render(self, message: Message) -> Request:
            return HttpRequest("POST", "https://pager.example.com", body=message.title.encode())

The declared fields give the checks, the masking of secrets, the environment fallbacks and the reference docs.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import os
import pkgutil
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from kfx.errors import UsageError
from kfx.notify import channels
from kfx.notify.message import Message
from kfx.notify.request import Answer, Request, refuse
from kfx.secret import Secret

ENTRY_POINTS = "kfx.notify.channels"
_MISSING = object()


@dataclass(frozen=True)
class About:
    """What a parameter is, written into its annotation: `url: Annotated[str, About("Where it goes.")] = ""`."""

    doc: str
    """What it is, with its unit and what the default means."""

    env: str | tuple[str, ...] = ()
    """The environment variable of the step that fills it when it is not given; the first that is set of several."""


@dataclass(frozen=True, repr=False)
class Channel(ABC):
    """One way of telling people. Its fields are its parameters; a field of type `Secret | None` holds a secret."""

    kind: ClassVar[str]

    threaded: ClassVar[bool] = False
    """Whether messages about one run belong together, so that `message.remembered` is looked up."""

    yields_to: ClassVar[str] = ""
    """The kind that makes this one superfluous where both are to be sent."""

    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The sets of parameters that must be given: all names of at least one set."""

    @abstractmethod
    def render(self, message: Message) -> Request:
        """Turns a message into the request that carries it, within the service's limits, everything escaped."""

    def judge(self, answer: Answer) -> None:
        """Reads the service's answer: returns when the message was taken, raises otherwise.

        Raises:
            TransientError: Another try may help.
            PermanentError: It will not.
        """
        if not 200 <= answer.status < 300:
            refuse(answer, f"{self.kind} answered HTTP {answer.status}: {answer.text() or 'nothing more'}")

    def remember(self, answer: Answer) -> dict[str, Any]:  # noqa: ARG002 - most kinds remember nothing
        """Returns what the next message about the same run needs to know; it comes back as `message.remembered`."""
        return {}

    @classmethod
    def inactive(cls) -> str:
        """Says why this kind has nobody to talk to where the code runs; empty when it has."""
        return ""

    @classmethod  # noqa: B027 - most kinds have nothing to check
    def check(cls, given: Mapping[str, Any]) -> None:
        """Checks parameters against each other; a secret not yet looked up is an empty `Secret`.

        Raises:
            UsageError: The values do not go together.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@dataclass(frozen=True)
class Parameter:
    """One declared parameter of a kind, as the checks and the docs see it."""

    name: str
    type: Any
    default: Any
    doc: str
    env: tuple[str, ...]
    secret: bool


def kinds() -> tuple[str, ...]:
    """Returns the names of all kinds: the files in `kfx/notify/channels/` and the installed entry points."""
    own = {module.name for module in pkgutil.iter_modules(channels.__path__)}
    return tuple(sorted(own | {point.name for point in _entry_points()}))


@functools.cache
def channel_class(kind: str) -> type[Channel]:
    """Returns the class of a kind, importing its file only.

    Raises:
        UsageError: No kind has this name.
    """
    if any(module.name == kind for module in pkgutil.iter_modules(channels.__path__)):
        module = importlib.import_module(f"{channels.__name__}.{kind}")
        return cast("type[Channel]", next(made for made in vars(module).values() if _is_channel(made, kind)))
    for point in _entry_points():
        if point.name == kind:
            made = point.load()
            if not _is_channel(made, kind):
                raise UsageError(
                    f"The entry point {kind!r} of {ENTRY_POINTS} is not a kfx.notify Channel of that kind."
                )
            return cast("type[Channel]", made)
    raise UsageError(f"There is no notification kind {kind!r}. Kinds: {', '.join(kinds())}.")


def _entry_points() -> Iterator[importlib.metadata.EntryPoint]:
    yield from importlib.metadata.entry_points(group=ENTRY_POINTS)


def _is_channel(made: Any, kind: str) -> bool:
    return isinstance(made, type) and issubclass(made, Channel) and getattr(made, "kind", None) == kind


@functools.cache
def parameters(made: type[Channel]) -> Mapping[str, Parameter]:
    """Returns a kind's declared parameters by name, in their order."""
    hints = typing.get_type_hints(made, include_extras=True)
    found = {}
    for item in dataclasses.fields(made):
        kind, *extras = typing.get_args(hints[item.name]) if _annotated(hints[item.name]) else (hints[item.name],)
        about = next((extra for extra in extras if isinstance(extra, About)), About(""))
        default = item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default
        secret = kind is Secret or Secret in typing.get_args(kind)
        env = (about.env,) if isinstance(about.env, str) else about.env
        found[item.name] = Parameter(item.name, kind, default, about.doc, env, secret)
    return types.MappingProxyType(found)


def _annotated(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Annotated


def described() -> list[dict[str, Any]]:
    """Returns every kind with its parameters as data, for `kfx notify kinds` and the docs."""
    found = []
    for kind in kinds():
        made = channel_class(kind)
        found.append(
            {
                "kind": kind,
                "about": (made.__doc__ or "").partition("\n")[0],
                "needs": " or ".join(" + ".join(names) for names in made.needs),
                "parameters": [_described(declared) for declared in parameters(made).values()],
            }
        )
    return found


def _described(declared: Parameter) -> dict[str, Any]:
    shown = _without_none(declared.type)
    name = "text" if declared.secret or shown is str else str(shown) if typing.get_args(shown) else shown.__name__
    default = None if declared.secret else declared.default
    facts = {"name": declared.name, "type": name, "default": default, "doc": declared.doc}
    return {**facts, "env": list(declared.env), "secret": declared.secret}


def checked(made: type[Channel], given: Mapping[str, Any], *, complete: bool = True) -> dict[str, Any]:
    """Checks the given parameters of a kind and returns them in their declared types.

    Args:
        made: The kind's class.
        given: Parameter name -> value. A secret that is not looked up yet is an empty `Secret`.
        complete: False where the pipeline is written: what the step's environment may supply is not missing there.

    Raises:
        UsageError: A name is not declared, a value has the wrong type, or a needed parameter is missing both here and
            in the declared environment variables.
    """
    declared = parameters(made)
    for name in given:
        if name not in declared:
            raise UsageError(f"{made.kind} has no parameter {name!r}. Its parameters: {', '.join(declared) or 'none'}.")
    values = {name: coerced(declared[name], value, made.kind) for name, value in given.items() if value is not None}
    if made.needs and not any(
        all(_present(declared[name], values, complete) for name in names) for names in made.needs
    ):
        ways = " or ".join(" + ".join(names) for names in made.needs)
        raise UsageError(f"{made.kind} needs {ways}; it was given {', '.join(values) or 'nothing'}.")
    made.check(values)
    return values


def _present(declared: Parameter, values: Mapping[str, Any], complete: bool) -> bool:
    if values.get(declared.name) not in (None, "", [], {}):
        return True
    return bool(declared.env) and (not complete or bool(_from_env(declared)))


def _from_env(declared: Parameter) -> str:
    return next((value for name in declared.env if (value := os.environ.get(name))), "")


def build(made: type[Channel], given: Mapping[str, Any]) -> Channel:
    """Makes a channel from its parameters, the missing ones taken from the environment.

    Raises:
        UsageError: As `checked`.
    """
    filled = dict(given)
    for name, declared in parameters(made).items():
        if filled.get(name) is None and (value := _from_env(declared)):
            filled[name] = (
                Secret(value, source=f"env:{declared.env[0]}") if declared.secret else _typed(declared, value)
            )
    return made(**checked(made, filled))


def _typed(declared: Parameter, text: str) -> Any:
    """Reads a boolean out of an environment variable; everything else is read from text as it is."""
    if _without_none(declared.type) is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    return text


def coerced(declared: Parameter, value: Any, kind: str) -> Any:
    """Returns a value in its declared type; KFP hands every number over as a float, and the environment as text.

    Raises:
        UsageError: It cannot be read as that type.
    """
    if declared.secret:
        return value if isinstance(value, Secret) else Secret(str(value), source="a literal")
    if isinstance(value, Secret):
        if not value:
            return value
        value = value.reveal()
    wanted = _without_none(declared.type)
    fitted = _fitted(typing.get_origin(wanted) or wanted, value)
    if fitted is _MISSING:
        words = getattr(wanted, "__name__", str(wanted)) if typing.get_origin(wanted) is None else str(wanted)
        raise UsageError(f"{kind}'s {declared.name} must be {words}, not {type(value).__name__}.")
    return fitted


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(kind) if part is not type(None))
    return kind


def _fitted(wanted: Any, value: Any) -> Any:
    """Fits a value to str, bool, int, float, list (of texts) or dict; _MISSING when it does not fit."""
    if wanted is bool:
        return value if isinstance(value, bool) else _MISSING
    if wanted in (int, float):
        try:
            number = float(value) if not isinstance(value, bool) else None
        except (TypeError, ValueError):
            number = None
        if number is None or (wanted is int and not number.is_integer()):
            return _MISSING
        return wanted(number)
    if wanted is list:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
            return _MISSING
        return [item.strip() for item in items if item.strip()]
    if wanted is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(int(value)) if float(value).is_integer() else str(value)  # an issue number, a chat id
    return value if isinstance(value, wanted) else _MISSING
