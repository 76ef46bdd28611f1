"""Our client beside the bare `openai` client and datatrove: time, CPU, memory, rejections.

    python tests/bench/bench_llm_client.py [--peer-python PYTHON] [--only SCENARIO] [--repeat N]

A server on loopback answers after 200 ms; each client runs in a process of its own, clients take
turns, and medians are printed. `--peer-python` is a Python that has datatrove; without it that
line is left out. Span is from the first request to the last answer, as the server saw it; CPU is
of the whole client process, imports included and, in brackets, without them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LATENCY = 0.2
QUERY = {"form": "question", "names_entity": True, "needs_time": False}
REPLY = {
    "standalone_score": 80,
    "summary": "When and how a customer may end the contract, and what is paid back.",
    "facts": [
        {
            "evidence": f"The customer may end the contract within {30 + i} days of delivery.",
            "fact_type": "right",
            "queries": [{"text": f"how many days to cancel a delivered order {i}", **QUERY}] * 2,
        }
        for i in range(4)
    ],
    "passage_queries": [
        {"query": {"text": "cancel an order and get money back", **QUERY}, "covers_facts": [0, 1]}
    ],
}
REFUSED = frozenset(i * 125 + 60 for i in range(16))  # rows that always get a 400


@dataclass(frozen=True)
class Scenario:
    faults: dict[str, Any]
    n: int = 2000
    concurrency: int = 64

    @property
    def ideal(self) -> float:
        """Seconds that no client can be below."""
        if rate := self.faults.get("admitted"):
            return (self.n - rate) / rate
        return self.n * LATENCY / self.concurrency


SCENARIOS = {
    "clean": Scenario({}),
    "faults": Scenario({"too_many": 0.025, "server_error": 0.025, "malformed": 0.02}),
    "admission": Scenario({"admitted": 40.0}, n=800),
    "refused rows": Scenario({"refuse": " never."}),
    "cut and reset": Scenario(
        {"too_many": 0.02, "server_error": 0.02, "malformed": 0.02, "truncated": 0.03,
         "reset": 0.03, "refuse": " never."}
    ),
}  # fmt: skip


def prompt(i: int) -> str:
    row = f"{i} never" if i in REFUSED else str(i)
    return f"row {row}. Write queries for this passage. " + "The customer pays the price. " * 100


# --- clients: each prints a JSON line with what came of the rows --------------------------------


def ours(url: str, n: int, concurrency: int) -> dict[str, int]:
    from collections import Counter

    from datakit import resources
    from datakit.llm.client import Client
    from datakit.llm.conversation import walk
    from datakit.llm.endpoint import EndpointSettings
    from datakit.llm.exchange import Message, Outcome, Reading, Schema, Task
    from datakit.llm.log import ReplyLog
    from datakit.records import Dropped

    schema = Schema("bottom_up.v1", resources.schema("bottom_up.v1"))

    def tasks() -> Any:
        for i in range(n):
            yield Task(f"r{i}", (Message("user", prompt(i)),), schema, "bottom_up.v1.en", "0" * 64)

    def read(task: Task, value: Any, model: str) -> Reading:
        return Reading((Dropped(task.record_id, "read", value["summary"]),))

    endpoint = EndpointSettings("m", url, api_key_env="", concurrency=concurrency)
    with tempfile.TemporaryDirectory() as folder, ReplyLog(Path(folder)) as log:
        client = Client(endpoint, log)
        sent = client.send(tasks(), read)
        ended: Counter[str] = Counter()
        talk = client.talk(read)
        for task in tasks():
            outcome = walk(task, talk)
            ended[outcome.state if isinstance(outcome, Outcome) else "lost"] += 1
    return {"kept": ended["parsed"] + ended["repaired"], "dropped": ended["dropped"],
            "lost": ended["lost"], "calls": sent.calls}  # fmt: skip


def bare(url: str, n: int, concurrency: int) -> dict[str, int]:
    """The SDK's own retries, and up to three more calls where the JSON is broken."""
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=5)
    rows, kept = iter(range(n)), 0

    async def work() -> None:
        nonlocal kept
        for i in rows:
            for _ in range(4):
                try:
                    done = await client.chat.completions.create(
                        model="m",
                        messages=[{"role": "user", "content": prompt(i)}],
                        max_tokens=2048,
                    )
                    json.loads(done.choices[0].message.content or "")
                except ValueError:
                    continue
                except openai.OpenAIError:
                    break
                kept += 1
                break

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(concurrency)))
        await client.close()

    asyncio.run(main())
    return {"kept": kept, "lost": n - kept}


def datatrove(url: str, n: int, concurrency: int) -> dict[str, int]:
    """Its inference runner against an endpoint, without checkpoints."""
    from datatrove.data import Document
    from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
    from datatrove.pipeline.writers import JsonlWriter

    async def rollout(document: Document, generate: Any) -> Any:
        return await generate(
            {"messages": [{"role": "user", "content": document.text}], "max_tokens": 2048}
        )

    with tempfile.TemporaryDirectory() as folder:
        config = InferenceConfig(
            server_type="endpoint",
            model_name_or_path="m",
            endpoint_url=url.removesuffix("/v1"),
            max_concurrent_generations=concurrency,
        )
        out = JsonlWriter(folder, output_filename="${rank}.jsonl", compression=None)
        runner = InferenceRunner(rollout_fn=rollout, config=config, output_writer=out)
        documents = (Document(text=prompt(i), id=str(i)) for i in range(n))
        runner.run(documents, rank=0, world_size=1)
        kept = sum(len(file.read_text().splitlines()) for file in Path(folder).glob("*.jsonl"))
    return {"kept": kept, "lost": n - kept}


CLIENTS = {"ours": ours, "bare": bare, "datatrove": datatrove}


# --- one measurement ------------------------------------------------------------------------


def work(client: str, url: str, n: int, concurrency: int) -> None:
    import openai

    assert openai.AsyncOpenAI  # the SDK loads its parts when they are first used
    before = resource.getrusage(resource.RUSAGE_SELF)
    ended = CLIENTS[client](url, n, concurrency)
    after = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime + children.ru_utime + children.ru_stime
    print("RESULT " + json.dumps({
        **ended, "cpu": used, "cpu_run": used - before.ru_utime - before.ru_stime,
        "rss": (after.ru_maxrss + children.ru_maxrss) / 1024,
    }))  # fmt: skip


def get(url: str, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + path) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def measure(client: str, python: str, scenario: Scenario) -> dict[str, Any] | str:
    """One run against a server of its own; a line of text says why there is no figure."""
    server = subprocess.Popen(
        [sys.executable, str(HERE.parent / "chat_server.py"), "--latency", str(LATENCY),
         "--text", json.dumps(REPLY), "--faults", json.dumps(scenario.faults)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        start = time.monotonic()
        done = subprocess.run(
            [python, __file__, "--work", client, "--url", url, "--n", str(scenario.n),
             "--concurrency", str(scenario.concurrency)],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        wall = time.monotonic() - start
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            return (done.stderr.strip().splitlines() or ["no output"])[-1][:120]
        return {**get(url, "/stats"), **json.loads(lines[-1][7:]), "wall": wall}
    except subprocess.TimeoutExpired:
        return "more than 120 s"
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="a Python that has datatrove")
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--work", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--concurrency", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.url, options.n, options.concurrency)
        return
    pythons = {"ours": sys.executable, "bare": sys.executable}
    if options.peer_python:
        pythons["datatrove"] = options.peer_python
    else:
        print("datatrove: left out, no --peer-python")
    for name, scenario in SCENARIOS.items():
        if options.only not in (None, name):
            continue
        print(f"{name}: {scenario.n} requests, {scenario.concurrency} in flight, "
              f"ideal {scenario.ideal:.2f} s")  # fmt: skip
        runs: dict[str, list[dict[str, Any] | str]] = {client: [] for client in pythons}
        for _ in range(options.repeat):
            for client, python in pythons.items():
                runs[client].append(measure(client, python, scenario))
        for client, results in runs.items():
            show(client, results, scenario)


def show(client: str, results: list[dict[str, Any] | str], scenario: Scenario) -> None:
    good = [r for r in results if not isinstance(r, str)]
    if not good:
        print(f"  {client:10} no figure: {results[0]}")
        return

    def mid(name: str) -> float:
        return statistics.median(r[name] for r in good)

    last = good[-1]
    rows = {name: last[name] for name in ("kept", "dropped", "lost") if name in last}
    print(
        f"  {client:10} span {mid('span'):6.2f} s ({mid('span') / scenario.ideal:.2f} x)  "
        f"wall {mid('wall'):6.2f} s  "
        f"CPU {mid('cpu') / scenario.n * 1000:.2f} ({mid('cpu_run') / scenario.n * 1000:.2f}) ms  "
        f"RSS {mid('rss'):4.0f} MB  statuses {last['statuses']}  paid twice {last['paid_twice']}  "
        f"most in flight {last['most_in_flight']}  {rows}"
    )


if __name__ == "__main__":
    main()
