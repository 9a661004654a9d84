#!/bin/bash
# slurm.sh PROGRAM: a sweep on a real Slurm. Starts munged, slurmctld and slurmd of this machine on its loopback (as root,
# without systemd, GPUs pretended), submits an array of a dozen runs from a folder with a space in its name, takes one task
# from its node, so that it is queued again, tells a long run that its time is nearly over, and collects all results. The daemons are stopped by their pids, and everything else lies in a temporary
# folder.
set -euo pipefail
program=$(readlink -f "$1")
work=$(mktemp -d /tmp/slurm.XXXXXX)
pids=()
stop() {
  # A task that goes on without its daemons would write into the folder that is removed.
  if ((${#pids[@]} > 1)) && scancel --user="$(id -un)" 2>/dev/null; then wait_for 20 no_tasks || true; fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep .1; done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT
fail() { echo "slurm.sh: $*" >&2; tail -n 20 "$work"/*.log "$work"/a*/sweep/slurm/*.log 2>/dev/null >&2 || true; exit 1; }
# wait_for SECONDS COMMAND..: until the command succeeds
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || return 1; sleep .2; done
}

no_tasks() { test -z "$(squeue --noheader)"; }

host=$(hostname -s)
mkdir -m 755 "$work/munge" "$work/state" "$work/spool"
dd if=/dev/urandom bs=1 count=1024 of="$work/munge/key" status=none
chmod 400 "$work/munge/key"
chmod 755 "$work"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
  --log-file="$work/munge/log" --seed-file="$work/munge/seed" --num-threads=2 >"$work/munged.log" 2>&1 &
pids+=($!)
wait_for 20 test -S "$work/munge/socket" || fail "munged does not start"

cat >"$work/gres.conf" <<END
NodeName=$host Name=gpu File=/dev/null
NodeName=$host Name=gpu File=/dev/zero
END
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
SlurmdParameters=config_overrides
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MaxArraySize=9
JobRequeue=1
KillWait=2
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES OverSubscribe=NO MaxTime=10 State=UP
END
export SLURM_CONF=$work/slurm.conf
slurmctld -D -c >"$work/ctld.out.log" 2>&1 &
pids+=($!)
slurmd -D -N "$host" >"$work/slurmd.out.log" 2>&1 &
pids+=($!)
idle() { sinfo --noheader --format=%T | grep -q idle; }
wait_for 40 idle || fail "no node is idle: $(scontrol show node 2>&1)"

mkdir "$work/a folder, 5%"
cd "$work/a folder, 5%"
cat >sweep.toml <<'END'
name = "on slurm"
command = "compare"
repeat = ["seed"]
[set]
n = 200
jacobian-points = 16
[grid]
m = [1, 2, 4]
seed = {from = 1, to = 4, step = 1}
[derive]
dist = "copies:of=G1,m={m}"
[slurm]
sbatch = ["--gres=gpu:1", "--time=5"]
setup = ["export GOMAXPROCS=1", "sleep 1"]
END
"$program" sweep submit sweep.toml -o sweep --throttle 2
grep -q '^#SBATCH --array=0-7%2$' sweep/slurm/array.sbatch || fail "twelve runs want eight tasks, as MaxArraySize is 9"
job=$(sed -n 's/.*"id": "\([0-9]*\)".*/\1/p' sweep/slurm/jobs.json)

running() { squeue --array --noheader --states=RUNNING --format=%i | grep -q "^${job}_"; }
wait_for 30 running || fail "no task runs: $(squeue 2>&1)"
throttled=$(squeue --array --noheader --states=RUNNING --format=%i | wc -l)
((throttled <= 2)) || fail "$throttled tasks run at a time, want 2 at most"
"$program" sweep status sweep || true
if "$program" sweep submit sweep 2>again.log; then fail "submitted while its tasks are in the queue"; fi
grep -q 'are in the queue' again.log || fail "submitted again: $(cat again.log)"
# A task is taken from its node as if that failed, and Slurm queues it again.
task=$(squeue --array --noheader --states=RUNNING --format=%i | head -n 1)
patience=$((SECONDS + 6))
scontrol requeue "$task" || fail "task $task is not queued again"
empty() {
  # Slurm lets a task that is queued again wait for two minutes, in case its node is ill; some seconds it must have, since its
  # node refuses one that it has just ended.
  ((SECONDS < patience)) || for t in "$task" "${warned:-$task}"; do
    if squeue --array --noheader --states=PENDING --format=%i | grep -qx "$t"; then scontrol update jobid="$t" StartTime=now; fi
  done
  no_tasks
}
wait_for 120 empty || fail "the queue does not empty: $(squeue)"

# A long run is told that its time is nearly over, in its midst: its task queues itself, and goes on from what is kept.
cat >long.toml <<'END'
name = "long"
command = "suite"
args = ["E01", "E10", "E16"]
[set]
quick = true
[grid]
seed = [1]
[slurm]
sbatch = ["--time=5"]
END
"$program" sweep submit long.toml -o long
warned=$(sed -n 's/.*"id": "\([0-9]*\)".*/\1_0/p' long/slurm/jobs.json)
kept() { compgen -G 'long/runs/*/checkpoint/cases'; }
wait_for 90 kept || fail "nothing is kept on the way: $(cat long/slurm/*.log)"
told=$(scancel --batch --signal=USR1 "$warned" 2>&1) || fail "task $warned is not told: $told"
restarted() { scontrol show job "$warned" | grep -q Restarts=1; }
wait_for 30 restarted || fail "task $warned did not queue itself: $(scontrol show job "$warned" 2>&1)"
finished() { empty || true; "$program" sweep status long --json | grep -q '"done": 1'; }
patience=$((SECONDS + 6))
wait_for 120 finished || fail "the long run is not done: $(squeue) $(cat long/slurm/*.log)"
grep -q interrupted long/slurm/*.log || fail "the long run was not stopped: $(cat long/slurm/*.log)"

"$program" sweep status sweep --json >status.json
cat sweep/slurm/*_"${task#*_}".log
test "$(grep -c 'runs ' sweep/slurm/*_"${task#*_}".log)" -ge 1 || fail "task $task left no log"
grep -q '"done": 12' status.json || fail "not all of 12 runs are done"
"$program" sweep collect sweep >/dev/null
test "$(grep -c ',done,' sweep/results.csv)" = 12 || fail "results.csv has not 12 runs"
"$program" sweep submit sweep.toml -o sweep | grep -q nothing || fail "a finished sweep is submitted again"

# A sweep that is cancelled keeps what is done.
"$program" sweep submit sweep.toml -o other -S m=1,2,4,8 --throttle 1
"$program" sweep cancel other
wait_for 30 empty || fail "the queue does not empty after scancel: $(squeue)"
echo "slurm.sh: 12 runs on $(sinfo --version), two tasks queued again"
