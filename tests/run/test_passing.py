"""What is tried again, and what is not: errors as the package raises them, by class and words."""

from pathlib import Path

import botocore.exceptions
import pytest
from lib.ports import free_port

from akasa.ingest.readers.records import RefusedDelivery
from akasa.kpis.reconcile import Disagreement
from akasa.run import passing
from akasa.run.parameters import UsageError
from akasa.run.told import StepFailed
from akasa.run.upload import PublishFailed
from akasa.stores import database
from akasa.stores.database import DatabaseUnavailable
from akasa.stores.lock import Busy
from akasa.validate.gate import GateStopped
from akasa.workspace import cluster, secrets_manager, storage
from akasa.workspace.cluster import ClusterUnavailable
from akasa.workspace.settings import SettingsError
from akasa.workspace.storage import Bucket, StorageUnavailable

PLACE = Bucket("s3://akasa/warehouse", "http://127.0.0.1:9000")


def in_a_notebook(error):
    return StepFailed("02_validate", f"{type(error).__name__}: {error}", Path("02_validate.html"))


def raised(do):
    with pytest.raises(RuntimeError) as caught:
        do()
    return caught.value


def test_a_server_that_is_away_passes(workspace, monkeypatch):
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    settings = workspace.model_copy(update={"db_host": "127.0.0.1", "db_port": free_port()})
    no_database = raised(lambda: database.query("select 1", settings))
    no_cluster = raised(lambda: cluster.place(f"tcp://127.0.0.1:{free_port()}"))
    no_storage = PLACE.unavailable(botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"))
    assert [type(one) for one in (no_database, no_cluster)] == [DatabaseUnavailable, ClusterUnavailable]
    for error in (no_database, no_cluster, no_storage):
        assert passing.passes(error), error
        assert passing.passes(in_a_notebook(error)), error


@pytest.mark.parametrize(
    "error",
    [
        PLACE.unavailable(OSError("AWS Error NETWORK_CONNECTION: curlCode: 28, Timeout was reached")),
        PLACE.unavailable(OSError("An error occurred (503) when calling PutObject: SlowDown")),
        PublishFailed(f"the report is in outputs, and was not published: {storage.AWAY[-1]}"),
        ClusterUnavailable("the Dask scheduler at tcp://x has had no worker for 60 s"),
        ClusterUnavailable("the Dask scheduler at tcp://x went away during the run: "),
        DatabaseUnavailable("cannot use database 'a' as 'a' on db:3306 (error 1040): Too many connections"),
        Busy("process 7 (run 1a2b3c4d) holds data; waited 60 s."),
        *(
            SettingsError(f"AWS_SECRET_NAME: the secret 'x' cannot be used: {said}")
            for said in secrets_manager.AWAY
        ),
    ],
)
def test_what_comes_back_by_itself_passes(error):
    assert passing.passes(error)
    assert passing.is_ours(error)


def test_a_connection_that_breaks_in_a_notebook_passes():
    lost = "(pymysql.err.OperationalError) (2013, 'Lost connection to server during query')"
    assert passing.passes(StepFailed("03_kpis_sql", f"OperationalError: {lost}", Path("x")))
    wrong = "(pymysql.err.OperationalError) (1054, \"Unknown column 'x'\")"
    assert not passing.passes(StepFailed("03_kpis_sql", f"OperationalError: {wrong}", Path("x")))


@pytest.mark.parametrize(
    "error",
    [
        GateStopped("incoming/orders.xml: 40 of 100 rejected"),
        Disagreement("monthly_trends: sql says 1, pandas says 2"),
        RefusedDelivery("incoming/orders.xml", 1, "it is empty"),
        UsageError("top_n: 0 is not a whole number from 1"),
        SettingsError("DB_PORT: Input should be less than or equal to 65535"),
        DatabaseUnavailable("cannot use database 'a' as 'a' on db:2003 (error 1045): wrong password"),
        DatabaseUnavailable("cannot use database 'a' as 'a' on db:3306 (error 1049): no such database"),
        PLACE.unavailable(OSError("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation")),
        PLACE.unavailable(OSError("AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation")),
        StorageUnavailable("cannot use s3://x: boto3 is not installed; make env EXTRA=aws"),
        PublishFailed("s3://x/latest.json was moved to run y while this one went on"),
        ClusterUnavailable("workers of tcp://x died one after another on the same task"),
        SettingsError("AWS_SECRET_NAME: the secret 'x' cannot be used: it is not JSON"),
    ],
)
def test_what_stays_until_somebody_mends_it_is_not_tried_again(error):
    assert not passing.passes(error)
    assert not passing.passes(in_a_notebook(error))
    assert passing.is_ours(error)


@pytest.mark.parametrize("bug", [KeyError("x"), TypeError("x"), AttributeError("x"), IndexError("x")])
def test_a_bug_is_not_told_in_our_words(bug):
    assert not passing.is_ours(bug)
