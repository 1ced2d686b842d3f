#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sink_receiver.py tls|unix|journald ADDRESS OUT [--behave …]: a receiver of audit records that shares nothing with the
service. Appends each message that it got whole, a line each, to OUT, and writes OUT.ready once it listens: with the
port, where ADDRESS is one of a TLS receiver. Behaviours: "good"; "reset" takes 5 messages and breaks the connection,
once; "hang" takes connections and reads nothing; "slow" takes a message every 20 ms; "silent" never acknowledges.
Of a TLS receiver: --host --certificate --key --client-ca."""
import argparse
import os
import socket
import ssl
import struct
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["tls", "unix", "journald"])
parser.add_argument("address")
parser.add_argument("out")
parser.add_argument("--behave", default="good", choices=["good", "reset", "hang", "slow", "silent"])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--client-ca")
args = parser.parse_args()
out = open(args.out, "ab", buffering=0)
resets = 1 if args.behave == "reset" else 0


def keep(message):
    if args.behave == "slow":
        time.sleep(0.02)
    out.write(message + b"\n")


def ready(text=""):
    with open(args.out + ".tmp", "w") as file:
        file.write(text)
    os.rename(args.out + ".tmp", args.out + ".ready")


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def lines(peer):
    """Messages of a stream of lines, acknowledged one by one."""
    rest = b""
    while got := peer.recv(65536):
        rest += got
        while b"\n" in rest:
            line, rest = rest.split(b"\n", 1)
            yield line
            if args.behave != "silent":
                index = int(line.split(b'"index":', 1)[1].split(b",", 1)[0])
                peer.sendall(b"%d\n" % index)


def frames(peer):
    """Messages with their length in front (RFC 5425)."""
    rest = b""
    while got := peer.recv(65536):
        rest += got
        while True:
            length, blank, tail = rest.partition(b" ")
            if not blank or len(tail) < int(length):
                break
            yield tail[: int(length)]
            rest = tail[int(length):]


def serve(peer, messages):
    global resets
    if args.behave == "hang":
        time.sleep(3600)
    taken = 0
    for message in messages(peer):
        keep(message)
        taken += 1
        if resets and taken == 5:
            resets -= 1
            return reset(peer)


def journald():
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(args.address)
    ready()
    while True:
        entry, fields = listener.recv(1 << 20), {}
        while entry:
            name, entry = entry.split(b"\n", 1)
            if b"=" in name:
                name, value = name.split(b"=", 1)
            else:
                (length,) = struct.unpack("<Q", entry[:8])
                value, entry = entry[8:8 + length], entry[9 + length:]
            fields[name.decode()] = value
        assert fields["PRIORITY"].isdigit() and fields["SYSLOG_IDENTIFIER"] == b"keyward-audit", fields
        assert fields["KEYWARD_INDEX"] in fields["MESSAGE"], fields
        keep(fields["MESSAGE"])


def stream():
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(args.address)
    listener.listen()
    ready()
    while True:
        peer, _ = listener.accept()
        try:
            serve(peer, lines)
        except OSError as error:
            print("receiver:", error, file=sys.stderr)


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificate, args.key)
    context.load_verify_locations(args.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((args.host, int(args.address)))
    listener.listen()
    ready(str(listener.getsockname()[1]))
    while True:
        peer, _ = listener.accept()
        try:
            serve(context.wrap_socket(peer, server_side=True), frames)
        except (OSError, ssl.SSLError) as error:
            print("receiver:", error, file=sys.stderr)


{"journald": journald, "unix": stream, "tls": tls}[args.kind]()
