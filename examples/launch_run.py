"""Launches a run of sync_orders from outside, through the GraphQL API of Dagster's webserver.

In: the webserver's address and a scope. Out: the run's log while it goes on, then what became of each customer's
orders; exit code 0 if every order that the run took up is SYNCED, else 1. Needs gql and httpx, nothing of order_sync.

    python examples/launch_run.py http://127.0.0.1:3000 --customer "Café Brontë" --limit 100
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.httpx import HTTPXTransport
from httpx import HTTPError

JOB = "sync_orders"
PAUSE = 1.0  # seconds between two looks at the run

FIND = gql("""
    query Find {
      repositoriesOrError {
        ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
        ... on PythonError { message }
      }
    }
""")

LAUNCH = gql("""
    mutation Launch($params: ExecutionParams!) {
      launchRun(executionParams: $params) {
        ... on LaunchRunSuccess { run { runId } }
        ... on RunConfigValidationInvalid { errors { message } }
        ... on Error { message }
      }
    }
""")

FOLLOW = gql("""
    query Follow($runId: ID!, $cursor: String) {
      logsForRun(runId: $runId, afterCursor: $cursor) {
        ... on EventConnection {
          cursor
          hasMore
          events {
            __typename
            ... on MessageEvent { message stepKey }
            ... on RunFailureEvent { error { message causes { message } } }
          }
        }
        ... on Error { message }
      }
      runOrError(runId: $runId) { ... on Run { status } ... on Error { message } }
    }
""")

RESULT = gql("""
    query Result($runId: ID!) {
      runOrError(runId: $runId) {
        ... on Run {
          assetMaterializations {
            assetKey { path }
            metadataEntries {
              label
              ... on IntMetadataEntry { intRepr }
              ... on TableMetadataEntry { table { records schema { columns { name } } } }
            }
          }
        }
      }
    }
""")


class Failed(Exception):
    """Dagster refused, and says why."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Launch sync_orders through Dagster's GraphQL API.")
    parser.add_argument("url", help="where Dagster's UI is, such as http://127.0.0.1:3000")
    parser.add_argument("--customer", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N orders, the oldest first")
    arguments = parser.parse_args()
    scope = {"customers": arguments.customer} | ({"limit": arguments.limit} if arguments.limit else {})
    transport = HTTPXTransport(url=f"{arguments.url.rstrip('/')}/graphql", timeout=60)
    try:
        with Client(transport=transport) as dagster:
            run_id = launch(dagster, scope)
            print(f"Run {arguments.url.rstrip('/')}/runs/{run_id}", flush=True)
            status = follow(dagster, run_id)
            print(f"The run ended with {status}.")
            return 0 if status == "SUCCESS" and tell(dagster, run_id) else 1
    except Failed as error:
        print(f"Dagster refused: {error}", file=sys.stderr)
    except (TransportError, HTTPError) as error:
        print(f"Dagster could not be asked: {error}", file=sys.stderr)
    return 1


def launch(dagster: Any, scope: dict[str, Any]) -> str:
    """The id of a new run of the job, wherever the webserver has it."""
    found = ask(dagster, FIND)["repositoriesOrError"]
    places = [r for r in found.get("nodes", []) if any(job["name"] == JOB for job in r["jobs"])]
    if not places:
        raise Failed(found.get("message") or f"it has no job {JOB}; is its code location loaded?")
    params = {
        "selector": {
            "repositoryLocationName": places[0]["location"]["name"],
            "repositoryName": places[0]["name"],
            "jobName": JOB,
        },
        "runConfigData": {"resources": {"scope": {"config": scope}}},
        "executionMetadata": {"tags": [{"key": "order_sync/started_by", "value": "launch_run.py"}]},
    }
    answer = ask(dagster, LAUNCH, params=params)["launchRun"]
    if "run" not in answer:
        raise Failed("; ".join(e["message"] for e in answer.get("errors", [])) or answer.get("message", str(answer)))
    return str(answer["run"]["runId"])


def follow(dagster: Any, run_id: str) -> str:
    """Prints order_sync's own lines and each step that is done. Returns the status that the run ended with."""
    cursor = None
    while True:
        answer = ask(dagster, FOLLOW, runId=run_id, cursor=cursor)
        logs, run = answer["logsForRun"], answer["runOrError"]
        if "events" not in logs or "status" not in run:
            raise Failed(logs.get("message") or run.get("message"))
        for event in logs["events"]:
            if event["__typename"] in ("LogMessageEvent", "ExecutionStepSuccessEvent", "ExecutionStepFailureEvent"):
                print(f"  {event['stepKey'] or '-'}: {event['message']}", flush=True)
            elif event.get("error"):
                for error in (event["error"], *event["error"]["causes"]):
                    print(f"  {error['message'].strip()}", flush=True)
        cursor = logs["cursor"]
        if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") and not logs["hasMore"]:
            return str(run["status"])
        if not logs["hasMore"]:
            time.sleep(PAUSE)


def tell(dagster: Any, run_id: str) -> bool:
    """Prints what became of each customer's orders. Is everything SYNCED that the run took up?"""
    made = ask(dagster, RESULT, runId=run_id)["runOrError"]["assetMaterializations"]
    entries = next(m["metadataEntries"] for m in made if m["assetKey"]["path"] == ["order_list"])
    numbers = {e["label"]: int(e["intRepr"]) for e in entries if "intRepr" in e}
    for table in (e["table"] for e in entries if e["label"] == "customers" and "table" in e):
        _, *counted = (column["name"] for column in table["schema"]["columns"])  # after the customer's name
        for line in map(json.loads, table["records"]):
            print(f"{line['customer']}: " + ", ".join(f"{line[what]} {what}" for what in counted))
    print(f"{numbers['rejected']} rows rejected, {numbers['held back']} orders held back")
    return numbers["rejected"] == numbers["held back"] == 0


def ask(dagster: Any, request: Any, **variables: Any) -> dict[str, Any]:
    request.variable_values = variables
    return dict(dagster.execute(request))


if __name__ == "__main__":
    sys.exit(main())
