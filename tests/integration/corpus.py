#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real and broken manifests through a mounted cluster, each with cp into the directory of its kind.

usage: corpus.py CORPUS MOUNT SCRATCH broken|twostep|dev

Each row has a namespace of its own, so that no two of them meet. Prints what was left out, and why, and each fault;
the exit status is 1 when there was one.
"""
import gzip
import json
import os
import re
import subprocess
import sys
import time

CORPUS, MOUNT, SCRATCH, WHAT = sys.argv[1:]
SLOW = 3 * float(os.environ.get("PODFS_TEST_SLOWNESS", "1"))  # seconds that one write may take
faults = 0
left_out = {}
count = 0


def fault(row, text):
    global faults
    faults += 1
    print(f"{row}: {text}")


def leave_out(row, why):
    left_out.setdefault(why, []).append(row)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def plurals(ns):
    return {d for d in os.listdir(f"{MOUNT}/namespaces/{ns}") if os.path.isdir(f"{MOUNT}/namespaces/{ns}/{d}")}


# Kubernetes' kinds and their plurals; those whose directory is there are KINDS, or ROOT_KINDS beyond namespaces.
PLURALS = {
    "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "ConfigMap": "configmaps",
    "ControllerRevision": "controllerrevisions", "CronJob": "cronjobs", "CSIDriver": "csidrivers", "CSINode": "csinodes",
    "CSIStorageCapacity": "csistoragecapacities", "CustomResourceDefinition": "customresourcedefinitions",
    "DaemonSet": "daemonsets", "Deployment": "deployments", "Endpoints": "endpoints", "EndpointSlice": "endpointslices",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers", "Ingress": "ingresses", "IngressClass": "ingressclasses",
    "Job": "jobs", "Lease": "leases", "LimitRange": "limitranges", "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies", "Node": "nodes", "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims", "Pod": "pods", "PodDisruptionBudget": "poddisruptionbudgets",
    "PodTemplate": "podtemplates", "PriorityClass": "priorityclasses", "ReplicaSet": "replicasets",
    "ReplicationController": "replicationcontrollers", "ResourceQuota": "resourcequotas", "Role": "roles",
    "RoleBinding": "rolebindings", "RuntimeClass": "runtimeclasses", "Secret": "secrets", "Service": "services",
    "ServiceAccount": "serviceaccounts", "StatefulSet": "statefulsets", "StorageClass": "storageclasses",
    "VolumeAttachment": "volumeattachments",
}
KINDS = {k: p for k, p in PLURALS.items() if p in plurals("default")}
ROOT_KINDS = {k: p for k, p in PLURALS.items() if k not in KINDS and os.path.isdir(f"{MOUNT}/{p}")}


def kinds_of(text):
    """The kinds that a file names at the left margin, as far as one can tell without a parser."""
    t = text.decode("utf-8", "replace").lstrip("\ufeff")
    found = re.findall(r'(?:^|[\n\r{,])(?:\? )?[ "\']{0,2}kind["\']?\s*:\s*["\']?([A-Za-z]\w*)', t)
    return set(found)


def known(text):
    """(kind, None) where one directory takes all of the file, else (None, why not)."""
    kinds = kinds_of(text[:200000])
    ours = {k for k in kinds if k in KINDS or k in ROOT_KINDS}
    foreign = [k for k in FOREIGN if k in kinds]
    if foreign:
        return None, f"kind {foreign[0]} has no directory yet"
    if len(ours) > 1:
        return None, "several kinds in a file"
    return (ours.pop() if ours else "Pod"), None


FOREIGN = []


def find_foreign():
    """Kinds of Kubernetes that this podfs has no directory for: what golden-dev names and the tree lacks."""
    FOREIGN.extend(sorted(set(PLURALS) - KINDS.keys() - ROOT_KINDS.keys()) + ["Event"])


namespaces = 0


def fresh(name=None):
    global namespaces
    namespaces += 1
    ns = name or f"c{namespaces}"
    if not os.path.isdir(f"{MOUNT}/namespaces/{ns}"):
        os.mkdir(f"{MOUNT}/namespaces/{ns}")
    return ns


def directory(ns, kind):
    return f"{MOUNT}/{ROOT_KINDS[kind]}" if kind in ROOT_KINDS else f"{MOUNT}/namespaces/{ns}/{KINDS[kind]}"


def errors_of(ns, kind):
    path = f"{MOUNT}/errors" if kind in ROOT_KINDS else f"{MOUNT}/namespaces/{ns}/errors"
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def cp(source, target):
    """Returns (status, what cp said)."""
    r = subprocess.run(["cp", source, target], capture_output=True, text=True, timeout=10 * SLOW)
    return r.returncode, r.stderr


def objects(d):
    return {n: json.loads(read(f"{d}/{n}/object.json")) for n in os.listdir(d) if os.path.isdir(f"{d}/{n}")}


def namespace_in(text):
    """The namespace that the only document states, where it is plainly there."""
    m = re.search(rb'(?m)^\s+"?namespace"?\s*:\s*"?([a-z0-9][a-z0-9-]*)"?\s*,?\s*$', text)
    return m.group(1).decode() if m else None


def check_said(row, said, must, line):
    for part in filter(None, must.split(";")):
        if not any(w.lower() in said.lower() for w in part.split("|")):
            fault(row, f"{part!r} is not mentioned in: {said}")
    if line:
        lines = [int(n) for n in re.findall(r":(\d+):\d+: (?:error|warning)", said)]
        if not any(abs(n - int(line)) <= 1 for n in lines):
            fault(row, f"line {line} expected: {said}")


def check_error_bytes(row, said):
    if re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", said):
        fault(row, f"control characters in errors: {said!r}")


def settled(o):
    """Whether the scheduler and the controllers have set what they set in an object's spec and metadata."""
    if o["kind"] == "Pod":
        return bool(o["spec"].get("nodeName"))
    if o["kind"] == "Deployment":
        return o.get("status", {}).get("observedGeneration") == o["metadata"]["generation"] and \
            "deployment.kubernetes.io/revision" in o["metadata"].get("annotations", {})
    return True


def settle(d):
    end = time.monotonic() + 10 * SLOW
    while not all(settled(o) for o in objects(d).values()) and time.monotonic() < end:
        time.sleep(0.01)


def write_row(row, ns, kind, source, expected, must, line, name=None):
    """One file into one name, judged. Returns whether it was accepted."""
    d = directory(ns, kind)
    target = f"{d}/{name or os.path.basename(source)}"
    before = read(target) if os.path.exists(target) else None
    seen = len(errors_of(ns, kind))
    live = {n: identity(o) for n, o in objects(d).items()} if kind not in ROOT_KINDS else {}
    status, said = cp(source, target)
    told = errors_of(ns, kind)[seen:] if kind not in ROOT_KINDS else errors_of(ns, kind)
    check_error_bytes(row, told)
    if status and "reject" not in expected:
        fault(row, f"{expected} expected, cp said {said.strip()}: {told}")
    elif not status and "accept" not in expected:
        fault(row, f"{expected} expected, cp succeeded")
    elif status:
        if must and "or" not in expected.split():
            check_said(row, told, must, line)
        if not told.strip():
            fault(row, f"cp said {said.strip()} and errors say nothing")
        if "Invalid argument" not in said and "File too large" not in said and "not permitted" not in said:
            fault(row, f"cp said {said.strip()}")
    after = read(target) if os.path.exists(target) else None
    if status and after != before:
        fault(row, "the file is not as it was before the refusal")
    if not status and after != read(source):
        fault(row, "the file is not what was written")
    if status and kind not in ROOT_KINDS:
        now = {n: identity(o) for n, o in objects(d).items()}
        if now != live:
            fault(row, f"a refused manifest changed objects: {live} -> {now}")
    return not status


def identity(o):
    """What a refused manifest must not change; what controllers add in their own time is left out."""
    m = o["metadata"]
    annotations = {k: v for k, v in (m.get("annotations") or {}).items()
                   if not k.startswith(("deployment.kubernetes.io/", "pv.kubernetes.io/"))}
    spec = {k: v for k, v in (o.get("spec") or {}).items()
            if (o["kind"], k) not in (("PersistentVolumeClaim", "volumeName"), ("PersistentVolume", "claimRef"))}
    return json.dumps([m["uid"], m.get("generation"), spec, o.get("data"), m.get("labels"), annotations],
                      sort_keys=True)


def rows():
    with open(f"{CORPUS}/broken/expected.tsv", encoding="utf-8") as f:
        for text in f:
            column = (text.rstrip("\n").split("\t") + [""] * 5)[:5]
            if not text.startswith("#") and column[0] != "file":
                yield column[:4]


def broken():
    global count
    for row, expected, must, line in rows():
        if row.startswith("twostep/"):
            continue
        source = f"{CORPUS}/broken/{row}"
        text = read(source)
        kind, why = known(text)
        if why:
            leave_out(row, why)
            continue
        count += 1
        stated = namespace_in(text) if "accept" in expected else None
        ns = fresh(stated) if stated and stated != "default" else "default" if stated else fresh()
        if row == "names/namespace-missing-ns.yaml":  # that another namespace's directory is the wrong place comes first
            must = "no-such-namespace"
        began = time.monotonic()
        accepted = write_row(row, ns, kind, source, expected, must, line)
        if time.monotonic() - began > SLOW:
            fault(row, f"took {time.monotonic() - began:.1f} s")
        if accepted and kind not in ROOT_KINDS:
            compare_golden(row, ns, kind)
        if accepted and row.startswith("size/"):
            os.unlink(f"{directory(ns, kind)}/{os.path.basename(source)}")


def compare_golden(row, ns, kind):
    path = f"{CORPUS}/broken/golden/{row}.json"
    if not os.path.exists(path):
        return
    have = objects(directory(ns, kind))
    for golden in json.loads(read(path)):
        compare(row, ns, golden, have)


def twostep():
    global count
    for row, expected, must, line in rows():
        if not row.startswith("twostep/") or not row.endswith("/2.yaml"):
            continue
        if "-taken/" in row:
            leave_out(row, "no controller gives out addresses and ports of Services yet")
            continue
        first, second = f"{CORPUS}/broken/{row[:-6]}1.yaml", f"{CORPUS}/broken/{row}"
        kind, why = known(read(first))
        kind2, why2 = known(read(second))
        if why or why2:
            leave_out(row, why or why2)
            continue
        count += 1
        ns = fresh()
        write_row(row[:-6] + "1.yaml", ns, kind, first, "accept", "", "", "m.yaml")
        if kind2 != kind:  # another kind: its own directory
            write_row(row, ns, kind2, second, expected, must, line, "m.yaml")
            continue
        settle(directory(ns, kind))
        accepted = write_row(row, ns, kind, second, expected, must, line, "m.yaml")
        if not accepted:
            said = os.getxattr(f"{directory(ns, kind)}/m.yaml", "user.podfs.error").decode()
            check_said(row + " (attribute)", said, must, line)


DROP = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace", "finalizers"}


def plain(o, golden=False):
    """What a manifest and the defaults make of an object: without what servers, controllers and nodes set."""
    o = json.loads(json.dumps(o))
    drop_nulls(o)
    o.pop("status", None)
    m = o["metadata"]
    for k in DROP:
        m.pop(k, None)
    if m.get("generateName"):
        m.pop("name", None)
    a = m.get("annotations")
    if a:
        a.pop("deployment.kubernetes.io/revision", None)
        if a.get("pv.kubernetes.io/bound-by-controller"):
            o["spec"].pop("claimRef" if o["kind"] == "PersistentVolume" else "volumeName", None)
        for k in [k for k in a if k.startswith("pv.kubernetes.io/")]:
            a.pop(k)
        if not a:
            m.pop("annotations")
    spec = o.get("spec") or {}
    if o["kind"] == "Job":
        level_job(o)
    if golden and o["apiVersion"] == "autoscaling/v1":
        to_v2(o)
    if o["kind"] == "Service":
        level_service(spec)
    if o["kind"] == "Pod":
        spec.pop("nodeName", None)
        spec.pop("priority", None)
        spec.pop("preemptionPolicy", None)
        if spec.get("serviceAccountName") == "default":  # admission's, which the golden files are without
            spec.pop("serviceAccountName")
            spec.pop("serviceAccount", None)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    for s in (spec, (spec.get("template") or {}).get("spec") or {}, (job.get("template") or {}).get("spec") or {}):
        s.pop("hostUsers", None)
    if o["kind"] == "Node":
        spec.pop("taints", None)
    return o


def level_job(o):
    """A Job's uid stands in its selector and labels."""
    selector, template = o["spec"].get("selector") or {}, o["spec"]["template"].get("metadata") or {}
    for labels in selector.get("matchLabels"), template.get("labels"), o["metadata"].get("labels"):
        for k in labels or {}:
            if k.endswith("controller-uid"):
                labels[k] = "<uid>"


def to_v2(o):
    """What autoscaling/v1 means in autoscaling/v2, which is what is stored."""
    o["apiVersion"] = "autoscaling/v2"
    percent = o["spec"].pop("targetCPUUtilizationPercentage", 80)
    target = {"type": "Utilization", "averageUtilization": percent}
    o["spec"]["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def level_service(spec):
    """What a server allocates."""
    for k in "clusterIP", "clusterIPs", "healthCheckNodePort":
        if spec.get("clusterIP") != "None" or k == "healthCheckNodePort":
            spec.pop(k, None)
    for port in spec.get("ports") or []:
        port.pop("nodePort", None)


def drop_nulls(v):
    if isinstance(v, dict):
        for k in [k for k in v if v[k] is None]:
            del v[k]
        v = list(v.values())
    if isinstance(v, list):
        for x in v:
            drop_nulls(x)


def difference(a, b, at=""):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(set(a) | set(b)):
            if a.get(k) != b.get(k) or (k in a) != (k in b):
                return difference(a.get(k), b.get(k), f"{at}.{k}")
    if isinstance(a, list) and isinstance(b, list):
        for i in range(max(len(a), len(b))):
            if i >= len(a) or i >= len(b) or a[i] != b[i]:
                return difference(a[i] if i < len(a) else None, b[i] if i < len(b) else None, f"{at}[{i}]")
    return f"{at}: ours {json.dumps(a)}, golden {json.dumps(b)}"


def compare(row, ns, golden, have):
    name = golden["metadata"].get("name")
    prefix = golden["metadata"].get("generateName")
    o = have.get(name)
    if prefix:
        o = next((x for n, x in have.items() if n.startswith(prefix)), None)
    if not o:
        fault(row, f"{golden['kind']} {name} is not there")
    elif plain(o) != plain(golden, True):
        fault(row, "differs at " + difference(plain(o), plain(golden, True)))


def documents(path, n):
    """The documents of a file as bytes, numbered from 1, where splitting at lines of --- finds all n of them."""
    text = re.sub(rb"\A\xef\xbb\xbf", b"", read(path))
    parts = [p for p in re.split(rb"(?m)^---(?:[ \t].*)?\r?$", text) if re.sub(rb"(?m)#.*$|\s", b"", p)]
    return parts if len(parts) >= n else None


NAMESPACE = re.compile(rb'(?m)(?:^\s*|[{,]\s*)"?namespace"?\s*:')


def dev():
    """Every object of our kinds, each file in a namespace of its own; golden says what must become of it."""
    global count
    by_file = {}
    with gzip.open(f"{CORPUS}/golden-dev.jsonl.gz", "rt", encoding="utf-8") as f:
        for text in f:
            row = json.loads(text)
            by_file.setdefault(row["file"], []).append(row)
    for path, docs in by_file.items():
        kinds = {d["object"]["kind"] for d in docs}
        for kind in sorted(kinds & KINDS.keys()):
            mine = [d for d in docs if d["object"]["kind"] == kind]
            source = f"{CORPUS}/{path}"
            text = read(source)
            spaces = {d["object"]["metadata"].get("namespace") for d in mine}
            stated = NAMESPACE.search(text)
            if kinds != {kind} or len(kinds_of(text)) > 1:
                parts = documents(source, max(d["doc"] for d in docs))
                if not parts or len(parts) != len(docs):
                    leave_out(path, "several kinds in a file, and not easily taken apart")
                    continue
                text = b"\n---\n".join(parts[d["doc"] - 1] for d in mine)
                stated = NAMESPACE.search(text)
            if stated and len(spaces) > 1:
                leave_out(path, "several namespaces in a file")
                continue
            one_dev(path, kind, mine, text, spaces.pop() if stated else None)
    for path, docs in by_file.items():
        kinds = {d["object"]["kind"] for d in docs}
        if len(kinds) == 1 and kinds <= ROOT_KINDS.keys() - {"Node"}:
            one_dev(path, kinds.pop(), docs, read(f"{CORPUS}/{path}"), None)


def one_dev(path, kind, docs, text, space):
    global count
    ns = fresh(space if space != "default" else "default")
    if not space:
        ns = f"c{namespaces}"
        fresh(ns)
    d = directory(ns, kind)
    names = [o["object"]["metadata"].get("name") for o in docs]
    if len(set(names)) < len(names):
        leave_out(path, "declares an object twice")
        return
    if (space or kind in ROOT_KINDS) and any(n and os.path.exists(f"{d}/{n}") for n in names):
        leave_out(path, "its object is another file's already")
        return
    count += len(docs)
    source = f"{SCRATCH}/{kind}{'.json' if path.endswith('.json') else '.yaml'}"
    with open(source, "wb") as f:
        f.write(text)
    target = f"{d}/corpus-{namespaces}{'.json' if path.endswith('.json') else '.yaml'}"
    status, said = cp(source, target)
    if status:
        fault(path, f"{said.strip()}: {errors_of(ns, kind)[-2000:]}")
        return
    if read(target) != text:
        fault(path, "is not kept byte for byte")
    made = any(o["object"]["metadata"].get("generateName") for o in docs)
    inner = "self/" if kind == "Namespace" else ""
    have = objects(d) if made else {n: json.loads(read(f"{d}/{n}/{inner}object.json")) for n in names}
    for o in docs:
        compare(path, ns, o["object"], have)


find_foreign()
{"broken": broken, "twostep": twostep, "dev": dev}[WHAT]()
for why, files in sorted(left_out.items()):
    print(f"left out, {len(files)}: {why}")
print(f"{count} checked, {faults} faults")
sys.exit(1 if faults or not count else 0)
