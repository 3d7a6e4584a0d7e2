"""Small pipelines that kfp.local really runs."""

from kfp import dsl


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say(text: str, noted: dsl.Output[dsl.Metrics]) -> str:
    print("saying", text)
    if text == "bad":
        raise ValueError("the text is bad")
    noted.log_metric("length", len(text))
    return text


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def sleep(seconds: int):
    import time

    print("sleeping", flush=True)
    time.sleep(seconds)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def at_exit(status: dsl.PipelineTaskFinalStatus):
    import os
    import pathlib

    print(f"ended {status.state}")
    print(pathlib.Path(os.environ["KFX_RUN_FILE"]).read_text())


@dsl.component(base_image="python:3.11")
def where_it_runs() -> str:
    # kfp's default: the task installs kfp before it runs, by python3.
    import sys

    return sys.prefix


@dsl.container_component
def container():
    return dsl.ContainerSpec(image="alpine", command=["true"])


@dsl.pipeline
def chain(text: str = "hello"):
    with dsl.ExitHandler(at_exit()):
        first = say(text=text)
        say(text=first.outputs["Output"])


@dsl.pipeline
def loop(last: str = "c"):
    with dsl.ParallelFor(["a", "b"]) as item:
        say(text=item)
    say(text=last)


@dsl.pipeline
def branch(text: str = "hello"):
    first = say(text=text)
    with dsl.If(first.outputs["Output"] == "other"):
        say(text="never")


@dsl.pipeline
def slow(seconds: int = 600):
    with dsl.ExitHandler(at_exit()):
        say(text="awake").after(sleep(seconds=seconds))


@dsl.pipeline
def tolerant():
    with dsl.ExitHandler(at_exit()):
        say(text="after all").after(say(text="first")).ignore_upstream_failure()


@dsl.pipeline
def installing():
    where_it_runs()


@dsl.pipeline
def with_container():
    container()
