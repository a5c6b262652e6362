"""Run cells in a kernel with jupyter_client, and tell all that it answered.

drive.py KERNEL < CELLS: CELLS is a list of {code, interrupt}; interrupt, if
there, is "message" or "signal" and is sent once the cell has printed "ready";
"busy" is "message" as soon as the kernel says that it is at work on the cell.
Printed are {info, cells, exit, children}: the content of kernel_info_reply, of
each cell its reply and its other messages in order, how the kernel process
ended after shutdown_request (or SIGTERM, if the second argument is "term"), and
how many of its child processes are left.
"""
import json
import os
import signal
import sys

import psutil
from jupyter_client import KernelManager

LIMIT = 120  # seconds: then the kernel hangs


def interrupt(km, how):
    if how == "signal":
        os.killpg(os.getpgid(km.provisioner.process.pid), signal.SIGINT)
    else:
        km.interrupt_kernel()


def run(km, kc, cell):
    asked = kc.execute(cell["code"], allow_stdin=False, stop_on_error=False)
    messages, due = [], cell.get("interrupt", "")
    while True:
        msg = kc.get_iopub_msg(timeout=LIMIT)
        if msg["parent_header"].get("msg_id") != asked:
            continue
        messages.append({"type": msg["msg_type"], "content": msg["content"]})
        if msg["content"].get("execution_state") == "idle":
            break
        if due and ("ready" in msg["content"].get("text", "") or due == "busy"):
            interrupt(km, due)
            due = ""
    while True:
        reply = kc.get_shell_msg(timeout=LIMIT)
        if reply["parent_header"].get("msg_id") == asked:
            return {"reply": reply["content"], "messages": messages}


km = KernelManager(kernel_name=sys.argv[1])
km.start_kernel()
kc = km.client()
kc.start_channels()
try:
    kc.wait_for_ready(timeout=LIMIT)
    info = kc.kernel_info(reply=True, timeout=LIMIT)["content"]
    cells = [run(km, kc, cell) for cell in json.load(sys.stdin)]
    process = km.provisioner.process
    children = psutil.Process(process.pid).children(recursive=True)
    if sys.argv[2:] == ["term"]:
        process.terminate()
    else:
        kc.shutdown()
    code = process.wait(LIMIT)
    _, left = psutil.wait_procs(children, timeout=10)
    json.dump({"info": info, "cells": cells, "exit": code, "children": len(left)}, sys.stdout)
finally:
    kc.stop_channels()
    km.shutdown_kernel(now=True)
