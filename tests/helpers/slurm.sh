#!/usr/bin/env bash
# A Slurm of one node with accounting, for tests: `slurm.sh start FOLDER`, `slurm.sh stop FOLDER`.
#
# Everything it has, munge's key and the database among it, lies in FOLDER, and its ports are free
# ones: nothing of the machine's own is touched, and several may run side by side. Needs root and the
# packages slurm-wlm, slurmdbd, munge and mariadb-server. Afterwards SLURM_CONF=FOLDER/slurm.conf.
set -euo pipefail
ACTION="$1"
FOLDER="$(realpath -m "$2")"
PATH="$PATH:/usr/sbin:/sbin"
DAEMONS=(slurmd slurmctld slurmdbd mariadbd munged) # in the order they are stopped

await() { # await WHAT COMMAND...: until it succeeds
    local what="$1"
    shift
    local until=$((SECONDS + 40))
    while [ $SECONDS -lt $until ]; do
        timeout 5 "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "$what did not come up; see $FOLDER/*.log" >&2
    exit 1
}

stop() {
    for daemon in "${DAEMONS[@]}"; do
        pid="$(cat "$FOLDER/$daemon.pid" 2>/dev/null)" || continue
        # A number may have been given to another process since.
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$daemon" ]; then continue; fi
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
}

start() {
    mkdir -p "$FOLDER"/{state,spool,database}
    chmod 755 "$FOLDER"
    cd "$FOLDER"
    read -r DBD CTLD SLURMD SQL < <(python3 - <<'PYTHON'
import socket
sockets = [socket.socket() for _ in range(4)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PYTHON
    )
    HOST="$(hostname -s)"
    MEMORY="$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)"

    dd if=/dev/urandom of=munge.key bs=1 count=1024 status=none
    chmod 600 munge.key
    munged --force --key-file "$FOLDER/munge.key" --socket "$FOLDER/munge.socket" \
        --pid-file "$FOLDER/munged.pid" --log-file "$FOLDER/munged.log" --seed-file "$FOLDER/munge.seed"

    mariadb-install-db --no-defaults --user=root --datadir="$FOLDER/database" \
        --skip-test-db >mariadb-install.log 2>&1
    mariadbd --no-defaults --user=root --datadir="$FOLDER/database" --bind-address=127.0.0.1 \
        --port="$SQL" --socket="$FOLDER/sql.socket" --pid-file="$FOLDER/mariadbd.pid" \
        --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 >mariadbd.log 2>&1 &
    disown
    await mariadbd mariadb-admin --no-defaults --socket="$FOLDER/sql.socket" -u root ping
    mariadb --no-defaults --socket="$FOLDER/sql.socket" -u root <<'SQL'
CREATE USER 'slurm'@'%' IDENTIFIED BY 'slurm';
CREATE USER 'slurm'@'localhost' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm.* TO 'slurm'@'%';
GRANT ALL ON slurm.* TO 'slurm'@'localhost';
SQL

    cat >slurmdbd.conf <<CONF
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge.socket,cred_expire=5
DbdHost=$HOST
DbdAddr=127.0.0.1
DbdPort=$DBD
SlurmUser=root
PidFile=$FOLDER/slurmdbd.pid
LogFile=$FOLDER/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$SQL
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
CONF
    chmod 600 slurmdbd.conf
    cat >slurm.conf <<CONF
ClusterName=tests
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$CTLD
SlurmdPort=$SLURMD
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge.socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/slurmctld.log
SlurmdLogFile=$FOLDER/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,sched_interval=1,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$DBD
AccountingStoragePass=$FOLDER/munge.socket
JobRequeue=1
KillWait=5
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=2 RealMemory=$MEMORY State=UNKNOWN
PartitionName=debug Nodes=$HOST Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=$HOST MaxTime=INFINITE PriorityTier=2
CONF
    export SLURM_CONF="$FOLDER/slurm.conf"
    slurmdbd
    await slurmdbd sacctmgr --noheader list cluster
    sacctmgr --immediate add cluster tests >/dev/null
    slurmctld
    await slurmctld scontrol ping
    slurmd
    await slurmd sh -c 'sinfo --noheader --format=%T | grep -q -e idle -e mixed'
}

case "$ACTION" in
start)
    trap 'stop' ERR
    start
    ;;
stop) stop ;;
esac
