#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the daemon at random moments while manifests are written; what was acknowledged must be there afterwards.

usage: crash.py ROUNDS SEED MOUNT SCRATCH LOG PROCESS... -- COMMAND...

COMMAND mounts the cluster in the foreground. PROCESS are words of the command lines of processes in containers, each
of which must live on with its process ID. Each writer has names of its own, and keeps for each what was acknowledged
last and what was tried since: the file in the mount must be one of these, whole, and its object must say the same.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

split = sys.argv.index("--")
ROUNDS, SEED, MOUNT, SCRATCH, LOG, *PROCESSES = sys.argv[1:split]
COMMAND = sys.argv[split + 1:]
DIRECTORY = f"{MOUNT}/configmaps"
WRITERS, NAMES = 4, 6
PATIENCE = 20 * float(os.environ.get("PODFS_TEST_SLOWNESS", "1"))  # seconds, for anything that must happen at all

faults = []
counts = {"acknowledged": 0, "unanswered": 0, "killed as it started": 0}
gate = threading.Event()
ended = threading.Event()


def fault(text):
    faults.append(text)
    print(text, flush=True)


def manifest(name, number, size):
    return (f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
            f"data:\n  number: \"{number}\"\n  fill: {'x' * size}\n").encode()


class Writer(threading.Thread):
    def __init__(self, number):
        super().__init__(daemon=True)
        self.random = random.Random(f"{SEED}-{number}")
        self.names = {f"w{number}-{k}": [None, []] for k in range(NAMES)}  # acknowledged, in doubt
        self.folder = f"{SCRATCH}/writer{number}"
        self.number = 0
        self.idle = threading.Event()
        os.mkdir(self.folder)

    def run(self):
        while not ended.is_set():
            if not gate.is_set():
                self.idle.set()
                gate.wait()
                self.idle.clear()
                continue
            self.write_one()

    def write_one(self):
        name = self.random.choice(list(self.names))
        how = self.random.choice([self.cp, self.cp, self.echo, self.sync, self.move, self.rsync, self.remove])
        self.number += 1
        size = self.random.choice([0, 10, 1000, 60000, 300000])
        text = None if how == self.remove else manifest(name, self.number, size)
        state = self.names[name]
        if how == self.remove and state[0] is None:
            return
        state[1].append(text)
        try:
            how(name, text)
        except (OSError, subprocess.SubprocessError):
            counts["unanswered"] += 1
            return
        self.names[name] = [text, []]
        counts["acknowledged"] += 1

    def source(self, name, text):
        path = f"{self.folder}/{name}.yaml"
        with open(path, "wb") as f:
            f.write(text)
        return path

    def call(self, *words):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE)

    def cp(self, name, text):
        self.call("cp", self.source(name, text), f"{DIRECTORY}/{name}.yaml")

    def rsync(self, name, text):
        if not shutil.which("rsync"):
            return self.cp(name, text)
        # --ignore-times, as sizes are often equal and rsync compares whole seconds
        return self.call("rsync", "-a", "--ignore-times", self.source(name, text), f"{DIRECTORY}/")

    def echo(self, name, text, sync=False):
        fd = os.open(f"{DIRECTORY}/{name}.yaml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            half = len(text) // 2
            os.write(fd, text[:half])
            os.write(fd, text[half:])
            if sync:
                os.fsync(fd)
        except OSError:
            try:
                os.close(fd)
            except OSError:
                pass
            raise
        os.close(fd)

    def sync(self, name, text):
        self.echo(name, text, True)

    def move(self, name, text):
        path = f"{DIRECTORY}/.{name}.tmp"
        with open(path, "wb", 0) as f:
            f.write(text)
        os.rename(path, f"{DIRECTORY}/{name}.yaml")

    def remove(self, name, _):
        os.unlink(f"{DIRECTORY}/{name}.yaml")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def short(text):
    return "nothing" if text is None else f"{len(text)} bytes, number {text.split(b'number: ')[1][:8]!r}" \
        if b"number: " in text else f"{text[:80]!r}"


def verify(where, writers):
    for w in writers:
        for name, (acknowledged, doubt) in w.names.items():
            have = read(f"{DIRECTORY}/{name}.yaml")
            if have not in [acknowledged] + doubt:
                fault(f"{where}: {name}.yaml: acknowledged {short(acknowledged)}, in doubt "
                      f"{[short(d) for d in doubt]}, found {short(have)}")
            if have is not None:
                check_object(where, name, have)
            w.names[name] = [have, []]


def check_object(where, name, have):
    text = read(f"{DIRECTORY}/{name}/object.json")
    data = json.loads(text).get("data") if text else None
    number = have.split(b'number: "')[1].split(b'"')[0].decode()
    fill = have.split(b"fill: ")[1].strip().decode()
    if not data or data.get("number") != number or (data.get("fill") or "") != fill:
        fault(f"{where}: the object {name} is not what its manifest says")


def processes():
    """The process IDs of the processes in containers, by their words."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{pid}/cmdline") or b""
        except OSError:
            continue
        for p in PROCESSES:
            if p.encode() in words.split(b"\0")[1:] and b"crash.py" not in words:
                found.setdefault(p, []).append(pid)
    return found


def start(log):
    return subprocess.Popen(COMMAND, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def wait_ready(daemon):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and daemon.poll() is None:
        try:
            if (read(f"{MOUNT}/healthz") or b"").startswith(b"ok"):
                return True
        except OSError:
            pass
        time.sleep(0.003)
    return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(x) for x in f.read().split()]


def kill(daemon):
    """The holder and what it started, as a machine that loses power; the next mount is a new one."""
    daemon.send_signal(signal.SIGSTOP)
    while read(f"/proc/{daemon.pid}/stat").rsplit(b")", 1)[1].split()[0] != b"T":
        time.sleep(0.001)
    for pid in children(daemon.pid):
        os.kill(pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{pid}/fd/0"):
            time.sleep(0.001)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()


def stop_writers(writers):
    gate.clear()
    for w in writers:
        if not w.idle.wait(PATIENCE):
            fault("a writer hangs after its daemon died")


def main():
    moments = random.Random(SEED)
    log = open(LOG, "ab")
    daemon = start(log)
    before = None
    slowest = 0
    writers = [Writer(i) for i in range(WRITERS)]
    for w in writers:
        w.start()
    for n in range(int(ROUNDS)):
        if moments.random() < 0.1:
            time.sleep(moments.uniform(0, 0.06))
            kill(daemon)
            counts["killed as it started"] += 1
            daemon = start(log)
        began = time.monotonic()
        if not wait_ready(daemon):
            fault(f"round {n}: the daemon is not ready, status {daemon.poll()}")
            return
        slowest = max(slowest, time.monotonic() - began)
        verify(f"round {n}", writers)
        now = processes()
        before = before or now
        if now != before or len(now) != len(PROCESSES):
            fault(f"round {n}: processes in containers were {before}, are {now}")
            before = now
        gate.set()
        time.sleep(moments.uniform(0, 0.35))
        kill(daemon)
        stop_writers(writers)
        daemon = start(log)
        if len(faults) > 20:
            break
    if wait_ready(daemon):
        verify("at the end", writers)
    else:
        fault("the daemon is not ready at the end")
    ended.set()
    gate.set()
    daemon.terminate()
    daemon.wait()
    print(f"{n + 1} rounds, {counts}, slowest start {slowest * 1000:.0f} ms, {len(faults)} faults")
    if not counts["acknowledged"] or not counts["unanswered"]:
        fault("that was no test")


main()
sys.exit(1 if faults else 0)
