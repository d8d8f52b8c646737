#!/usr/bin/env python3
"""Runs our encoder beside those of others: same bytes, one core, one run; ids are compared before times are.

    peers.py [MB]    bytes given to the slow ones (4); ours and the fast ones take all 32 MB

Needs `make bench`'s program build/release/tests/bench/encode, the data in ../shared/data, and the Python packages
tokenizers and tiktoken; gigatoken, fastokens and iree-tokenizer take part where they are installed.  Run from the
root of the repository.  Times are of the processor, the best of three turns.
"""
import json, os, struct, subprocess, sys, tempfile, time

OURS = 'build/release/tests/bench/encode'
DATA = '../shared/data/tokenizers'
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TOKENIZERS = [('gpt-neox', f'{DATA}/gpt-neox-20b.json', GPT2), ('llama-3.1', f'{DATA}/llama-3.1/tokenizer.json', LLAMA3)]
GOALS = {'tokenizers': 100, 'tiktoken': 40, 'gigatoken': 1}


def documents(path):
    data, at = open(path, 'rb').read(), 0
    while at < len(data):
        n = struct.unpack_from('<I', data, at)[0]
        yield data[at + 4:at + 4 + n].decode()
        at += 4 + n


def ids_of(path):
    data, at = open(path, 'rb').read(), 0
    while at < len(data):
        n = struct.unpack_from('<I', data, at)[0]
        yield list(struct.unpack_from(f'<{n}I', data, at + 4))
        at += 4 + 4 * n


def byte_of():
    """The alphabet of byte-level vocabularies: character -> byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tokenizers(path, pattern):
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(path)
    return lambda docs: [t.encode(d, add_special_tokens=False).ids for d in docs]


def tiktoken(path, pattern):
    import tiktoken
    alphabet, file = byte_of(), json.load(open(path))
    ranks = {bytes(alphabet[c] for c in k): v for k, v in file['model']['vocab'].items() if all(c in alphabet for c in k)}
    special = {t['content']: t['id'] for t in file['added_tokens'] if t['special']}
    ranks = {k: v for k, v in ranks.items() if v not in special.values()}
    t = tiktoken.Encoding('peer', pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    return lambda docs: [t.encode_ordinary(d) for d in docs]


def gigatoken(path, pattern):
    import gigatoken
    t = gigatoken.Tokenizer(path)
    return lambda docs: t.encode_batch(docs)


def fastokens(path, pattern):
    import fastokens
    t = fastokens.Tokenizer.from_file(path)
    return lambda docs: [t.encode(d) for d in docs]


def iree(path, pattern):
    from iree.tokenizer import Tokenizer
    t = Tokenizer.from_file(path)
    return lambda docs: [t.encode(d) for d in docs]


def peer(make, path, pattern, docs, want):
    """MB/s, and the share of the first documents whose ids are ours."""
    encode = make(path, pattern)
    took = []
    for turn in range(3):
        start = time.process_time()
        got = encode(docs)
        took.append(time.process_time() - start)
    n = min(len(docs), 5000)                   # enough to compare
    got = got[:n].to_list() if hasattr(got, 'to_list') else got[:n]
    same = sum(list(getattr(g, 'ids', g)) == w for g, w in zip(got, want)) / n
    return sum(len(d.encode()) for d in docs) / min(took) / 1e6, same


def main(mb):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([OURS, 'docs', f'{tmp}/docs'], check=True)
        docs = list(documents(f'{tmp}/docs'))
        total, few = 0, 0
        while few < len(docs) and total < mb * 1e6:
            total += len(docs[few].encode())
            few += 1
        for name, path, pattern in TOKENIZERS:
            lines = subprocess.run([OURS, 'time', path, f'{tmp}/docs', f'{tmp}/ids'], check=True, stdout=subprocess.PIPE).stdout
            ours = max(float(line.split()[0]) for line in lines.decode().splitlines())
            want = list(ids_of(f'{tmp}/ids'))
            print(f'{name}: ours {ours:.1f} MB/s over {len(docs)} documents')
            for make in (tokenizers, tiktoken, gigatoken, fastokens, iree):
                n = len(docs) if make is gigatoken else few
                try:
                    rate, same = peer(make, path, pattern, docs[:n], want)
                except ImportError:
                    print(f'{name}: {make.__name__} is not installed; left out')
                    continue
                except Exception as e:
                    print(f'{name}: {make.__name__} fails: {e}')
                    continue
                goal = GOALS.get(make.__name__)
                verdict = '' if not goal else f', goal {goal}: ' + ('reached' if ours / rate >= goal else 'missed')
                print(f'{name}: {make.__name__} {rate:.1f} MB/s, ids equal in {same:.2%}; ours is {ours / rate:.1f} times '
                      f'as fast{verdict}', flush=True)
                bad |= make is tokenizers and same < 1
    return bad


if __name__ == '__main__':
    if len(sys.argv) > 2 or sys.argv[1:2] == ['--help']:
        sys.exit(__doc__)
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 4))
