#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A local user without privileges, and manifests made to hurt.

usage: hostile.py MOUNT WHAT [SEED]

WHAT is access, bombs, handles, fuzz or interrupt. While it goes on, another thread reads healthz again and again and
measures how long others wait. Prints each fault; the exit status is 1 when there was one.
"""
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

MOUNT, WHAT = sys.argv[1:3]
SEED = sys.argv[3] if len(sys.argv) > 3 else "1"
SLOWNESS = float(os.environ.get("PODFS_TEST_SLOWNESS", "1"))  # of a build with sanitizers
WAIT_MAX = 1.0 * SLOWNESS   # seconds that others may wait
WRITE_MAX = 5.0 * SLOWNESS  # that the writer himself may
NOBODY = 65534
MINE = f"{MOUNT}/namespaces/mallory"
faults = 0


def fault(text):
    global faults
    faults += 1
    print(text, flush=True)


def configmap(name, extra=""):
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{extra}"


def pod(name, spec="", container=""):
    return (f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n{spec}  containers:\n  - name: c\n"
            f"    image: example.invalid/none:1\n    imagePullPolicy: Never\n{container}")


def put(path, text):
    """Writes a file and closes it; the errno of whatever failed first, or 0."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as e:
        return e.errno
    result = 0
    try:
        at = 0
        while at < len(data):
            at += os.write(fd, data[at:at + (1 << 20)])
    except OSError as e:
        result = e.errno
    try:
        os.close(fd)
    except OSError as e:
        result = result or e.errno
    return result


def as_nobody(what):
    """Runs a function as a user without privileges; what it prints is ours, whether it found fault is returned."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            what()
            status = 1 if faults else 0
        except BaseException as e:  # pylint: disable=broad-except
            print(f"{what.__name__}: {e!r}")
        sys.stdout.flush()
        os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status:
        fault(f"{what.__name__}: status {status}")


class Others(threading.Thread):
    """Reads healthz until told to end, and keeps the longest time that took."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest, self.ended, self.count = 0, False, 0
        self.start()

    def run(self):
        while not self.ended:
            began = time.monotonic()
            try:
                with open(f"{MOUNT}/healthz", "rb") as f:
                    if not f.read().startswith(b"ok"):
                        fault("not healthy")
            except OSError as e:
                fault(f"healthz: {e}")
                return
            self.count += 1
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.002)

    def end(self, what):
        self.ended = True
        self.join(30)
        if self.is_alive():
            fault(f"{what}: healthz hangs")
        elif self.longest > WAIT_MAX:
            fault(f"{what}: others waited for {self.longest:.2f} s")
        return self.longest


def refuses(what, wanted, call):
    """The call must fail with one of these errnos."""
    try:
        call()
    except OSError as e:
        if e.errno not in wanted:
            fault(f"{what}: {errno.errorcode.get(e.errno)}")
        return
    fault(f"{what}: allowed")


DENIED = (errno.EACCES, errno.EPERM)


def read(path):
    with open(path, "rb") as f:
        return f.read()


# --- what a user without privileges may not ---

def access():
    if put(f"{MOUNT}/configmaps/public.yaml", configmap("public", 'data: {a: "b"}\n')):
        fault("root cannot write")
    os.mkdir(f"{MOUNT}/namespaces/closed")
    put(f"{MOUNT}/namespaces/closed/configmaps/hidden.yaml", configmap("hidden", 'data: {word: "HIDDEN-WORD"}\n'))
    put(f"{MOUNT}/namespaces/closed/configmaps/bad.yaml", configmap("bad", "data: HIDDEN-WORD\n"))
    as_nobody(from_outside)
    as_nobody(into_default)
    if own_namespace():
        as_nobody(from_inside)
        check_links()


def own_namespace():
    if not os.path.isdir(MINE):
        os.mkdir(MINE)
    try:
        os.chown(MINE, NOBODY, NOBODY)
    except OSError as e:
        print(f"left out: a namespace cannot be given to a user yet ({e.strerror})")
        return False
    if os.stat(f"{MINE}/configmaps").st_uid != NOBODY:
        print("left out: what is in a namespace that was given away is not its owner's yet")
        return False
    return True


def from_outside():
    closed = f"{MOUNT}/namespaces/closed"
    for path in (closed, f"{closed}/configmaps", f"{MOUNT}/rejected"):
        refuses(f"ls {path}", DENIED, lambda p=path: os.listdir(p))
    for path in (f"{closed}/errors", f"{closed}/configmaps/hidden.yaml", f"{closed}/configmaps/hidden/object.json",
                 f"{MOUNT}/errors", f"{closed}/rejected"):
        refuses(f"cat {path}", DENIED, lambda p=path: read(p))
    refuses("stat within", DENIED, lambda: os.stat(f"{closed}/configmaps"))
    refuses("a manifest there", DENIED,
            lambda: os.close(os.open(f"{closed}/configmaps/x.yaml", os.O_WRONLY | os.O_CREAT)))
    for name in os.listdir(MOUNT):
        path = f"{MOUNT}/{name}"
        if os.path.isfile(path) and os.access(path, os.R_OK) and name not in ("watch",):
            if b"HIDDEN-WORD" in read(path):
                fault(f"{path} tells what is in a closed namespace")


def into_default():
    d = f"{MOUNT}/configmaps"
    for what, call in {
        "a manifest": lambda: os.close(os.open(f"{d}/mine.yaml", os.O_WRONLY | os.O_CREAT)),
        "scratch": lambda: os.close(os.open(f"{d}/.mine", os.O_WRONLY | os.O_CREAT)),
        "overwriting": lambda: os.close(os.open(f"{d}/public.yaml", os.O_WRONLY)),
        "truncate": lambda: os.truncate(f"{d}/public.yaml", 0),
        "rm": lambda: os.unlink(f"{d}/public.yaml"),
        "rmdir": lambda: os.rmdir(f"{d}/public"),
        "mv": lambda: os.rename(f"{d}/public.yaml", f"{d}/mine.yaml"),
        "chmod": lambda: os.chmod(f"{d}/public.yaml", 0o666),
        "chown": lambda: os.chown(f"{d}/public.yaml", NOBODY, NOBODY),
        "touch": lambda: os.utime(f"{d}/public.yaml", (1, 1)),
        "setfattr": lambda: os.setxattr(f"{d}/public.yaml", "user.x", b"y"),
        "a link": lambda: os.symlink("/etc/shadow", f"{d}/.link"),
        "a namespace": lambda: os.mkdir(f"{MOUNT}/namespaces/evil"),
        "removing a namespace": lambda: os.rmdir(f"{MOUNT}/namespaces/closed"),
        "chown of the root": lambda: os.chown(MOUNT, NOBODY, NOBODY),
        "chmod of a kind": lambda: os.chmod(d, 0o777),
        "an image": lambda: os.close(os.open(f"{MOUNT}/images/x.tar", os.O_WRONLY | os.O_CREAT)),
        "a node": lambda: os.close(os.open(f"{MOUNT}/nodes/x.yaml", os.O_WRONLY | os.O_CREAT)),
        "a device": lambda: os.mknod(f"{d}/.dev", 0o644, 0),
        "a folder": lambda: os.mkdir(f"{d}/.folder"),
    }.items():
        refuses(what, DENIED, call)


def from_inside():
    d = f"{MINE}/configmaps"
    if put(f"{d}/good.yaml", configmap("good")):
        fault("the owner of a namespace cannot write there")
    for what, text in {
        "another namespace": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}\n",
        "a namespace's own object": "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
    }.items():
        if not put(f"{d}/x.yaml", text):
            fault(f"{what}: accepted")
    hard = {
        "hostNetwork": pod("p", "  hostNetwork: true\n"), "hostPID": pod("p", "  hostPID: true\n"),
        "hostIPC": pod("p", "  hostIPC: true\n"),
        "hostPath": pod("p", "  volumes: [{name: v, hostPath: {path: /}}]\n"),
        "privileged": pod("p", "", "    securityContext: {privileged: true}\n"),
        "SYS_ADMIN": pod("p", "", "    securityContext: {capabilities: {add: [SYS_ADMIN]}}\n"),
        "hostPort": pod("p", "", "    ports: [{containerPort: 80, hostPort: 80}]\n"),
        "Unconfined": pod("p", "  securityContext: {seccompProfile: {type: Unconfined}}\n"),
        "procMount": pod("p", "  hostUsers: false\n", "    securityContext: {procMount: Unmasked}\n"),
    }
    for what, text in hard.items():
        if not put(f"{MINE}/pods/p.yaml", text):
            fault(f"a pod with {what}: accepted from a user")
    os.symlink("/etc/shadow", f"{d}/.link")
    refuses("reading a link to what one may not read", DENIED, lambda: read(f"{d}/.link"))
    refuses("a link made a manifest", (errno.EBADMSG,) + DENIED,
            lambda: os.rename(f"{d}/.link", f"{d}/link.yaml"))
    os.symlink(f"{MOUNT}/namespaces/closed/configmaps/hidden.yaml", f"{d}/.hidden")
    refuses("a link into a closed namespace", (errno.EBADMSG,) + DENIED,
            lambda: os.rename(f"{d}/.hidden", f"{d}/hidden.yaml"))
    scratch_limits(d)


def scratch_limits(d):
    refuses("scratch without end", (errno.EDQUOT, errno.EFBIG, errno.ENOSPC), lambda: fill(f"{d}/.giant"))
    os.unlink(f"{d}/.giant")
    path = f"{d}/.deep"
    try:
        for _ in range(100):
            os.mkdir(path)
            path += "/d"
    except OSError as e:
        if e.errno not in (errno.ENAMETOOLONG, errno.EDQUOT, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EINVAL):
            fault(f"deep folders: {e.strerror}")
    subprocess.run(["rm", "-rf", f"{d}/.deep"], check=False, timeout=60)


def fill(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        block = b"x" * (1 << 20)
        for _ in range(8192):
            os.write(fd, block)
    finally:
        os.close(fd)


def check_links():
    """Nothing that only root may read came into what the user may."""
    shadow = [line for line in read("/etc/shadow").splitlines() if len(line) > 8]
    for folder, _, names in os.walk(MINE, onerror=lambda e: None):
        for n in names:
            if os.path.islink(f"{folder}/{n}"):
                continue
            try:
                text = read(f"{folder}/{n}")
            except OSError:
                continue
            if any(line in text for line in shadow) or b"HIDDEN-WORD" in text:
                fault(f"{folder}/{n} has what its owner may not read")


# --- manifests made to hurt ---

M = 1 << 20


def bombs_list():
    anchors = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    yield "aliases", anchors
    yield "8 MiB of one value", configmap("big", "data:\n  k: " + "x" * (8 * M - 200))
    yield "8 MiB of one word", "x" * (8 * M - 1)
    yield "8 MiB of brackets", "[" * (8 * M - 1)
    yield "8 MiB of braces", "{" * (8 * M - 1)
    yield "8 MiB of dashes", "- " * (4 * M - 1)
    yield "8 MiB of question marks", "? " * (4 * M - 1)
    yield "8 MiB of list items", "- a\n" * (2 * M - 1)
    yield "8 MiB of documents", "---\na: 1\n" * (900 * 1024)
    yield "8 MiB of separators", "---\n" * (2 * M - 1)
    yield "8 MiB of comments", "#\n" * (4 * M - 1)
    yield "8 MiB of line feeds", "\n" * (8 * M - 1)
    yield "8 MiB of carriage returns", "\r" * (8 * M - 1)
    yield "8 MiB of blanks", " " * (8 * M - 1)
    yield "8 MiB of directives", "%A b\n" * (M + M // 2)
    yield "8 MiB of anchors", "[" + "".join(f"&a{i} 1," for i in range(700000)) + "]"
    yield "8 MiB of tags", "[" + "!!str x," * (M - 1) + "]"
    yield "8 MiB of NUL", b"\0" * (8 * M - 1)
    yield "8 MiB of no UTF-8", b"\xff" * (8 * M - 1)
    yield "8 MiB of escapes", 'a: "' + "\\x41" * (2 * M - 10) + '"'
    yield "8 MiB of folds", "a: >\n" + " x\n\n" * (2 * M - 10)
    yield "keys", configmap("keys", "data:\n" + "".join(f"  k{i}: x\n" for i in range(600000)))
    yield "keys that are doubles", "a: 1\n" * (M + M // 2)
    yield "unknown fields", configmap("unknown", "".join(f"daat{i}: x\n" for i in range(500000)))
    yield "unknown fields deep", pod("unknown", "", "".join(f"    imaeg{i}: x\n" for i in range(400000)))
    yield "labels", configmap("labels", "  labels:\n" + "".join(f"    k{i}: x\n" for i in range(500000)))
    yield "bad labels", configmap("labels", "  labels:\n" + "".join(f"    k{i}: -\n" for i in range(500000)))
    yield "finalizers", configmap("fin", "  finalizers: [" + "a.b/c," * 900000 + "]\n")
    yield "owners", configmap("own", "  ownerReferences:\n" + "".join(
        f"  - {{apiVersion: v1, kind: Pod, name: p, uid: u{i}}}\n" for i in range(100000)))
    yield "containers", pod("many", "", "".join(f"  - {{name: c{i}, image: x}}\n" for i in range(200000)))
    yield "containers of a name", pod("many", "", "  - {name: c, image: x}\n" * 250000)
    yield "variables", pod("env", "", "    env:\n" + "".join(f"    - {{name: A{i}, value: x}}\n" for i in range(200000)))
    yield "variables that refer", pod("env", "", "    env:\n" + "".join(
        f"    - {{name: A{i}, value: {'$(A%d)' % (i - 1) * 4}}}\n" for i in range(1, 50000)))
    yield "volumes", pod("vol", "  volumes:\n" + "".join(f"  - {{name: v{i}, emptyDir: {{}}}}\n" for i in range(180000)))
    yield "mounts of no volume", pod("vol", "", "    volumeMounts:\n" + "".join(
        f"    - {{name: v{i}, mountPath: /m{i}}}\n" for i in range(180000)))
    yield "ports", pod("ports", "", "    ports:\n" + "".join(
        f"    - {{containerPort: {i % 65535 + 1}, name: p{i}}}\n" for i in range(180000)))
    yield "tolerations", pod("tol", "  tolerations:\n" + "  - {operator: Exists}\n" * 300000)
    yield "digits", pod("digits", f"  terminationGracePeriodSeconds: {'9' * (4 * M)}\n")
    yield "a quantity of digits", pod("digits", "", "    resources: {limits: {cpu: \"" + "9" * (4 * M) + "\"}}\n")
    yield "exponents", pod("exp", "", "    resources: {limits: {cpu: 1e999999999, memory: 1E-999999999}}\n")
    yield "sexagesimal", "a: " + "1:" * (3 * M) + "1"
    yield "a float", "a: " + "1" * (3 * M) + "." + "1" * (3 * M) + "e" + "1" * M
    yield "merges", "a: &a {x: 1}\nb:\n" + "  <<: *a\n" * 600000
    yield "merges of merges", "a0: &a0 {k0: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: 1}}\n" for i in range(1, 20000))
    yield "JSON deep", '{"a":' * (M + M // 4)
    yield "JSON keys", '{"a":1' + "".join(f',"k{i}":1' for i in range(600000)) + "}"
    yield "expressions", pod("expr", "  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
                             "{nodeSelectorTerms: [" + "{matchExpressions: [{key: a, operator: In, values: [b]}]},"
                             * 100000 + "]}}}\n")
    yield "an image's name", pod("img", "", "").replace("example.invalid/none:1", "a/" * (2 * M))
    yield "a command", pod("cmd", "", "    command: [" + "a," * (3 * M) + "]\n")


def directory_of(text):
    base = MINE if os.path.isdir(MINE) else MOUNT
    return f"{base}/pods" if (b"kind: Pod" if isinstance(text, bytes) else "kind: Pod") in text[:200] \
        else f"{base}/configmaps"


def bombs():
    put(f"{MOUNT}/configmaps/still.yaml", configmap("still", 'data: {a: "b"}\n'))
    before = read(f"{MOUNT}/configmaps/still/object.json")
    own_namespace()
    slowest = (0, "")
    for what, text in bombs_list():
        target = f"{directory_of(text)}/bomb.yaml"
        others = Others()
        began = time.monotonic()
        result = put(target, text)
        took = time.monotonic() - began
        waited = others.end(what)
        slowest = max(slowest, (took, what))
        if took > WRITE_MAX:
            fault(f"{what}: the write took {took:.1f} s")
        if os.environ.get("PODFS_TEST_VERBOSE"):
            print(f"{what}: {errno.errorcode.get(result, 'accepted')}, {took:.2f} s, others waited {waited:.2f} s")
        if result not in (0, errno.EINVAL, errno.EFBIG, errno.EPERM):
            fault(f"{what}: {errno.errorcode.get(result)}")
        if not result:
            others = Others()
            os.unlink(target)
            others.end(f"{what}, removing it")
    if read(f"{MOUNT}/configmaps/still/object.json") != before:
        fault("an object that nobody wrote to has changed")
    print(f"slowest: {slowest[1]}, {slowest[0]:.1f} s")


def resident():
    holder = os.environ["DAEMON_PID"]
    with open(f"/proc/{holder}/task/{holder}/children", encoding="ascii") as f:
        pid = int(f.read().split()[0])
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def handles():
    """Buffers of many handles that nobody closes."""
    own_namespace()
    base = MINE if os.path.isdir(MINE) else MOUNT
    before = resident()
    others = Others()
    if os.stat(f"{base}/configmaps").st_uid == NOBODY:
        as_nobody(lambda: keep_open(base, 64 * M, before))
    keep_open(base, 512 * M, before)
    others.end("handles")


def keep_open(base, limit, before):
    """Opens and writes until it is refused: by EDQUOT, and before the buffers hold much more than their limit."""
    fds, block, failed, held = [], b"x" * M, None, 0
    while held < 2 * limit and not failed:
        try:
            fds.append(os.open(f"{base}/configmaps/h{len(fds)}.yaml",
                               os.O_WRONLY | os.O_CREAT))
            for k in range(7):
                held += os.pwrite(fds[-1], block, k * M)
        except OSError as e:
            failed = e.errno
    most = resident()
    for fd in fds:
        try:
            os.ftruncate(fd, 0)
            os.close(fd)
        except OSError:
            pass
    print(f"{len(fds)} handles held {held // M} MiB; resident {before} KiB before, {most} KiB with them, "
          f"{errno.errorcode.get(failed, 'none refused')}")
    if failed != errno.EDQUOT or held > limit:
        fault("the buffers of handles that nobody closes have no limit")


# --- mutated manifests ---

SEEDS = [
    configmap("fuzz", 'data:\n  a: "b"\n  c: |\n    d\n    e\nbinaryData: {f: aGVsbG8=}\n'),
    pod("fuzz", "  restartPolicy: Always\n  volumes:\n  - {name: v, emptyDir: {sizeLimit: 1Mi}}\n",
        "    env: [{name: A, value: \"1\"}]\n    volumeMounts: [{name: v, mountPath: /v}]\n"
        "    resources: {limits: {cpu: 500m, memory: 64Mi}}\n"),
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: fuzz}\nspec:\n  replicas: 0\n  selector: "
    "{matchLabels: {app: f}}\n  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}\n"
    "  template:\n    metadata: {labels: {app: f}}\n    spec:\n      containers:\n      - {name: c, image: x}\n",
]
KINDS = ["configmaps", "pods", "deployments"]
WORDS = ["---\n", "...\n", "&a ", "*a", "<<: *a\n", "!!binary ", "!!int ", "|\n", ">-\n", "? ", ": ", "- ", "{", "}", "[",
         "]", "'", '"', "\t", "\r", "\0", "\x85", "\u2028", "\ufeff", "~", "null", "-1", "9" * 40, "1e309", ".nan",
         "0x", "0b1", "1_000", "yes", "2001-01-01", "../..", "%", "%YAML 1.1\n", "#", "\\x00", "$(A)", "\U0001f600",
         "kind: Pod\n", "apiVersion: v1\n", "metadata:\n", "  name: other\n", "items:\n"]


def mutate(rng, text):
    data = bytearray(text.encode())
    if rng.random() < 0.5:  # gently, so that many are still accepted
        at = rng.choice([i for i, c in enumerate(data) if chr(c).isalnum()])
        data[at] = rng.choice(b"abcxyz019")
        return bytes(data)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(6)
        if how == 0:
            del data[at:at + rng.randrange(1, 12)]
        elif how == 1:
            data[at:at] = rng.choice(WORDS).encode()
        elif how == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif how == 3:
            to = rng.randrange(len(data) + 1)
            data[to:to] = data[at:at + rng.randrange(1, 60)]
        elif how == 4:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 5)))
        else:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        if not data:
            data = bytearray(b"\n")
    return bytes(data)


def fuzz():
    rng = random.Random(int(SEED))
    put(f"{MOUNT}/configmaps/still.yaml", configmap("still", 'data: {a: "b"}\n'))
    before = read(f"{MOUNT}/configmaps/still/object.json")
    os.makedirs(f"{MOUNT}/namespaces/fuzz", exist_ok=True)
    accepted, others, number = 0, Others(), int(os.environ.get("PODFS_FUZZ_WRITES", "2000"))
    for i in range(number):
        k = rng.randrange(len(SEEDS))
        text = mutate(rng, SEEDS[k])
        path = f"{MOUNT}/namespaces/fuzz/{KINDS[k]}/f{i % 7}.yaml"
        before_text = read(path) if os.path.exists(path) else None
        began = time.monotonic()
        result = put(path, text)
        took = time.monotonic() - began
        if took > WAIT_MAX:
            fault(f"write {i} took {took:.1f} s: {text!r}")
        after = read(path) if os.path.exists(path) else None
        if result == 0 and after != text:
            fault(f"write {i} was acknowledged and is not there: {text!r}")
        if result and after != before_text:
            fault(f"write {i} was refused and changed the file: {text!r}")
        if result not in (0, errno.EINVAL, errno.EPERM, errno.EFBIG, errno.EEXIST):
            fault(f"write {i}: {errno.errorcode.get(result)}: {text!r}")
        accepted += result == 0
        if result == 0 and rng.random() < 0.2:
            os.unlink(path)
    others.end("fuzz")
    if read(f"{MOUNT}/configmaps/still/object.json") != before:
        fault("an object that nobody wrote to has changed")
    for folder, _, names in os.walk(f"{MOUNT}/namespaces/fuzz"):
        for n in names:
            try:
                text = read(f"{folder}/{n}")
            except FileNotFoundError:  # its object was removed meanwhile: its settle time was over
                continue
            if n == "object.json":
                json.loads(text)
            if n == "errors" and any(c < 32 and c not in (9, 10) or c == 127 for c in text):
                fault("errors has control characters")
    print(f"{number} writes, {accepted} accepted, others waited for {others.longest:.3f} s at most")


# --- Ctrl-C ---

def interrupt():
    """SIGINT to writers that wait, while others write: none hangs, no half manifest is in force."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    load = [subprocess.Popen([sys.executable, "-c", (
        "import os, sys\nn = 0\nwhile os.getppid() == int(sys.argv[2]):\n    n += 1\n"
        "    with open(sys.argv[1], 'w') as f:\n        f.write('apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: load'"
        " + sys.argv[3] + '}\\ndata: {n: \"%d\", fill: \"%s\"}\\n' % (n, 'x' * 200000))\n"),
        f"{MOUNT}/configmaps/load{i}.yaml", str(os.getpid()), str(i)]) for i in range(3)]
    rng = random.Random(int(SEED))
    others = Others()
    texts = [configmap("interrupted", f'data: {{n: "{i}", fill: "{"y" * 400000}"}}\n') for i in range(40)]
    path = f"{MOUNT}/configmaps/interrupted.yaml"
    committed = ""
    for text in texts:
        pid = os.fork()
        if pid == 0:
            try:
                put(path, text)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(pid, signal.SIGINT)
        end = time.monotonic() + 10 * SLOWNESS
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                fault("an interrupted writer hangs")
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.001)
        have = read(path).decode() if os.path.exists(path) else ""
        if have not in texts + ([] if committed else [""]):  # a new name is empty until its first commit
            fault(f"half a manifest is in force: {len(have)} bytes")
        committed = committed or have
    others.end("interrupt")
    for p in load:
        p.terminate()
        p.wait(30)


{"access": access, "bombs": bombs, "handles": handles, "fuzz": fuzz, "interrupt": interrupt}[WHAT]()
sys.exit(1 if faults else 0)
