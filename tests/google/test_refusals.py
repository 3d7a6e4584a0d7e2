"""What BigQuery refuses: each fault its own sentence with the way out, from servers that answer as Google's do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kfx.errors import KfxError, PermanentError, TransientError, UsageError
from kfx.split import split_table
from kfx.stats.generate import generate
from kfx.stats.options import StatsOptions
from kfx.stats.sources import open_source
from tests.conftest import require_module
from tests.google.refusing import Refusing
from tests.loopback import serving

TABLE = {
    "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
    "schema": {"fields": [{"name": "i", "type": "INTEGER"}, {"name": "big", "type": "BIGNUMERIC"}]},
    "numRows": "2",
    "type": "TABLE",
    "lastModifiedTime": "1",
}
ROWS = {"totalRows": "2", "rows": [{"f": [{"v": "1"}, {"v": "0.5"}]}, {"f": [{"v": "2"}, {"v": None}]}]}


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    require_module("google.cloud.bigquery")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "mine")
    with serving(Refusing()) as double:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.url)
        yield double


@pytest.mark.parametrize(
    ("status", "reason", "said", "kind", "says"),
    [
        (404, "notFound", "Not found: Table p:d.t", UsageError, "The table of 'bq://p.d.t' does not exist"),
        (404, "notFound", "Not found: Dataset p:d", UsageError, "The dataset of 'bq://p.d.t' does not exist"),
        (404, "notFound", "Not found: Project p", UsageError, "The project of 'bq://p.d.t' does not exist"),
        (403, "accessDenied", "Access Denied: Table p:d.t: Permission bigquery.tables.get denied on table p:d.t (or it "
         "may not exist).", PermanentError, "roles/bigquery.dataViewer on the dataset or table"),
        (403, "accessDenied", "Access Denied: Project mine: User does not have bigquery.jobs.create permission in "
         "project mine.", PermanentError, "roles/bigquery.jobUser on project mine"),
        (403, "accessNotConfigured", "BigQuery API has not been used in project 7 before or it is disabled.",
         PermanentError, "gcloud services enable bigquery.googleapis.com --project mine"),
        (403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
         TransientError, "quota is used up"),
        (400, "invalid", "Invalid project ID 'P'.", UsageError, "BigQuery refused 'bq://p.d.t': Invalid project ID"),
        (409, "conflict", "odd", PermanentError, "refused"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_sentence(
    refusing: Refusing, status: int, reason: str, said: str, kind: type[KfxError], says: str
) -> None:
    """The message names what was asked for, what the server said without the request's address, and the way out."""
    refusing.answers = [(status, said, reason)]
    with pytest.raises(kind) as caught:
        open_source("bq://p.d.t")
    assert says in str(caught.value)
    assert said in str(caught.value)
    assert "http" not in str(caught.value)


def test_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot be made is told as such, to be tried again."""
    require_module("google.cloud.bigquery")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("kfx.stats.sources._bigquery.RETRY_S", 0.5)
    with pytest.raises(TransientError, match=r"did not answer for 'bq://p.d.t'"):
        open_source("bq://p.d.t")


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials the command that makes them is told, and no request leaves."""
    require_module("google.cloud.bigquery")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(PermanentError, match=r"no Google Cloud credentials for BigQuery here. Sign in: gcloud auth"):
        open_source("bq://p.d.t")


def test_expired_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key that Google's token server no longer takes is told with the command, before BigQuery is asked."""
    require_module("google.cloud.bigquery")
    require_module("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with serving(Refusing()) as token_server:
        body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        token_server.answers = [(400, body, "")]
        account = {
            "type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "project_id": "p",
            "private_key": key.decode(), "token_uri": f"{token_server.url}/token",
        }  # fmt: skip
        (tmp_path / "key.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
        with pytest.raises(PermanentError, match=r"Token has been expired or revoked.*Sign in again: gcloud auth"):
            open_source("bq://p.d.t")
        assert token_server.requests


def test_credentials_that_the_server_refuses(refusing: Refusing) -> None:
    """A token that BigQuery itself refuses (401) is told with the command that makes a new one."""
    refusing.answers = [(401, "Request had invalid authentication credentials.", "authError")]
    with pytest.raises(PermanentError, match=r"Google refused the credentials for 'bq://p\.d\.t'.*Sign in again"):
        open_source("bq://p.d.t")


def test_a_query_over_the_limit_does_not_run(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dry run's estimate is held against the limit; the message has the way to raise it, and that way works."""
    estimate = {
        "configuration": {"query": {}, "dryRun": True},
        "statistics": {"query": {"totalBytesProcessed": str(3 << 40), "statementType": "SELECT", "schema": {}}},
        "status": {"state": "DONE"},
    }
    refusing.answers = [(200, estimate, "")]
    with pytest.raises(UsageError, match=r"would read 3TiB, more than the limit of 100GiB.*max_bytes=3TiB;SELECT"):
        open_source("bq-query:SELECT 1")
    ((_, path, body),) = refusing.requests
    assert path.startswith("/bigquery/v2/projects/mine/jobs")
    assert body["configuration"]["dryRun"] is True
    open_source("bq-query:max_bytes=3TiB;SELECT 1")
    open_source("bq-query:project=theirs;location=EU;max_bytes=4 TiB;SELECT 1")
    assert refusing.requests[-1][1].startswith("/bigquery/v2/projects/theirs/jobs")
    assert refusing.requests[-1][2]["jobReference"]["location"] == "EU"
    assert refusing.requests[-1][2]["configuration"]["query"]["query"] == "SELECT 1"
    monkeypatch.setenv("KFX_BIGQUERY_MAX_BYTES", "3.5TiB")
    open_source("bq-query:SELECT 1")


def test_bignumeric_partitions_and_lost_rows_over_rest(refusing: Refusing) -> None:
    """BIGNUMERIC keeps 38 decimals; a partition is asked for by its decorator; fewer rows than counted is an error."""
    refusing.answers = [(200, TABLE, ""), (200, ROWS, "")]
    source = open_source("bq://p.d.t$20260101")
    assert str(source.schema().field("big").type) == "decimal256(76, 38)"
    (batch,) = source.batches()
    assert [str(value) for value in batch.column("big").to_pylist()] == ["0." + "5".ljust(38, "0"), "None"]
    assert "/tables/t%2420260101/data" in refusing.requests[-1][1].replace("$", "%24")

    fewer = {"totalRows": "1", "rows": ROWS["rows"][:1]}
    refusing.answers = [(200, TABLE, ""), (200, fewer, ""), (200, TABLE, "")]
    with pytest.raises(TransientError, match=r"1 of the 2 rows of 'bq://p\.d\.t' were read"):
        list(open_source("bq://p.d.t").batches())


@pytest.fixture
def no_read_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A Storage Read API that opens no session for want of permission, and the requests it got."""
    require_module("google.cloud.bigquery_storage_v1")
    import grpc

    requests: list[bytes] = []

    class Denying(grpc.GenericRpcHandler):
        def service(self, _details: Any) -> Any:
            def deny(request: bytes, context: Any) -> bytes:
                requests.append(request)
                context.abort(
                    grpc.StatusCode.PERMISSION_DENIED,
                    "request failed: the user does not have 'bigquery.readsessions.create' permission for "
                    "'projects/mine'",
                )
                return b""

            return grpc.unary_unary_rpc_method_handler(deny)

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Denying(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield requests
    server.stop(None)


def test_a_refused_read_session_names_its_role(refusing: Refusing, no_read_session: list[bytes]) -> None:
    """The role that opens read sessions is another than the one that reads tables, and is needed where it is billed."""
    refusing.answers = [(200, TABLE, "")]
    with pytest.raises(PermanentError, match=r"it takes roles/bigquery\.readSessionUser on project mine"):
        list(open_source("bq://p.d.t").batches())


def test_what_a_read_session_asks_for(refusing: Refusing, no_read_session: list[bytes]) -> None:
    """Columns and condition are in the request; the caller's project is billed; streams are many."""
    from google.cloud.bigquery_storage_v1 import types

    refusing.answers = [(200, TABLE, "")]
    with pytest.raises(PermanentError):
        list(open_source("bq://p.d.t?where=i > 1").batches(["big"]))
    asked = types.CreateReadSessionRequest.deserialize(no_read_session[0])
    assert asked.parent == "projects/mine"
    assert asked.max_stream_count > 1
    assert asked.read_session.table == "projects/p/datasets/d/tables/t"
    assert asked.read_session.data_format == types.DataFormat.ARROW
    assert list(asked.read_session.read_options.selected_fields) == ["big"]
    assert asked.read_session.read_options.row_restriction == "i > 1"


def test_rows_do_not_cross_the_network_in_the_clear(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator's gRPC address that is not this machine is refused."""
    require_module("google.cloud.bigquery_storage_v1")
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "192.0.2.1:9060")
    refusing.answers = [(200, TABLE, "")]
    with pytest.raises(UsageError, match="must start with https"):
        list(open_source("bq://p.d.t").batches())


def test_types_without_a_value_to_read(refusing: Refusing) -> None:
    """GEOGRAPHY is text, RANGE its two ends; an INTERVAL is refused where its values are wanted, and only there."""
    fields: list[dict[str, Any]] = [
        {"name": "i", "type": "INTEGER"},
        {"name": "g", "type": "GEOGRAPHY"},
        {"name": "r", "type": "RANGE", "rangeElementType": {"type": "DATE"}},
        {"name": "gap", "type": "INTERVAL"},
    ]
    table = {**TABLE, "schema": {"fields": fields}}
    refusing.answers = [(200, table, "")]
    kinds = [str(kind) for kind in open_source("bq://p.d.t").schema().types]
    assert kinds[1:] == ["string", "struct<start: date32[day], end: date32[day]>", "month_day_nano_interval"]
    with pytest.raises(UsageError, match=r"Column 'gap' .* has the type INTERVAL.*CAST\(gap AS STRING\) AS gap"):
        generate("bq://p.d.t")
    cells = {"totalRows": "2", "rows": [{"f": [{"v": "1"}]}, {"f": [{"v": "2"}]}]}
    refusing.answers = [(200, table, ""), (200, cells, "")]
    (dataset,) = generate("bq://p.d.t", StatsOptions(feature_allowlist=("i",))).datasets
    assert dataset.num_examples == 2
    refusing.answers = [(200, table, "")]
    with pytest.raises(UsageError, match=r"Column 'gap' has the Arrow type month_day_nano_interval.*--feature"):
        generate("bq://p.d.t", engine_name="bigquery")


def test_an_interval_does_not_reach_a_split(refusing: Refusing, tmp_path: Path) -> None:
    """Parquet holds no intervals: the split says so before it reads, with the query that makes text of them."""
    fields = [{"name": "i", "type": "INTEGER"}, {"name": "gap", "type": "INTERVAL"}]
    refusing.answers = [(200, {**TABLE, "schema": {"fields": fields}}, "")]
    with pytest.raises(UsageError, match=r"Parquet files cannot hold the intervals of gap\..*CAST\(gap AS STRING\)"):
        split_table("bq://p.d.t", [str(tmp_path / name) for name in "abc"])
