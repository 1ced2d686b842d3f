#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Another implementation of what an auditor checks: RFC 6962 and C2SP signed-note, written from their texts.

proof_oracle.py note VKEY CHECKPOINT             prints "SIZE ROOT" if the key signed the checkpoint
proof_oracle.py log VKEY CHECKPOINT LEAVES       and checks its root against leaf hashes, a line each, in hexadecimal
proof_oracle.py inclusion VKEY TLOG-PROOF INDEX:LEAF
proof_oracle.py cosigned VKEY WITNESSVKEY NOTE    prints the size that the log signed and the witness cosigned
proof_oracle.py growth OLDSIZE OLDROOT NEWSIZE NEWROOT HASHES
Exits 1 where a claim does not hold. Files are paths; roots and HASHES are base64."""
import base64
import hashlib
import sys

from cryptography.hazmat.primitives.asymmetric import ed25519


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size):
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def root_of_path(leaf, index, size, path):
    """Section 2.1.1 read backwards: the last hash of a path is the sibling of the largest subtree."""
    if size == 1:
        assert not path, "too long"
        return leaf
    k = split(size)
    if index < k:
        return node(root_of_path(leaf, index, k, path[:-1]), path[-1])
    return node(path[-1], root_of_path(leaf, index - k, size - k, path[:-1]))


def roots_of_growth(old, size, path, old_root, whole):
    """Section 2.1.2 read backwards: the old root and the new one."""
    if old == size:
        if whole:
            assert not path, "too long"
            return old_root, old_root
        assert len(path) == 1, "too long"
        return path[0], path[0]
    k = split(size)
    if old <= k:
        left_old, left_new = roots_of_growth(old, k, path[:-1], old_root, whole)
        return left_old, node(left_new, path[-1])
    right_old, right_new = roots_of_growth(old - k, size - k, path[:-1], old_root, False)
    return node(path[-1], right_old), node(path[-1], right_new)


def open_note(vkey, note):
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 1 and len(key) == 33, "an Ed25519 key is wanted"
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id, "its id"
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            origin, size, root_hash = text.splitlines()[:3]
            assert origin == name, "origin"
            return int(size), base64.b64decode(root_hash)
    raise AssertionError("not signed by this key")


def cosigned_at(vkey, note):
    """C2SP tlog-cosignature, Ed25519: the time of the witness's cosignature."""
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 4 and len(key) == 33, "an Ed25519 cosignature key is wanted"
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id, "its id"
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            time = int.from_bytes(signature[4:12], "big")
            message = f"cosignature/v1\ntime {time}\n{text}"
            ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[12:], message.encode())
            assert time > 0, "time"
            return time
    raise AssertionError("not cosigned by this key")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(what, *words):
    if what == "note":
        size, head = open_note(read(words[0]), read(words[1]))
        print(size, base64.b64encode(head).decode())
    elif what == "log":
        size, head = open_note(read(words[0]), read(words[1]))
        leaves = [bytes.fromhex(line) for line in read(words[2]).split()]
        assert root(leaves[:size]) == head, "another root"
    elif what == "cosigned":
        note = read(words[2])
        size, _ = open_note(read(words[0]), note)
        cosigned_at(words[1], note)
        print(size)
    elif what == "inclusion":
        front, note = read(words[1]).split("\n\n", 1)
        lines = front.splitlines()
        assert lines[0] == "c2sp.org/tlog-proof@v1", "no proof"
        size, head = open_note(read(words[0]), note)
        index, leaf = words[2].split(":")
        assert lines[1] == "index " + index, "another record"
        path = [base64.b64decode(line) for line in lines[2:]]
        assert root_of_path(bytes.fromhex(leaf), int(index), size, path) == head, "another root"
    elif what == "growth":
        old, new = int(words[0]), int(words[2])
        old_root, new_root, hashes = (base64.b64decode(words[i]) for i in (1, 3, 4))
        path = [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
        assert roots_of_growth(old, new, path, old_root, True) == (old_root, new_root), "other roots"
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
