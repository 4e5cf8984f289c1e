"""Long bodies are kept in files, so that memory does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys

MIB = 1024 * 1024
SIZE = 96 * MIB
MAX_GROWTH = 24 * MIB
"""Allowed growth of memory: pieces of a body, and the first use of a library."""

ROUND_TRIP = """
import hashlib, json, sys, threading
import psutil, requests
from dataops_sandbox import Sandbox

size, line = int(sys.argv[1]), b"id-0000001," + "Zürich Rück ".encode() * 5 + b"\\n"
piece = line * (256 * 1024 // len(line))
count = size // len(piece)

class Body:
    # A stream with a length: requests sends it in pieces, with a Content-Length.
    def __init__(self):
        self.left, self.len = count, count * len(piece)
    def read(self, _):
        if not self.left:
            return b""
        self.left -= 1
        return piece

def digest(response):
    response.raise_for_status()
    total, sha = 0, hashlib.sha256()
    for chunk in response.iter_content(256 * 1024):
        total, _ = total + len(chunk), sha.update(chunk)
    return total, sha.hexdigest()

with Sandbox(run_seconds=0) as sandbox, requests.Session() as session:
    q = sandbox.connection("quantemplate")
    form = {"grant_type": "client_credentials", "client_id": q["login"], "client_secret": q["password"]}
    token = session.post(q["extra"]["auth_url"], data=form).json()["access_token"]
    session.headers["Authorization"] = "Bearer " + token
    base = q["host"] + "/organisations/c-sandbox"
    # First do everything with a small body, so that later growth comes only from the size.
    session.post(base + "/datasets/d-claims", data=line * 5000).raise_for_status()
    session.get(base + "/datasets/d-claims").raise_for_status()
    process, peak, done = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch():
        global peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    session.post(base + "/datasets/d-claims", data=Body()).raise_for_status()
    uploaded = sandbox.journal.entries(operation="upload_dataset")[-1]
    down = digest(session.get(base + "/datasets/d-claims", stream=True))
    result = {"intact": down == (uploaded.body_size, uploaded.body_sha256), "size": uploaded.body_size}
    if sys.argv[2] == "compute":
        run = session.post(base + "/pipelines/p-claims/executions").json()["id"]
        sandbox.wait_for(lambda _: sandbox.runs()[0].finished, timeout=300)
        [listed] = session.get(base + "/pipelines/p-claims/executions").json()
        output = listed["outputs"][0]["id"]
        url = f"{base}/pipelines/p-claims/executions/{run}/outputs/{output}"
        result["output"] = digest(session.get(url, stream=True))[0]
    done.set()
    watcher.join()
    print(json.dumps({**result, "growth": peak - before}))
"""


def round_trip(size: int, *, compute: bool) -> dict[str, int]:
    """Upload, download and perhaps compute in a new process, and return how its memory grew."""
    command = [sys.executable, "-c", ROUND_TRIP, str(size), "compute" if compute else "-"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    result: dict[str, int] = json.loads(run.stdout)
    return result


def test_long_dataset_does_not_fill_the_memory() -> None:
    result = round_trip(SIZE, compute=False)

    assert result["intact"]
    assert result["size"] > SIZE * 0.99
    assert result["growth"] < MAX_GROWTH


def test_long_output_does_not_fill_the_memory() -> None:
    result = round_trip(SIZE // 3, compute=True)

    assert result["output"] > result["size"]
    assert result["growth"] < MAX_GROWTH
