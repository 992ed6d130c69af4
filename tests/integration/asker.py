#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a daemon's socket as no client of podfs would: asker.py WHAT SOCKET POD [SECOND POD'S NAME].

Exits with 0 when the daemon, or podfs-pod, bore it as it should, and else says what was wrong."""
import array
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import select
import socket
import stat
import struct
import sys
import threading
import time

RUN, ATTACH, COPY = 0, 1, 2
TTY, INPUT = 1, 2
STARTED, EXITED, FAILED = 1, 2, 3
EXEC_STARTED, EXEC_EXITED, ERROR = 71, 72, 75  # src/pod/protocol.h


def request(pod, what=RUN, flags=0, args=(), container="", magic=0x70667332, n_args=None):
    text = b"".join(word.encode() + b"\0" for word in ("default", pod, container, *args))
    return struct.pack("=IIII", magic, flags, len(args) if n_args is None else n_args, what) + text


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(30 * int(os.environ.get("PODFS_TEST_SLOWNESS", "1")))
    s.connect(path)
    return s


def receive(s):
    data, control, _, _ = s.recvmsg(2048, socket.CMSG_SPACE(64))
    fds = array.array("i")
    for level, kind, body in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(body)
    if len(data) < 8:
        return None, 0, b"", list(fds)
    kind, code = struct.unpack("=Ii", data[:8])
    return kind, code, data[8:], list(fds)


def lingering():
    """A socket that its last closer waits for: much is unsent, and nobody reads it."""
    server = socket.create_server(("127.0.0.1", 0))
    a = socket.create_connection(server.getsockname())
    b, _ = server.accept()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 10000))
    a.setblocking(False)
    try:
        while True:
            a.send(bytes(1 << 16))
    except BlockingIOError:
        pass
    return a, b


def give(s, data, fds):
    """False when the kernel lets no descriptor through."""
    try:
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        return True
    except PermissionError:
        return False


def descriptors(path, pod):
    """Descriptors with a request, and after one."""
    kept = []
    for i in range(20):
        a, b = lingering()
        kept.append(b)
        s = connect(path)
        data = request(pod, args=["true"])
        if i % 2:
            s.send(data)
            try:
                give(s, b"more", [a.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                pass
        elif give(s, data, [a.fileno()] * 3):
            kind = receive(s)[0]
            assert kind == FAILED, "a request with descriptors was answered by %s" % kind
        a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 10000))
        os.close(os.dup(a.fileno()))
        kept += [s]
        a.detach()


def noise(path, pod):
    cases = {
        "nothing": b"",
        "a part": request(pod)[:10],
        "old": request(pod, args=["true"], magic=0x70667331),
        "no arguments": request(pod),
        "too few": request(pod, args=["true"], n_args=3),
        "too many": request(pod, args=["true"], n_args=1 << 30),
        "an unknown request": request(pod, what=77, args=["true"]),
        "an unknown flag": request(pod, flags=64, args=["true"]),
        "a terminal for a copy": request(pod, what=COPY, flags=TTY, args=["send", "/"]),
        "a program with attach": request(pod, what=ATTACH, args=["true"]),
        "no end": request(pod, args=["true"])[:-1],
        "a huge one": request(pod, args=["x" * 130000]),
    }
    for name, data in cases.items():
        s = connect(path)
        s.send(data)
        kind, code, _, fds = receive(s)
        assert kind in (FAILED, None) and code <= 0 and not fds, "%s: %s %s" % (name, kind, code)


def crowd(path, pod):
    """More than one user may hold."""
    os.setgroups([])
    os.setresgid(1234, 1234, 1234)
    os.setresuid(1234, 1234, 1234)
    held = [connect(path) for _ in range(64)]
    refused = 0
    for _ in range(20):
        s = connect(path)
        kind, _, text, _ = receive(s)
        refused += kind == FAILED and b"too many" in text
    assert refused == 20, "%d of 20 were refused" % refused
    print("full", flush=True)
    sys.stdin.readline()
    for s in held:
        s.close()


def absent_memory():
    """Memory that whoever touches it waits for, for ever (userfaultfd(2)), as for a file of a file system that does not answer."""
    number = {"x86_64": 323, "aarch64": 282}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    fd = libc.syscall(number, os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "userfaultfd")
    fcntl.ioctl(fd, 0xC018AA3F, struct.pack("QQQ", 0xAA, 0, 0))  # UFFDIO_API
    at = libc.mmap(None, ctypes.c_size_t(1 << 16), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1,
                   ctypes.c_long(0))
    fcntl.ioctl(fd, 0xC020AA00, struct.pack("QQQQ", at, 1 << 16, 1, 0))  # UFFDIO_REGISTER, what is missing
    return libc, at


def absent(path, pod):
    """Who writes to a program from memory that is not there, and has it write to where nobody reads into such."""
    s = connect(path)
    s.send(request(pod, flags=INPUT, args=["cat"]))
    kind, _, _, fds = receive(s)
    assert kind == STARTED and len(fds) == 3, "%s with %s" % (kind, fds)
    libc, at = absent_memory()
    os.write(fds[2], b"x")
    select.select([fds[0]], [], [])
    for call, fd in ((libc.read, fds[0]), (libc.write, fds[2])):
        threading.Thread(target=call, args=(fd, ctypes.c_void_p(at), ctypes.c_size_t(1 << 16)), daemon=True).start()
    deadline = time.monotonic() + 20 * int(os.environ.get("PODFS_TEST_SLOWNESS", "1"))
    while sum(open("/proc/self/task/%s/wchan" % t).read() == "handle_userfault" for t in os.listdir("/proc/self/task")) < 2:
        assert time.monotonic() < deadline, "nobody waits for memory that is absent"
    print("absent", flush=True)
    sys.stdin.readline()
    s.close()
    print("gone", flush=True)
    sys.stdin.readline()
    os._exit(0)


def streams(path, pod):
    """What a program's asker is given is its own."""
    s = connect(path)
    s.send(request(pod, flags=INPUT, args=["cat"]))
    kind, _, _, fds = receive(s)
    assert kind == STARTED and len(fds) == 3, "%s with %s" % (kind, fds)
    assert all(stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in fds), "it shares a pipe with the program"
    os.write(fds[2], b"text")
    assert os.read(fds[0], 10) == b"text"
    os.close(fds[2])
    assert os.read(fds[0], 10) == b"" and os.read(fds[1], 10) == b"", "no end of its output"
    assert receive(s)[:2] == (EXITED, 0)


def hold(path, pod):
    """Output that nobody reads, and a program that nobody waits for."""
    s = connect(path)
    s.send(request(pod, args=["yes"]))
    _, _, _, fds = receive(s)
    assert len(fds) == 2
    print("held", flush=True)
    sys.stdin.readline()


def attach(path, pod):
    """What one who is attached can do with what it is given."""
    s = connect(path)
    s.send(request(pod, what=ATTACH, flags=INPUT))
    kind, code, text, fds = receive(s)
    assert kind == STARTED and len(fds) == 4, "%s %s %s %s" % (kind, code, text, fds)
    assert not any(os.isatty(fd) for fd in fds), "a terminal was given away"
    out, err, into, sizes = (socket.socket(fileno=fd) for fd in fds)
    a, b = lingering()
    for one in (out, err):
        for hostile in ([], [a.fileno()]):
            try:
                assert not (give(one, b"x", hostile) if hostile else one.send(b"x")), "podfs-pod takes what it writes to"
            except BrokenPipeError:
                pass
    for data in (b"", b"x", struct.pack("HHHH", 65535, 65535, 0, 0), b"y" * 10000):
        try:
            sizes.send(data)
        except (BrokenPipeError, ConnectionResetError):
            break
    give(into, b"\n", [a.fileno()])
    a.detach()
    print("attached", flush=True)
    sys.stdin.readline()


def spec_of(*args):
    """A sealed spec of a program (src/pod/spec.h)."""
    def record(kind, payload):
        return struct.pack("=HHI", kind, 0, len(payload)) + payload + bytes(-len(payload) % 8)
    rest = b"".join([record(2, a.encode() + b"\0") for a in args] + [record(3, b"PATH=/bin\0")])
    fd = os.memfd_create("spec", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, record(1, struct.pack("=IIII", 0x70645370, 1, len(rest) + 24, len(args) + 2)) + rest)
    fcntl.fcntl(fd, 1033, 15)  # F_ADD_SEALS, all
    return fd


def run_at(path, number, *args, stdio=None):
    """Asks podfs-pod itself for a program under a number, to be killed when the connection is closed."""
    EXEC, KILL_ON_CLOSE, SIZE = 4, 4, 40 + 64 + 1024
    s, null, spec = connect(path), os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC), spec_of(*args)
    data = struct.pack("=HHIQIIIIiI64s1024s", 1, EXEC, SIZE, number, KILL_ON_CLOSE, 0, 0, 0, 0, 0, b"c", b"")
    assert give(s, data, [spec, *(stdio or [null] * 3)])
    os.close(null)
    os.close(spec)
    return s


def event(s):
    """Kind, number, exit code, negative errno."""
    data = s.recv(8192)
    _, kind, _, number, _, _, _, exit_code, _, code = struct.unpack_from("=HHIQIIiiii", data)
    return kind, number, exit_code, code


def collide(path, pod):
    """Two who chose one number, as a daemon and the one before it may."""
    first = run_at(path, 77, "sleep", "321")
    assert event(first)[:2] == (EXEC_STARTED, 77)
    kind, number, _, code = event(run_at(path, 77, "true"))
    assert (kind, number, code) == (ERROR, 77, -errno.EEXIST), "%s %s %s" % (kind, number, code)
    other = run_at(path, 78, "sh", "-c", "exit 5")
    assert event(other)[:2] == (EXEC_STARTED, 78)
    assert event(other)[:3] == (EXEC_EXITED, 78, 5)
    assert not select.select([first], [], [], 0)[0], "the first was told of what others asked for"
    first.close()


def brief(path, pod):
    """Programs that end before the process that began them is seen to: each is told of once, and then its end."""
    a, b = socket.socketpair()
    for n in range(1, 500, 5):
        several = [(i, run_at(path, i, "true", stdio=[b.fileno()] * 3)) for i in range(n, n + 5)]
        for i, s in several:
            told = [event(s)[:2], event(s)[:2]]
            assert told == [(EXEC_STARTED, i), (EXEC_EXITED, i)], "%s" % told
            s.close()


def main():
    try:
        {f.__name__: f for f in (descriptors, noise, crowd, streams, hold, attach, absent, collide, brief)}[sys.argv[1]](*sys.argv[2:4])
    except (AssertionError, OSError) as e:
        sys.exit("%s: %r" % (sys.argv[1], e))


main()
