"""The webhook kind: MLRun's parameters, real JSON, a signature others verify, a CloudEvent."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from kfx.errors import UsageError
from kfx.notify import HttpRequest, Notification, Policy, announce
from kfx.notify.channels.webhook import Webhook
from kfx.outcome import Outcome
from kfx.secret import Secret

from ..conftest import require_module
from .http_double import Double
from .situations import failed_run, message


def rendered(run: Any = None, state: str = "FAILED", **params: Any) -> tuple[HttpRequest, Any]:
    """The request of a webhook and its body."""
    request = Webhook(url="https://example.com/hook", **params).render(message(state, run))
    assert isinstance(request, HttpRequest)
    return request, json.loads(request.body)


def test_the_usual_body_has_mlruns_keys_and_ours() -> None:
    """message, severity, name and runs as MLRun; id, state, run and time besides; an error wins over results."""
    _, body = rendered(failed_run())
    assert (body["severity"], body["name"], body["state"]) == ("error", "ops", "failed")
    assert body["message"] == "sklearn-train failed in project p"
    assert body["runs"][0]["status"] == {"state": "failed", "error": "The DAG failed."}
    assert body["run"]["failed_tasks"] == [{"name": "train-1", "error": "ValueError: no column 'Class'", "log": ""}]
    assert body["run"]["parameters"] == {"label": "Class"}
    assert body["run"]["duration_s"] == 200
    _, good = rendered(failed_run(tasks=0), "SUCCEEDED")
    assert good["runs"][0]["status"] == {"state": "succeeded", "results": {"rows": 100}}


def test_override_body_is_filled_at_any_depth_with_real_json() -> None:
    """A whole place becomes the value, a place in a text its JSON; what nobody knows and non-texts stay."""
    template = {
        "runs": "{{ runs }}",
        "text": "Run {{run.name}} said {{ runs }}",
        "deep": [{"state": "{{ run.status.state }}", "n": 3, "flag": True, "none": None}],
        "left": "{{ nobody.knows }} {{ 1 + 1 }}",
        "results": "{{run.results}}",
    }
    _, body = rendered(failed_run(error="\x1b[31mred\x1b[0m \\x \\1"), override_body=template)
    assert body["runs"][0]["name"] == "sklearn-train"
    prefix = "Run sklearn-train said "
    assert body["text"].startswith(prefix)
    assert json.loads(body["text"].removeprefix(prefix)) == body["runs"]
    assert body["deep"] == [{"state": "failed", "n": 3, "flag": True, "none": None}]
    assert body["left"] == "{{ nobody.knows }} {{ 1 + 1 }}"
    assert body["results"] == {"rows": 100}


@pytest.mark.parametrize("method", ["get", "POST", "put", "PATCH", "Delete"])
def test_every_method_carries_headers_and_body(method: str, quick: Policy) -> None:
    """The method in any letter case, the headers and the body arrive."""
    with Double() as double:
        params = {"url": double.url + "/x", "method": method, "headers": {"X-Key": "v"}, "override_body": {"a": 1}}
        announce({"state": "FAILED"}, [{"kind": "webhook", "when": ["error"], "params": params}], policy=quick)
        [received] = double.received
    assert (received.method, received.headers["x-key"], received.body) == (method.upper(), "v", b'{"a": 1}')


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"url": "ftp://x"}, "url must start with https"),
        ({"url": "https://x", "method": "HEAD"}, "method is 'HEAD'"),
        ({"url": "https://x", "format": "xml"}, "format is 'xml'"),
        ({"url": "http://x", "verify_ssl": False}, "verify_ssl is for https"),
        ({"url": "https://x", "headers": "a: b"}, "headers must be dict"),
        ({"method": "GET"}, "webhook needs url"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    """MLRun's refusals, naming the parameter."""
    with pytest.raises(UsageError, match=words):
        Notification(kind="webhook", params=params)


def test_secret_headers_join_the_plain_ones(quick: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header by reference is resolved and sent next to those in params."""
    monkeypatch.setenv("HOOK_KEY", "canary-key")
    with Double() as double:
        notification = {
            "kind": "webhook",
            "when": ["error"],
            "params": {"url": double.url, "headers": {"X-Team": "ml"}},
            "secret_params": {"headers": {"X-Api-Key": "env:HOOK_KEY"}},
        }
        told = announce({"state": "FAILED"}, [notification], policy=quick)
        [received] = double.received
    assert (received.headers["x-team"], received.headers["x-api-key"]) == ("ml", "canary-key")
    assert "canary" not in told.report


def test_the_signature_is_the_one_standard_webhooks_verify() -> None:
    """The reference library accepts id, time stamp and signature, and refuses a changed body."""
    require_module("standardwebhooks")
    from standardwebhooks.webhooks import Webhook as Verifier
    from standardwebhooks.webhooks import WebhookVerificationError

    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    request, _ = rendered(failed_run(), signing_secret=Secret(secret))
    headers = dict(request.headers)
    from kfx.notify.channels.webhook import signature

    now = int(datetime.now().timestamp())
    fresh = signature(Secret(secret), headers["webhook-id"], now, request.body)
    Verifier(secret).verify(request.body, fresh)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(request.body + b" ", fresh)
    assert headers["webhook-id"] == message().id


def test_a_signing_secret_that_is_none_is_refused_unseen() -> None:
    """The error does not repeat it."""
    with pytest.raises(UsageError) as caught:
        rendered(signing_secret=Secret("canary!"))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "RUNNING"])
def test_a_cloudevent_has_the_attributes_of_1_0(state: str) -> None:
    """Required attributes, structured mode, the usual body as data, and a type that tells the state."""
    request, event = rendered(state=state, format="cloudevents")
    assert request.headers["Content-Type"] == "application/cloudevents+json"
    assert {"specversion", "id", "source", "type"} <= set(event)
    assert event["type"] == f"dev.kfx.run.{Outcome.read({'state': state}).state}"
    assert event["source"] == "//aiplatform.googleapis.com/projects/p/locations/l/pipelineJobs/j-1"
    assert event["data"]["state"] == Outcome.read({"state": state}).state
    datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    assert rendered(format="cloudevents", event_type="x.y")[1]["type"] == "x.y"
