"""A run's engine where Ray does the work: windows are encoded and shards searched by workers."""

from __future__ import annotations

import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from pickle import PicklingError
from typing import Any

from bench.cluster.crew import Crew, Task, room
from bench.cluster.joining import joined, refuse_unfit
from bench.cluster.worker import Made, Order, Sent, Worker
from bench.encoding import TextEncoder
from bench.engine import LOCAL, Engine, Windows, Work
from bench.errors import InputError
from bench.files import digest, writing
from bench.forms import form_of
from bench.idtable import Ids
from bench.locks import refuse_without_locks
from bench.plan import Plan
from bench.retriever import Asks, Progress, Vectors
from bench.search import Found
from bench.search.parts import merged
from bench.store import Request, Shard
from bench.watch import Watch

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


@contextmanager
def engine_of(plan: Plan, watch: Watch, notes: list[str]) -> Iterator[Engine]:
    """The engine that the plan asks for; Ray's workers are there inside of the block, and end with it.

    `notes` get what a user has to know of what was not done by workers. InputError where workers cannot know the model;
    StoppedError as `joined` and `Crew` have it.
    """
    if plan.cluster is None:
        yield LOCAL
        return
    if not _for_workers(plan):
        notes.append(f"--engine ray: {plan.system.name} has no texts to encode on these machines: all was done here")
        yield LOCAL
        return
    refuse_beforehand(plan)
    store = plan.places.cache.absolute() / "vectors"
    refuse_without_locks(store)
    with _marked(_order(store)) as order:
        with joined(plan.cluster.address, plan.cluster.workers, offline=plan.places.offline) as ray:
            engine = _mustered(ray, plan, order, watch)
            try:
                yield engine
            finally:
                engine.crew.close()
        notes += engine.notes()


def refuse_beforehand(plan: Plan) -> None:
    """What of a run by workers can be refused without a look at the cluster; errors as `engine_of` has them."""
    if plan.cluster is None or not _for_workers(plan):
        return
    if plan.system.unresolved:
        raise InputError(f"--engine ray: {plan.system.unresolved}; without it nobody can tell workers' vectors apart")
    refuse_unfit(plan.cluster.address, plan.cluster.workers)


def _for_workers(plan: Plan) -> bool:
    """Whether there are texts to be encoded on these machines."""
    return not all(isinstance(encoder, Asks) for encoder in plan.system.encoders)


@contextmanager
def _marked(order: Order) -> Iterator[Order]:
    """The file by which workers know the folder of vectors is there."""
    mark = order.mark()
    with writing(mark):
        mark.touch()
    try:
        yield order
    finally:
        mark.unlink(missing_ok=True)


def _order(store: Path) -> Order:
    variables = tuple((name, os.environ[name]) for name in _OFFLINE if name in os.environ)
    return Order(b"", store, secrets.token_hex(8), 1, str(Path.cwd()), tuple(filter(None, sys.path)), variables)


@dataclass(frozen=True)
class Share:
    """What each of so many workers gets of the cluster: processors and GPUs."""

    workers: int
    cpus: int
    gpus: int


def shared_out(nodes: Sequence[dict[str, Any]], wanted: int | None, device: str | None) -> Share:
    """One worker a GPU or, without any, a node, unless another number is wanted; InputError where there is no room.

    `nodes` are the resources of each. Processors are dealt out so that every node could take its share of workers; one
    with fewer processors than GPUs counts none for a worker.
    """
    if device and not device.isalpha():
        kind = device.partition(",")[0].partition(":")[0]
        raise InputError(f"--device {device}: with --engine ray every worker has one device: say --device {kind}")
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    gpus = [0 if device == "cpu" else int(node.get("GPU", 0)) for node in nodes]
    if device == "cuda" and not any(gpus):
        raise InputError(
            "--device cuda: no node of the cluster has a GPU (ray status lists what they have; ray start finds GPUs, "
            "or is told of them with --num-gpus); start one that has, or leave --device away"
        )
    count = wanted or sum(gpus) or sum(1 for number in cpus if number) or 1
    most, kind = (sum(gpus), "GPU") if any(gpus) else (sum(cpus), "processor")
    if count > most:
        raise InputError(f"--workers {count}: the cluster has {most} {kind}{'s' * (most != 1)}, one a worker at least")
    if any(gpus):
        there = zip(cpus, _dealt(gpus, count), strict=True)
        return Share(count, min(number // held for number, held in there if held), 1)
    usable = [number for number in cpus if number]
    return Share(count, max(1, min(usable, default=1) // ceil(count / max(1, len(usable)))), 0)


def _dealt(gpus: Sequence[int], count: int) -> list[int]:
    """The workers of each node where they are spread over the GPUs of all, one a GPU."""
    held = [0] * len(gpus)
    for _ in range(count):
        held[min((n for n in range(len(gpus)) if held[n] < gpus[n]), key=held.__getitem__)] += 1
    return held


def _mustered(ray: Any, plan: Plan, order: Order, watch: Watch) -> RayEngine:
    assert plan.cluster is not None
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    share = shared_out(nodes, plan.cluster.workers, plan.cluster.origin.options.device)
    told = replace(order, origin=_pickled(ray, plan), threads=_threads(share.cpus), seed=plan.seed)
    remote = ray.remote(Worker).options(
        num_cpus=share.cpus, num_gpus=share.gpus, scheduling_strategy="SPREAD", max_restarts=0
    )
    crew = Crew(lambda: remote.remote(told), share.workers, watch.say)
    try:
        crew.muster()
    except BaseException:
        crew.close()
        raise
    return RayEngine(crew, plan.system.encoders)


def _pickled(ray: Any, plan: Plan) -> bytes:
    """What the system is resolved from, as bytes; InputError for an object that cannot be made into such."""
    assert plan.cluster is not None
    try:
        pickled: bytes = ray.cloudpickle.dumps(plan.cluster.origin)
    except (TypeError, AttributeError, PicklingError) as error:
        raise InputError(f"--engine ray: {plan.system.name} cannot be sent to workers: {error}") from error
    return pickled


def _threads(cpus: int) -> int:
    """What OMP_NUM_THREADS says, else a worker's processors."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else max(1, cpus)


class RayEngine:
    """Workers of Ray; see `bench.engine.Engine`."""

    def __init__(self, crew: Crew, encoders: tuple[TextEncoder, ...]) -> None:
        self.crew, self._encoders = crew, encoders
        self._described = {
            "name": "ray",
            "workers": len(crew.workers),
            "nodes": len({worker.node for worker in crew.workers}),
        }
        self._apart = sum(not worker.sees for worker in crew.workers)
        self._searched, self._encoded = False, False

    def described(self) -> dict[str, Any] | None:
        return dict(self._described)

    def notes(self) -> list[str]:
        """What a user has to know after the run."""
        found = []
        if self._apart:
            found.append(f"--engine ray: {_counted(self._apart)} not see the cache folder: the vectors were sent here")
        if self._encoded and not self._searched:
            found.append("--engine ray: the vectors were made by workers and searched here")
        return found

    def shards(self, work: Work, windows: Windows, wait: bool) -> Iterator[tuple[int, Shard]]:
        """The shards of the windows; texts are sent only of those that are not in the store."""
        number = next((i for i, encoder in enumerate(self._encoders) if encoder is work.encoder), None)
        if number is None:
            yield from LOCAL.shards(work, windows, wait)
            return
        self._encoded = True
        here: list[tuple[int, Shard]] = []
        requests: dict[int, Request] = {}
        tasks = self._tasks(work, number, windows, wait, here, requests)
        results = self.crew.results(tasks)
        while True:
            with work.watch.phase(work.phase):
                result = next(results, None)
            yield from here
            here.clear()
            if result is None:
                return
            task, made = result
            shard = _stored(work, requests.pop(task.number), made)
            if shard:
                yield task.number, shard

    def _tasks(
        self,
        work: Work,
        encoder: int,
        windows: Windows,
        wait: bool,
        here: list[tuple[int, Shard]],
        requests: dict[int, Request],
    ) -> Iterator[Task]:
        """A task for each window whose shard is not there; those that are go to `here`."""
        suffix, recipe = form_of(work.encoder).suffix, digest(work.encoder.recipe(work.side))
        for number, texts in windows:
            request = work.store.request(work.encoder, texts, work.side, work.language)
            found = work.store.find(request.recipe, request.key, suffix, quiet=True)
            if found:
                work.found(found)
                here.append((number, found))
                continue
            requests[number] = request
            name = f"{work.side} shard {number + 1} ({work.language}, {len(texts):,} texts)"
            yield Task(number, name, "encode", (encoder, recipe, texts, work.side, work.language, wait))

    def search(
        self, queries: Vectors, shards: Sequence[Shard], ids: Ids, k: int, memory: int, progress: Progress
    ) -> list[Found]:
        """The exact top k; each worker that sees the shards searches a stretch of them."""
        seeing = Counter(worker.node for worker in self.crew.workers if worker.sees)
        count = min(seeing.total(), len(shards))
        if not count or not len(queries):
            return LOCAL.search(queries, shards, ids, k, memory, progress)
        import ray

        self._searched = True
        total = sum(shard.rows for shard in shards)
        with room():
            sent, names = ray.put(queries), ray.put(ids)
        tasks, first = [], 0
        for number, stretch in enumerate(stretches(shards, count)):
            rows, paths = sum(shard.rows for shard in stretch), [shard.path for shard in stretch]
            share = memory // max(seeing.values())
            arguments = (sent, paths, names, first, rows, k, share)
            tasks.append(Task(number, f"the search of rows {first + 1:,} to {first + rows:,}", "search", arguments))
            first += rows
        parts, done = {}, 0
        for task, part in self.crew.results(tasks, lambda worker: worker.sees):
            parts[task.number], done = part, done + task.arguments[4]
            progress(done, total)
        return merged([parts[number] for number in sorted(parts)], k, ids)


def _counted(workers: int) -> str:
    return f"{workers} workers do" if workers > 1 else "one worker does"


def stretches(shards: Sequence[Shard], count: int) -> list[Sequence[Shard]]:
    """The shards in so many consecutive stretches of nearly as many shards each; none is empty."""
    edges = [round(i * len(shards) / count) for i in range(count + 1)]
    return [shards[a:b] for a, b in pairwise(edges)]


def _stored(work: Work, request: Request, made: Made) -> Shard | None:
    """What a worker has made of a window, now in the store; the watch is told."""
    for note in made.notes:
        if note not in work.store.said:
            work.store.said.add(note)
            work.store.say(note)
    if made.shard is None:
        return None
    shard = work.store.put(request, *made.shard) if isinstance(made.shard, Sent) else made.shard
    work.found(shard)
    if work.side == "document" and not shard.reused:
        work.watch.encoded(shard.rows)
    return shard
