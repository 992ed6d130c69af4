#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Works on a mount with the tools that people use while the daemon is killed again and again, and counts what goes wrong.

takeover.py MOUNT SCRATCH HOLDER_PID KILLS [POD]: SCRATCH is a directory for the sources; POD writes numbered lines to its log.
Prints a line for each finding, and what was done; status 0 when nothing was found."""
import os
import random
import signal
import subprocess
import sys
import threading
import time

MNT, TMP, HOLDER, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
POD = sys.argv[5] if len(sys.argv) > 5 else None
SLOWNESS = float(os.environ.get("PODFS_TEST_SLOWNESS", "1"))
SEED = int(os.environ.get("PODFS_TEST_SEED", "1"))
stop = threading.Event()
lock = threading.Lock()
found, done = [], {}


def finding(text):
    with lock:
        if len(found) < 50:
            print("found: " + text, flush=True)
        found.append(text)


def count(what, n=1):
    with lock:
        done[what] = done.get(what, 0) + n


def run(*argv):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    count(argv[0])
    if p.returncode:
        finding(f"{' '.join(argv)[:120]}: status {p.returncode}: {p.stdout.decode(errors='replace')[-300:]}")
    return p.stdout.decode(errors="replace")


def configmap(name, value):
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"{value}\"\n"


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def rsync(rng):
    """Directories of manifests, changed in part each time; a second run has nothing to do."""
    src = os.path.join(TMP, "rsync")
    os.mkdir(src)
    for i in range(8):
        write(f"{src}/r{i}.yaml", configmap(f"r{i}", 0))
    n = 0
    while not stop.is_set():
        n += 1
        for i in rng.sample(range(8), 3):
            write(f"{src}/r{i}.yaml", configmap(f"r{i}", n))
        run("rsync", "-ac", src + "/", MNT + "/configmaps/")  # -c: within a second the times may be the same
        again = run("rsync", "-ai", src + "/", MNT + "/configmaps/")
        if any(line.startswith((">f", "<f")) for line in again.splitlines()):
            finding("rsync has something to do again: " + again[:200])
        for i in range(8):
            want = read(f"{src}/r{i}.yaml")
            if read(f"{MNT}/configmaps/r{i}.yaml") != want:
                finding(f"r{i}.yaml differs from what rsync wrote")


def cp(rng):
    """New names, written over, moved and removed."""
    n = 0
    src = f"{TMP}/cp.yaml"
    while not stop.is_set():
        n += 1
        write(src, configmap("copied", n) + "# " + "x" * rng.randrange(1, 300000) + "\n")
        run("cp", src, f"{MNT}/configmaps/copied.yaml")
        got, want = read(f"{MNT}/configmaps/copied.yaml"), read(src)
        if got != want:
            finding(f"cp: the file differs from its source: {len(got)} and {len(want)} bytes: {got[:120]!r}")
        if read(f"{MNT}/configmaps/copied/data/key").strip() != str(n):
            finding(f"cp: the object does not have the value {n}")
        run("mv", f"{MNT}/configmaps/copied.yaml", f"{MNT}/configmaps/moved.yaml")
        run("rm", f"{MNT}/configmaps/moved.yaml")


def dd(rng):
    """One file in many write(2)s, so that most deaths find it half written."""
    n = 0
    src = f"{TMP}/dd.yaml"
    while not stop.is_set():
        n += 1
        write(src, configmap("parts", n) + "".join(f"# {i} {rng.random()}\n" for i in range(600)))
        with open(f"{MNT}/configmaps/parts.yaml", "wb", buffering=0) as out, open(src, "rb") as f:
            while chunk := f.read(512):
                out.write(chunk)
                time.sleep(0.0005)
        count("files written in parts")
        if read(f"{MNT}/configmaps/parts.yaml") != read(src):
            finding("a file written in parts differs from its source")


def fields(_):
    """Each write of a new value is one generation, however often the daemon dies in it."""
    base = f"{MNT}/deployments/scaled"
    first = int(read(base + "/metadata/generation"))
    n = 0
    while not stop.is_set():
        n += 1
        write(base + "/spec/revisionHistoryLimit", f"{n}\n")
        if read(base + "/spec/revisionHistoryLimit").strip() != str(n):
            finding(f"a field does not hold {n}, which was written")
        count("fields written")
    now = int(read(base + "/metadata/generation"))
    if now != first + n:
        finding(f"{n} values were written, and the generation went from {first} to {now}")


def restarts(_):
    """echo > NAME/restart is no write of a value: twice would be two generations."""
    base = f"{MNT}/deployments/restarted"
    first = int(read(base + "/metadata/generation"))
    n = 0
    last = ""
    while not stop.is_set():
        n += 1
        write(base + "/restart", "\n")
        at = read(base + "/spec/template/metadata/annotations/kubectl.kubernetes.io/restartedAt")
        if at == last:
            n -= 1  # within the same second: the same annotation
        last = at
        count("restarts")
        stop.wait(0.3)
    now = int(read(base + "/metadata/generation"))
    if now != first + n:
        finding(f"{n} restarts, and the generation went from {first} to {now}")


def data(rng):
    """Keys of data/, raw, by a file of its own and by rename; appended to."""
    base = f"{MNT}/configmaps/store/data"
    text = ""
    n = 0
    while not stop.is_set():
        n += 1
        if n % 50 == 1:
            text = ""
            write(base + "/appended", text + "start\n")
            text = "start\n"
        line = f"{n} {rng.random()}\n"
        with open(base + "/appended", "a", encoding="ascii") as f:
            f.write(line)
        text += line
        if read(base + "/appended") != text:
            got = read(base + "/appended")
            finding(f"data/appended ends in {got[-60:]!r} and not in {text[-60:]!r}")
            text = got
        count("keys appended to")


def scratch(rng):
    """Appends to a file on one handle: nothing twice, nothing missing."""
    path = f"{MNT}/configmaps/.log.swp"
    want = b""
    with open(path, "ab", buffering=0) as f:
        while not stop.is_set():
            line = b"%d\n" % rng.randrange(1 << 30)
            f.write(line)
            want += line
            count("lines appended to scratch")
            time.sleep(0.001)
    with open(path, "rb") as f:
        if f.read() != want:
            finding("scratch does not hold what was appended")
    os.unlink(path)


def readers(rng):
    """What an open file gives is of one moment, whoever serves it."""
    while not stop.is_set():
        path = f"{MNT}/deployments/scaled/object.yaml"
        with open(path, "rb", buffering=0) as f:
            text = b""
            while chunk := f.read(100):
                text += chunk
                time.sleep(rng.random() * 0.01)
        lines = text.decode().splitlines()
        if lines[0] != "apiVersion: apps/v1" or not any(x.startswith("  revisionHistoryLimit: ") for x in lines):
            finding("an open file is not whole: " + text.decode()[:200])
        ends = [x for x in lines if x.startswith("status:")]
        if len(ends) > 1:
            finding("an open file mixes two versions")
        count("files read slowly")


def trees(_):
    while not stop.is_set():
        run("find", MNT + "/configmaps", "-name", "*.yaml")
        run("ls", "-lR", MNT + "/configmaps/store")  # whose names stay, so that no call can fail for that
        run("grep", "-rq", "ConfigMap", MNT + "/configmaps/store")


def tail():
    """Starts tail -f on the pod's log; the check comes at the end."""
    out = open(f"{TMP}/tail", "wb")
    return subprocess.Popen(["tail", "-n", "+1", "-f", f"{MNT}/pods/{POD}/logs/app"], stdout=out)


def check_tail(p):
    p.terminate()
    p.wait()
    numbers = [x.split()[1] for x in read(f"{TMP}/tail").splitlines() if x.startswith("line ")]
    if not numbers or [int(x) for x in numbers] != list(range(1, len(numbers) + 1)):
        finding(f"tail -f missed or repeated a line among {len(numbers)}")
    count("lines of tail -f", len(numbers))


def daemon():
    with open(f"/proc/{HOLDER}/task/{HOLDER}/children", encoding="ascii") as f:
        pids = f.read().split()
    return int(pids[0]) if pids else 0


def killer(rng):
    """Kills at random moments, but only once all that the death before left is answered: a write of its own tells."""
    waits = []
    for i in range(KILLS):
        start = time.monotonic()
        write(f"{MNT}/configmaps/store/data/kill", f"{i}\n")
        waits.append(time.monotonic() - start)
        time.sleep((0.03 + rng.random() * 0.08) * SLOWNESS)  # a large file is parsed for longer than that write takes
        pid = daemon()
        if not pid:
            finding("there is no daemon to kill")
            break
        os.kill(pid, signal.SIGKILL)
        count("kills")
        while True:  # until the next one is started: the old one's children list is gone with it
            now = daemon()
            if now and now != pid:
                break
            time.sleep(0.001)
    waits = sorted(waits[1:])
    if waits:
        print(f"a write after a kill took {waits[len(waits) // 2] * 1e3:.1f} ms (median), {waits[-1] * 1e3:.1f} ms at most")


def guard(fn, rng):
    try:
        fn(rng)
    except (OSError, ValueError, IndexError) as e:
        finding(f"{fn.__name__}: {e!r}")


def main():
    write(f"{MNT}/configmaps/store.yaml", configmap("store", "x"))
    follow = tail() if POD else None
    work = [rsync, cp, dd, fields, restarts, data, scratch, readers, trees]
    only = os.environ.get("PODFS_TEST_ONLY")
    work = [f for f in work if not only or f.__name__ in only.split(",")]
    threads = [threading.Thread(target=guard, args=(f, random.Random(SEED + i))) for i, f in enumerate(work)]
    for t in threads:
        t.start()
    guard(killer, random.Random(SEED + 99))
    stop.set()
    for t in threads:
        t.join(60)
        if t.is_alive():
            finding("a call hangs")
    if follow:
        time.sleep(1.5)
        check_tail(follow)
    print(", ".join(f"{n} {what}" for what, n in sorted(done.items())))
    print(f"{len(found)} findings")
    sys.stdout.flush()
    os._exit(1 if found else 0)


main()
