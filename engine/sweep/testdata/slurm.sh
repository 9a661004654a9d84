#!/bin/bash
# slurm.sh PROGRAM: a sweep on a real Slurm. Starts munged, slurmctld and slurmd of this machine on its loopback (as root,
# without systemd, GPUs pretended), submits an array of a dozen runs, kills one task whose node seems to fail, so that it is
# queued again, and collects all results. The daemons are stopped by their pids, and everything else lies in a temporary
# folder.
set -euo pipefail
program=$(readlink -f "$1")
work=$(mktemp -d /tmp/slurm.XXXXXX)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep .1; done
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT
fail() { echo "slurm.sh: $*" >&2; tail -n 20 "$work"/*.log "$work"/sweep/slurm/*.log 2>/dev/null >&2 || true; exit 1; }
# wait_for SECONDS COMMAND..: until the command succeeds
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || return 1; sleep .2; done
}

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

cd "$work"
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
# A task is killed as by a failing node, and Slurm queues it again.
task=$(squeue --array --noheader --states=RUNNING --format=%i | head -n 1)
scontrol requeue "$task" || fail "task $task is not queued again"
empty() {
  # Slurm lets a task that is queued again wait for two minutes, in case its node is ill.
  if squeue --array --noheader --states=PENDING --format=%i | grep -qx "$task"; then scontrol update jobid="$task" StartTime=now; fi
  test -z "$(squeue --noheader)"
}
wait_for 120 empty || fail "the queue does not empty: $(squeue)"

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
echo "slurm.sh: 12 runs on $(sinfo --version), one task queued again"
