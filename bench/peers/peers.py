#!/usr/bin/env python3
"""Times monge and the Python libraries that solve the same problems: the same arrays and work, in one run, in turn.

    peers.py [--only NAME ...] [--size small|normal|full] [--device cpu|cuda] [--out DIR]

writes DIR/peers-MACHINE.md and .png, and every measurement as a line of JSON beside them. Libraries that are not
installed are named as absent. README.md beside this file says what is measured, and how.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORKLOADS = dict(SinkhornDense=("sinkhorn", "dense"), SinkhornLarge=("sinkhorn", "large"), SinkhornBatch=("sinkhorn", "batch"), SinkhornSharp=("sinkhorn", "sharp"),
                 ExactHard=("exact", "hard"), ExactEncoder=("exact", "encoder"), FlowMixture=("flows", "mixture"), FlowEmpirical=("flows", "empirical"),
                 FlowGaussian=("flows", "gaussian"), JacobianProbes=("flows", "jacobian"), CertifyLarge=("exact", "certify"))
LIBRARIES = ("numpy", "scipy", "ot", "torch", "geomloss", "pykeops", "flash_sinkhorn", "jax", "ott", "diffrax", "torchdiffeq", "lap", "lapjv")


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="NAME", default=list(WORKLOADS), help="these workloads: " + ", ".join(WORKLOADS))
    p.add_argument("--size", choices=("small", "normal", "full"), default="normal", help="small checks that all runs; full has the peers that take minutes")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    p.add_argument("--engine", help="monge's engine (default: the device)")
    p.add_argument("--rounds", type=int, default=3, help="times that each contestant runs, while its time lasts")
    p.add_argument("--seconds", type=float, default=600, help="time for all workloads, about")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of everybody (default: the processors)")
    p.add_argument("--images", default="", help="images, n x 784 of 0 to 255, as .npy or .npy.gz (default: drawn ones)")
    p.add_argument("--monge", default=os.path.join(HERE, "../../build/peers/monge-peers"), help="monge's part: go build -o FILE ./bench/peers")
    p.add_argument("--lapx", default=os.path.join(HERE, "../../build/peers/lapx"), help="the folder with lapx, whose module has lap's name")
    p.add_argument("--work", default=os.path.join(HERE, "../../build/peers"), help="folder for arrays and rows")
    p.add_argument("--out", default=os.path.join(HERE, "../../build/peers"), help="folder for the table and the plot")
    p.add_argument("--worker", help=argparse.SUPPRESS)
    o = p.parse_args()
    o.engine = o.engine or o.device
    o.rows = os.path.join(o.work, "rows.jsonl")
    return o


def environment(threads):
    """What every process runs under. The allocator keeps large temporaries: handing them back to the kernel costs POT and torch up to 1.8 times in a virtual machine."""
    env = dict(os.environ, MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="20000000000", PYKEOPS_VERBOSE="0", JAX_PLATFORMS=os.environ.get("JAX_PLATFORMS", ""),
               XLA_PYTHON_CLIENT_PREALLOCATE="false", TF_CPP_MIN_LOG_LEVEL="3")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(threads)
    return env


def worker(o):
    """One workload, in a process of its own: memory and settings of one library do not reach the next workload."""
    import importlib
    import warnings
    warnings.filterwarnings("ignore")
    sys.path.insert(0, HERE)
    from contest import Monge, Session, load
    torch = load("torch")
    if torch:
        torch.set_num_threads(o.threads)
    module, name = WORKLOADS[o.worker]
    monge = Monge(o.monge, o.engine, o.threads)
    try:
        getattr(importlib.import_module(module), name)(Session(o, monge))
    finally:
        monge.close()


def machine(o):
    """What a reader of the table must know."""
    sys.path.insert(0, HERE)
    from contest import version
    cpu = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    go = subprocess.run(["go", "version", o.monge], capture_output=True, text=True).stdout.split()
    facts = dict(date=datetime.date.today().isoformat(), machine=f"{o.threads} of {os.cpu_count()} processors, {cpu}", device=o.device, system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
                 python=platform.python_version(), go=go[-1] if go else "?", load="%.1f at the start" % os.getloadavg()[0], size=o.size,
                 versions={m: version(m) for m in LIBRARIES if version(m)})
    if os.path.isdir(o.lapx):
        facts["versions"]["lapx"] = next((d.split("-")[1].removesuffix(".dist") for d in os.listdir(o.lapx) if d.startswith("lapx-")), "?")
    return facts


def main():
    o = options()
    os.makedirs(o.work, exist_ok=True)
    os.makedirs(o.out, exist_ok=True)
    if o.worker:
        return worker(o)
    if not os.path.exists(o.monge):
        sys.exit(f"peers: {o.monge} is not built: make bench-peers")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:o.threads])
    if os.path.exists(o.rows):
        os.remove(o.rows)
    facts, failed, began = machine(o), [], time.time()
    passed = [a for a in sys.argv[1:]]
    for name in o.only:
        t = time.time()
        code = subprocess.run([sys.executable, __file__, *passed, "--worker", name], env=environment(o.threads)).returncode
        print(f"{name}: {time.time() - t:.0f} s", file=sys.stderr, flush=True)
        if code:
            failed.append(name)
    facts["took"] = f"{time.time() - began:.0f} s"
    shutil.rmtree(os.path.join(o.work, "arrays"), ignore_errors=True)
    import table
    rows = [json.loads(l) for l in open(o.rows)] if os.path.exists(o.rows) else []
    stem = os.path.join(o.out, f"peers-{o.device}")
    table.write(stem, facts, rows, failed)
    print(f"{stem}.md")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
