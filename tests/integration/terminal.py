#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives a program on a terminal: terminal.py SECONDS STEP... -- COMMAND...

A step "?TEXT" waits until the program has shown TEXT since the last step; any other step is typed, with \\r, \\n, \\e and
\\cX (control X) as escapes. Then the program must end. Its status is ours; 124 when time is up, with what it showed."""
import os
import pty
import re
import select
import signal
import struct
import fcntl
import sys
import termios
import time


def keys(text):
    text = re.sub(r"\\c(.)", lambda m: chr(ord(m.group(1).upper()) & 0x1F), text)
    return text.replace("\\r", "\r").replace("\\n", "\n").replace("\\e", "\x1b").encode()


def main():
    limit = float(sys.argv[1]) * float(os.environ.get("PODFS_TEST_SLOWNESS", "1"))
    split = sys.argv.index("--")
    steps, command = sys.argv[2:split], sys.argv[split + 1:]
    end = time.monotonic() + limit
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    shown, since = b"", 0
    while True:
        while steps and (not steps[0].startswith("?") or steps[0][1:].encode() in shown[since:]):
            if not steps[0].startswith("?"):
                os.write(fd, keys(steps[0]))
            since = len(shown)
            steps.pop(0)
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            print("time is up; still to do:", steps, "; shown:", shown[-2000:])
            return 124
        try:
            part = os.read(fd, 65536)
        except OSError:  # EIO: the last one on the terminal is gone
            part = b""
        if not part:
            break
        shown += part
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if steps:
        print("it ended before:", steps, "; shown:", shown[-2000:])
        return 125
    if status:
        print(shown[-2000:])
    return status if status >= 0 else 128 - status


sys.exit(main())
