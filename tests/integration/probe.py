# SPDX-License-Identifier: Apache-2.0
"""Talks to podfs-probe as the node agent does, and to servers of its own on loopback: probe.py PROGRAM DIR."""
import os, select, signal, socket, ssl, struct, subprocess, sys, threading, time

TCP, HTTP, HTTPS, GRPC, FORGET = range(17, 22)
SUCCESS, FAILURE, ERROR = 1, 2, 3


def serve(handle, wrap=lambda s: s, address="127.0.0.1"):
    """A server that gives each connection to handle(connection); returns its port."""
    listener = socket.create_server((address, 0))

    def loop():
        while True:
            c, _ = listener.accept()

            def one(c=c):
                try:
                    with wrap(c) as w:
                        handle(w)
                except OSError:
                    pass

            threading.Thread(target=one, daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def http(reply):
    def handle(c):
        request = c.recv(65536)
        c.sendall(reply(request) if callable(reply) else reply)

    return handle


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def grpc(body, status=b"0", seen=None):
    """An HTTP/2 server that answers the first request on a connection with one message and a trailer."""

    def handle(c):
        data = b""
        while True:
            more = c.recv(65536)
            if not more:
                return
            data += more
            at = data.find(b"\x00\x00\x00\x00", 24)
            frames, i = [], 24
            while i + 9 <= len(data):
                n = int.from_bytes(data[i : i + 3], "big")
                if i + 9 + n > len(data):
                    break
                frames.append((data[i + 3], data[i + 4], data[i + 9 : i + 9 + n]))
                i += 9 + n
            message = [p for kind, flags, p in frames if kind == 0]
            if any(kind in (0, 1) and flags & 1 for kind, flags, _ in frames):
                break
        if seen is not None:
            seen.append(b"".join(message))
        out = frame(4, 0, 0, b"") + frame(4, 1, 0, b"")
        out += frame(1, 4, 1, literal(b":status", b"200") + literal(b"content-type", b"application/grpc"))
        if body is not None:
            out += frame(0, 0, 1, b"\x00" + struct.pack(">I", len(body)) + body)
        c.sendall(out + frame(1, 5, 1, literal(b"grpc-status", status)))
        while c.recv(65536):  # the client hangs up, as with real servers
            pass

    return handle


class Probe:
    def __init__(self, program):
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(60)
        fd = theirs.fileno()
        self.process = subprocess.Popen([program], pass_fds=[3], preexec_fn=lambda: os.dup2(fd, 3))
        theirs.close()
        self.id = 0

    def send(self, method, port, path="", headers=(), host="127.0.0.1", timeout=5000, count=0, period=0):
        self.id += 1
        strings = "".join(s + "\0" for s in (host, path, *headers)).encode()
        self.ours.send(struct.pack("=QIIHHIII", self.id, method, timeout, port, len(headers), count, period, 0) + strings)
        return self.id

    def receive(self):
        data = self.ours.recv(65536)
        ident, outcome, flags, self.ago, _ = struct.unpack_from("=QIIII", data)
        return ident, outcome, flags, data[24:].rstrip(b"\0").decode(errors="replace")

    def ask(self, *args, **kw):
        ident = self.send(*args, **kw)
        got = self.receive()
        assert got[0] == ident, got
        return got[1:]


def main():
    program, directory = sys.argv[1:]
    count = failed = 0

    def check(name, good, got):
        nonlocal count, failed
        count += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {count} - {name}" + ("" if good else f"\n# got: {got}"), flush=True)

    p = Probe(program)
    status = open(f"/proc/{p.process.pid}/status").read()
    ok = b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nhi"
    port = serve(http(ok % 200))
    got = p.ask(HTTP, port, "/")
    check("200 is a success", got[0] == SUCCESS and got[2] == "hi", got)
    status = open(f"/proc/{p.process.pid}/status").read()
    check("it runs as nobody, without capabilities", "Uid:\t65534\t65534" in status and "CapEff:\t0000000000000000" in status, status)
    for code, want in ((399, SUCCESS), (400, FAILURE), (199, FAILURE), (500, FAILURE)):
        if code < 200:
            continue  # an interim answer is no answer
        got = p.ask(HTTP, serve(http(ok % code)), "/")
        check(f"{code}", got[0] == want and (want == SUCCESS or f"statuscode: {code}" in got[2]), got)
    got = p.ask(HTTP, serve(http(b"no http at all\n\n")), "/")
    check("what is no HTTP is a failure", got[0] == FAILURE and got[1] & 2 == 0, got)
    got = p.ask(HTTP, serve(http(b"HTTP/1.1 200 x\r\n\r\n" + b"x" * 5000000)), "/")
    check("of a long body no more than enough is read", got[0] == SUCCESS, (got[0], len(got[2])))
    got = p.ask(HTTP, serve(http(b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nx")), "/", timeout=300)
    check("a body that does not come is a failure", got[0] == FAILURE, got)
    hang = serve(lambda c: c.recv(1) and threading.Event().wait())
    got = p.ask(HTTP, hang, "/", timeout=200)
    check("silence is a timeout", got[0] == FAILURE and "deadline exceeded" in got[2], got)
    seen = []
    port = serve(http(lambda request: seen.append(request) or ok % 200))
    p.ask(HTTP, port, "/a?b", ["X-One: 1", "Host: named", "X-Empty;"])
    check("path, headers and host are sent", all(s in seen[0] for s in (b"GET /a?b ", b"X-One: 1", b"Host: named", b"X-Empty:")), seen)
    got = p.ask(HTTP, port, "/", ["X: 1\r\nEvil: 2"])
    check("a header that would be two is refused", got[0] == ERROR, got)
    got = p.ask(HTTP, port, "/", host="127.0.0.1:1/@x")
    check("a host that is none is no success", got[0] != SUCCESS, got)
    for method in range(1, 5):  # the daemon of the version before, whose requests had no count and period
        p.id += 1
        p.ours.send(struct.pack("=QIIHHI", p.id, method, 500, port, 0, 0) + b"127.0.0.1\0/\0")
        got = p.receive()
        check(f"an old request {method} comes to nothing, and is no failure", got[:2] == (p.id, ERROR), got)
    first = p.send(HTTP, hang, "/", timeout=1500)
    second = p.send(HTTP, port, "/")
    got = p.receive(), p.receive()
    check("a slow one does not hold up others", [g[0] for g in got] == [second, first], got)
    many = {p.send(HTTP, port, f"/{i}") for i in range(200)}
    got = [p.receive() for _ in range(200)]
    check("200 at once", {g[0] for g in got} == many and all(g[1] == SUCCESS for g in got), got[:3])

    got = p.ask(TCP, port)
    check("tcp to an open port", got[0] == SUCCESS, got)
    with socket.create_server(("127.0.0.1", 0)) as s:
        closed = s.getsockname()[1]
    got = p.ask(TCP, closed)
    check("tcp to a closed port", got[0] == FAILURE and got[2].startswith(f"dial tcp 127.0.0.1:{closed}:"), got)

    pem = os.path.join(directory, "probe.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-days", "1",
                    "-keyout", pem, "-out", pem + ".crt"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem + ".crt", pem)
    got = p.ask(HTTPS, serve(http(ok % 204), lambda c: context.wrap_socket(c, server_side=True)), "/")
    check("https, whatever the certificate", got[0] == SUCCESS, got)
    got = p.ask(HTTPS, port, "/")
    check("https where there is none", got[0] == FAILURE, got)

    requests = []
    got = p.ask(GRPC, serve(grpc(b"\x08\x01", seen=requests)), "svc")
    check("grpc SERVING", got[0] == SUCCESS and requests == [b"\x00\x00\x00\x00\x05\x0a\x03svc"], (got, requests))
    got = p.ask(GRPC, serve(grpc(b"\x08\x02")), "")
    check("grpc NOT_SERVING", got[0] == FAILURE and "NOT_SERVING" in got[2], got)
    got = p.ask(GRPC, serve(grpc(b"")), "")
    check("grpc UNKNOWN", got[0] == FAILURE and "UNKNOWN" in got[2], got)
    got = p.ask(GRPC, serve(grpc(None, b"12")), "")
    check("grpc without the health service", got[0] == FAILURE and "does not implement" in got[2], got)
    got = p.ask(GRPC, serve(grpc(None, b"5")), "")
    check("grpc with an error", got[0] == FAILURE and "code 5" in got[2], got)
    got = p.ask(GRPC, closed, "")
    check("grpc to a closed port", got[0] == FAILURE, got)

    # redirections: those that are simple, and those for which libcurl is asked
    def there(to, code=302):
        return b"HTTP/1.1 %d x\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nbody" % (code, to)

    seen.clear()
    base = b"http://127.0.0.1:%d" % port
    for to in (b"/to", base + b"/to", b"HTTP://127.0.0.1:%d/to" % port, b"to", b"/./to", b"//127.0.0.1:%d/to" % port):
        at = serve(http(lambda request, to=to: there(to) if b"GET /from" in request else seen.append(request) or ok % 200))
        got = p.ask(HTTP, at, "/from", ["X-One: 1"])
        check(f"a redirection to {to.decode().replace(str(port), 'PORT')}",
              got == (SUCCESS, 2, "hi") and b"GET /to " in seen[-1] and b"X-One: 1" in seen[-1], (got, seen[-1:]))
    for to in (b"http://127.0.0.2/", b"http://elsewhere.invalid", b"https://[::1]:1/"):
        got = p.ask(HTTP, serve(http(there(to))), "/")
        check(f"none to {to.decode()}, with a warning",
              got == (SUCCESS, 3, "Probe terminated redirects, Response body: body"), got)
    for code, want in ((301, 3), (303, 3), (307, 3), (308, 3), (300, 3), (304, 3)):
        got = p.ask(HTTP, serve(http(there(b"http://127.0.0.2/", code))), "/")
        check(f"{code} ends there too", got[:2] == (SUCCESS, want), got)
    got = p.ask(HTTP, serve(http(there(b"https://127.0.0.1:%d/" % port))), "/")
    check("from http to https on the same host", got[0] == FAILURE and "Get" in got[2], got)
    asked = []
    got = p.ask(HTTP, serve(http(lambda request: asked.append(1) or there(b"/again"))), "/")
    check("ten requests are enough", got[0] == FAILURE and "stopped after 10 redirects" in got[2] and len(asked) == 10, (got, asked))
    got = p.ask(HTTP, serve(http(there(b"http://127.0.0.1:99999/"))), "/")
    check("a redirection to what is no URL", got[0] != SUCCESS or got[1] & 1, got)

    # answers that are cut off, and whatever else may come
    got = p.ask(HTTP, serve(lambda c: c.recv(65536)), "/")
    check("an end without a word", got[0] == FAILURE and got[2].endswith("EOF"), got)
    got = p.ask(HTTP, serve(http(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nx")), "/")
    check("a body that is cut off", got[0] == FAILURE and got[2].endswith("unexpected EOF"), got)
    got = p.ask(HTTP, closed, "/x")
    check("http to a closed port, in Go's words", got[0] == FAILURE and got[2] ==
          f'Get "http://127.0.0.1:{closed}/x": dial tcp 127.0.0.1:{closed}: connect: connection refused', got)
    got = p.ask(HTTP, serve(http(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")), "/")
    check("chunks", got[0] == SUCCESS and got[2] == "hi", got)
    got = p.ask(HTTP, port, "/", host="localhost")
    check("a name", got[0] == SUCCESS, got)
    seen.clear()
    p.ask(HTTP, port, "/", ["Accept;", "User-Agent: me", "Content-Length: 5"])
    p.ask(HTTP, port, "x")
    check("kubelet's headers, unless others are given", b"Accept" not in seen[0] and b"User-Agent: me\r\n" in seen[0] and
          b"kube-probe" not in seen[0] and b"Content-Length" not in seen[0] and
          seen[1].startswith(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\n" % port), seen)
    got = p.ask(HTTP, serve(lambda c: c.recv(65536) and (time.sleep(0.3), c.sendall(ok % 200))), "/", timeout=0)
    check("without an end it waits", got[0] == SUCCESS, got)

    # requests that stand
    times, code = [], [200]
    at = serve(http(lambda request: times.append(time.monotonic()) or ok % code[0]))
    began = time.monotonic()
    p.ask(HTTP, at, "/", count=5, period=100)
    check("a check that stands is answered after its count, each a period after the last was due", len(times) == 5 and
          all(t >= began + 0.1 * i for i, t in enumerate(times)), [t - began for t in times])
    check("and says how long ago the last was due", p.ago < (time.monotonic() - began) * 1000 - 399, p.ago)
    times.clear()
    ident = p.send(HTTP, at, "/", count=1000000, period=20)
    quiet = not select.select([p.ours], [], [], 0.5)[0] and len(times) > 1
    code[0] = 500
    got = p.receive()
    check("or as soon as it is no success", quiet and got[:2] == (ident, FAILURE), (quiet, got))
    times.clear()
    code[0] = 302
    got = p.ask(HTTP, serve(http(there(b"http://elsewhere.invalid/"))), "/", count=1000000, period=20)
    check("or none without a warning", got[:2] == (SUCCESS, 3), got)
    code[0] = 200
    ident = p.send(HTTP, at, "/", count=1000000, period=20)
    while not times:
        time.sleep(0.01)
    p.ours.send(struct.pack("=QIIHHIII", ident, FORGET, 0, 0, 0, 0, 0, 0))
    p.ask(TCP, port)  # by then it was read
    time.sleep(0.1)
    n = len(times)
    time.sleep(0.3)
    check("or never, when it is forgotten", len(times) == n and not select.select([p.ours], [], [], 0)[0], (n, times))
    got = p.ask(HTTP, port, "/", count=2, period=0)
    check("one without a period is refused", got[0] == ERROR, got)
    got = p.ask(TCP, port, count=3, period=50)
    check("tcp stands", got[0] == SUCCESS, got)
    got = p.ask(HTTPS, serve(http(ok % 204), lambda c: context.wrap_socket(c, server_side=True)), "/", count=3, period=50)
    check("https stands", got[0] == SUCCESS, got)

    # podfs-probe-curl
    with open(f"/proc/{p.process.pid}/task/{p.process.pid}/children") as f:
        child = int(f.read())
    check("it runs beside podfs-probe, as nobody", "podfs-probe-cur" in open(f"/proc/{child}/comm").read() and
          "Uid:\t65534\t65534" in open(f"/proc/{child}/status").read(), child)
    ident = p.send(GRPC, hang, "", timeout=60000)
    time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    got = p.receive()
    check("when it dies, what it had in hand comes to nothing", got[:2] == (ident, ERROR) and "has ended" in got[3], got)
    got = p.ask(GRPC, serve(grpc(b"\x08\x01")), "")
    check("and it is started again", got[0] == SUCCESS, got)
    with open(f"/proc/{p.process.pid}/task/{p.process.pid}/children") as f:
        child = int(f.read())

    for junk in (b"x", b"\0" * 24, os.urandom(200)):
        p.ours.send(junk)
    p.send(HTTP, port, "/")
    while True:
        got = p.receive()
        if got[0] == p.id and got[1] == SUCCESS:
            break
    check("requests that make no sense end nothing", True, None)
    p.ours.close()
    check("it ends when the agent hangs up", p.process.wait(60) == 0, p.process.returncode)
    check("and podfs-probe-curl with it", not os.path.exists(f"/proc/{child}"), child)
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
