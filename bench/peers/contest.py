"""Times contestants in turn on one problem, and records what they did."""
import importlib
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

#: Distribution that a module comes from, where the names differ.
DISTRIBUTION = {"ot": "POT", "ott": "ott-jax", "flash_sinkhorn": "flash-sinkhorn"}
PAUSE = .05  # seconds before a timed run: threads of the last one stop spinning


def load(module):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def version(module):
    try:
        return importlib.metadata.version(DISTRIBUTION.get(module, module))
    except importlib.metadata.PackageNotFoundError:
        return ""


class Monge:
    """The process that does monge's part, which times itself: its start, and reading of arrays, do not count."""

    def __init__(self, binary, engine, threads):
        env = dict(os.environ, GOMAXPROCS=str(threads))
        self.process = subprocess.Popen([binary, "-engine", engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
        self.engine = engine

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"monge ended with {self.process.wait()}")
        answer = json.loads(line)
        if answer.get("error"):
            raise RuntimeError(answer["error"])
        return answer

    def processor(self):
        """Seconds of all its threads so far; None where the system does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Contestant:
    def __init__(self, name, library, run, warm, accuracy, note):
        self.name, self.library, self.run, self.warm, self.accuracy, self.note = name, library, run, warm, accuracy, note
        self.seconds, self.processor, self.outcome, self.error = [], [], None, None


class Contest:
    """One problem: monge first, then the peers, in turn, round after round.

    A round is begun while the time for it is left; who takes more than a third of the budget has one run.
    unit is (a name, what the seconds are multiplied with), as ("ns a pair and half-iteration", 1e9 / pairs).
    """

    def __init__(self, session, workload, case, dtype, unit=None, budget=30.0, rounds=None):
        self.session, self.workload, self.case, self.dtype, self.unit = session, workload, case, dtype, unit
        self.budget, self.rounds = budget * session.scale, rounds or session.rounds
        self.contestants, self.absent = [], []

    def monge(self, job, arrays, accuracy=None, name="monge", note="", **request):
        """Adds monge with the arrays (name -> array) and the request's numbers."""
        c = Contestant(name, "monge", None, False, accuracy, note)
        c.run, c.result = self.job(job, arrays, name, **request)
        self.contestants.append(c)

    def job(self, job, arrays, name="monge", **request):
        """Two functions: one has monge do the job and returns (seconds, processor seconds), one returns the answer."""
        folder = self.session.folder(f"{self.workload}-{self.case}-{self.dtype}-{name}")
        for key, value in arrays.items():
            np.save(os.path.join(folder, key + ".npy"), np.ascontiguousarray(value))
        request = dict(request, job=job, dir=folder, dtype={"float32": "f32", "float64": "f64"}[self.dtype])
        process = self.session.monge

        def run():
            if process.prepared is not request:
                process.ask(**dict(request, do="prepare"))
                process.prepared = request
                process.ask(do="run")  # memory from the system, caches
            before = process.processor()
            seconds = process.ask(do="run")["seconds"]
            return seconds, None if before is None else process.processor() - before

        def answer():
            if process.prepared is not request:
                run()
            told = process.ask(do="save")
            files = [f for f in os.listdir(folder) if f.startswith("monge_")]
            found = {f[len("monge_"):-len(".npy")]: np.load(os.path.join(folder, f)) for f in files}
            return dict(told.get("values") or {}, **(told.get("notes") or {}), **found)
        return run, answer

    def peer(self, name, module, run, accuracy=None, warm=True, note=""):
        """Adds a peer: run() solves the problem and returns the answer, complete when it returns. warm: it runs once
        untimed before, for what it compiles then."""
        if load(module) is None:
            self.absent.append(dict(name=name, module=module))
            return
        c = Contestant(name, module, None, warm, accuracy, note)

        def timed():
            began, used = time.perf_counter(), time.process_time()
            c.outcome = run()
            return time.perf_counter() - began, time.process_time() - used

        c.run, c.result = timed, lambda: c.outcome
        self.contestants.append(c)

    def hold(self):
        """Runs the contest and records it. Returns the contestants by name."""
        began, limit = time.perf_counter(), self.budget / 3
        for c in self.contestants:
            if c.warm:
                self.attempt(c, count=False)
        for turn in range(self.rounds):
            for c in self.contestants:
                if c.error or turn > 0 and (c.seconds[0] > limit or time.perf_counter() - began + c.seconds[0] > self.budget):
                    continue
                self.attempt(c)
        for c in self.contestants:
            self.record(c)
        for a in self.absent:
            self.write(dict(peer=a["name"], absent=a["module"]))
        return {c.name: c for c in self.contestants}

    def attempt(self, c, count=True):
        time.sleep(PAUSE)
        try:
            seconds, processor = c.run()
            if count:
                c.seconds.append(seconds)
                c.processor += [] if processor is None else [processor]
        except Exception as e:  # a peer that fails is named, and does not stop the others
            c.error = f"{type(e).__name__}: {str(e)[:300]}"
            print(f"{self.workload} {self.case} {self.dtype}: {c.name}: {c.error}", file=sys.stderr)

    def record(self, c):
        row = dict(peer=c.name, library=c.library, version="" if c.library == "monge" else version(c.library), note=c.note)
        if c.error:
            return self.write(dict(row, error=c.error))
        row.update(seconds=[round(s, 6) for s in c.seconds], median=statistics.median(c.seconds), least=min(c.seconds))
        if c.processor:
            row.update(processor=round(statistics.median(c.processor), 3))
        if self.unit:
            row.update(unit=self.unit[0], rate=statistics.median(c.seconds) * self.unit[1])
        if c.accuracy:
            try:
                row.update(accuracy={k: float(v) for k, v in c.accuracy(c.result()).items()})
            except Exception as e:
                row.update(accuracy={}, note=f"{c.note} (accuracy unknown: {e})")
        self.write(row)

    def write(self, row):
        self.session.write(dict(workload=self.workload, case=self.case, dtype=self.dtype, **row))


class Session:
    """What the contests of one workload share."""

    def __init__(self, options, monge):
        self.options, self.monge = options, monge
        monge.prepared = None
        self.size, self.rounds = options.size, options.rounds
        self.scale = options.seconds / 600
        self.device = options.device

    def folder(self, name):
        path = os.path.join(self.options.work, "arrays", name.replace(" ", "_").replace("/", "_"))
        os.makedirs(path, exist_ok=True)
        for f in os.listdir(path):
            os.remove(os.path.join(path, f))
        return path

    def write(self, row):
        with open(self.options.rows, "a") as f:
            f.write(json.dumps(dict(row, device=self.device)) + "\n")

    def pick(self, small, normal, full=None):
        """A size of the workload by what was asked for."""
        return {"small": small, "normal": normal, "full": full or normal}[self.size]
