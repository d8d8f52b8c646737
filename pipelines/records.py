#!/usr/bin/env python3
"""records.py - reads a stream of records (records(5)) from stdin, checks it, prints each as a line.

    zstd -dc chat.rec | python3 pipelines/records.py | head

Needs msgpack from PyPI; where xxhash is there too, sums are checked and not only counts."""
import json, sys
import msgpack
try:
    from xxhash import xxh3_64_intdigest as xxh3
except ImportError:
    xxh3 = None

def records(f):
    """Yields (header, record); ValueError where the stream is not whole."""
    held, base, header = b"", 0, None
    u = msgpack.Unpacker(max_buffer_size=1 << 27)
    while chunk := f.read1(1 << 16):
        u.feed(chunk)
        held += chunk
        for r in u:
            raw, held, base = held[:u.tell() - base], held[u.tell() - base:], u.tell()
            if header is None or r["t"] == "header":
                if header or r["t"] != "header":
                    raise ValueError("a part begins with its header and ends with its end")
                header, n, total, chain = r, 0, 0, 0
            elif r["t"] == "end":
                sums = [total.to_bytes(8, "big"), chain.to_bytes(8, "big")]
                if r["n"] != n or xxh3 and [r["sum"], r["chain"]] != sums:
                    raise ValueError("records were lost, doubled or changed")
                if r["status"]:
                    sys.exit(r["status"])               # the writer's own
                header = None                           # another part may follow
            else:
                if xxh3:
                    h = xxh3(raw)
                    chain = xxh3(chain.to_bytes(8, "big") + h.to_bytes(8, "big"))
                    total = (total + h) & (1 << 64) - 1
                n += 1
                yield header, r
    if header or held or not base:
        raise ValueError("the stream stops without an end record")

def ids(header, b):
    """Token ids of a bin field."""
    w = header["width"]
    return [int.from_bytes(b[i:i + w], "little") for i in range(0, len(b), w)]

if __name__ == "__main__":
    sides = ("ids", "prompt", "chosen", "rejected", "completion", "other")
    for header, r in records(sys.stdin.buffer):
        for k in r.keys() & {*sides}:
            r[k] = ids(header, r[k])
        if "choices" in r:
            r["choices"] = [ids(header, b) for b in r["choices"]]
        print(json.dumps(r, default=bytes.hex, ensure_ascii=False, separators=(",", ":")))
