#!/usr/bin/env python3
"""Holds lib/text against the Hugging Face tokenizers library, and makes the goldens that tests need no Python for.

    tokenizer.py check [N [FILE...]]   every text of ../shared/data and N made strings (1000000; -N: those alone), all
                                       tokenizers: ids, and of each eighth the text decoded token by token, must be equal, and
                                       places agree
    tokenizer.py unicode               sums for tests/unit/unicode.c
    tokenizer.py make                  tests/golden/tokenizer/: small tokenizer.json, and strings with their ids

FILEs are further tokenizer.json.  Needs tokenizers (0.23) and, for `check`, what `make` builds and a C compiler.  Run from the
root of the repository.
"""
import gzip, json, os, random, struct, subprocess, sys, tempfile, unicodedata
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers, AddedToken, Regex

DATA = '../shared/data'
OUT = 'tests/golden/tokenizer'
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace('{1,3}', '')
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def real_texts():
    """Every string of the data sets."""
    def walk(v):
        if isinstance(v, str):
            yield v
        elif isinstance(v, list):
            for x in v:
                yield from walk(x)
        elif isinstance(v, dict):
            for x in v.values():
                yield from walk(x)
    for folder in ('sft', 'pref', 'eval', 'text', 'templates'):
        for name in sorted(os.listdir(f'{DATA}/{folder}')):
            path = f'{DATA}/{folder}/{name}'
            data = (gzip.open if name.endswith('.gz') else open)(path, 'rb').read().decode()
            if '.jsonl' in name:
                for line in data.splitlines():
                    yield from walk(json.loads(line))
            elif name.endswith('.json'):
                yield from walk(json.loads(data))
            else:
                yield data
                yield from data.split('\n')


def char(r):
    """A code point: mostly what text has, sometimes anything."""
    k = r.random()
    if k < .35:
        return chr(r.randrange(32, 127))
    if k < .5:
        return r.choice(" \n\t\r\v\f\x1c\x85\xa0\u1680\u180e\u2003\u2028\u202f\u3000\u200b\ufeff")
    if k < .6:
        return chr(r.randrange(0x300, 0x370))
    if k < .85:
        lo, hi = r.choice([(0xa0, 0x250), (0x370, 0x600), (0x900, 0xd80), (0x1100, 0x1200), (0x1e00, 0x2000), (0x2000, 0x2c00),
                           (0x3000, 0x3100), (0x4e00, 0x9fff), (0xac00, 0xd7a4), (0xf900, 0xfb50), (0x1d400, 0x1d800),
                           (0x1f300, 0x1fb00), (0x11000, 0x12000), (0x660, 0x670), (0x2150, 0x2190)])
        return chr(r.randrange(lo, hi))
    while True:
        c = r.randrange(0x110000)
        if not 0xd800 <= c < 0xe000:
            return chr(c)


BITS = ["'s", "'S", "'t", "'re", "'VE", "'ll", "'d", "'\u017f", "'L", "\u2019s", "don't", "I'M", "  ", "   ", " " * 7, " " * 24,
        " " * 60, "\n\n", "\r\n", " \n ", "\t\t", "123", "12345678", "3.14", "\u0663\u0664", "\u00bd", "\u2167", "http://", "://",
        "<|endoftext|>", "<|im_start|>", "<|eot_id|>", "<|begin_of_text|>", "<|", "|>", "assistant", "\n\nHuman:", "\n\nAssistant:",
        "e\u0301", "\u0041\u030a", "\u212b", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0e33", "\u0915\u093c", "\u09c7\u09be",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\ufb01", "a" * 40, "ab" * 50, "the", " The", "hello",
        "\u4f60\u597d", "\u3053\u3093\u306b\u3061\u306f", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u0645\u0631\u062d\u0628\u0627", "{}", "();\n", "==", "--", "...", "!!!",
        "\u2581", "\u2581\u2581", "x\u2581y", "<s>", "</s>", "<unk>", "<0x0A>", "[INST]", "##", "</w>", "HELLO", "\u0130", "\u03a3", "\uff21\uff22", "\u2460",
        "\ufdfa", "\u3000", "\x00", "\x01", "\x7f", "\U0001d400", "\u1e9b\u0323", "\u0344", "\u0f73", "\u11a8", "o\u0328\u0304", "whole", "LEFT", "caf\u00c9"]


def made_string(r, words):
    out = []
    for _ in range(r.randrange(1, r.choice([3, 8, 20]))):
        k = r.random()
        if k < .45:
            few = r.random()
            out.append(char(r) * (r.randrange(30, 400) if few < .02 else r.randrange(1, 6) if few < .2 else 1))
        elif k < .75:
            out.append(r.choice(BITS))
        else:
            w = r.choice(words)
            if r.random() < .3:
                i = r.randrange(len(w) + 1)
                w = w[:i] + char(r) + w[i + r.randrange(2):]
            out.append(r.choice(['', ' ', ' ', '\n']) + w)
    return ''.join(out)


def driver():
    """tests/golden/encode.c, built against what `make` left."""
    exe = tempfile.mkdtemp() + '/encode'
    subprocess.run(['cc', '-O1', '-std=c11', '-D_GNU_SOURCE', '-fopenmp', '-I.', '-Ilib', 'tests/golden/encode.c',
                    'build/release/text.a', 'build/release/base.a', '-lutf8proc', '-lpcre2-8', '-ljansson', '-lz', '-lzstd',
                    '-lcrypto', '-lm', '-o', exe], check=True)
    return exe


def ours(exe, path, texts):
    """(ids, begins, ends, (text, text without specials)) of each text."""
    data = b''.join(struct.pack('<I', len(t)) + t for t in (t.encode() for t in texts))
    out = subprocess.run([exe, path], input=data, stdout=subprocess.PIPE, check=True).stdout
    at, answers = 0, []
    for _ in texts:
        n, = struct.unpack_from('<I', out, at)
        v = struct.unpack_from(f'<{3 * n}I', out, at + 4)
        at += 4 + 12 * n
        back = []
        for _ in range(2):
            m, = struct.unpack_from('<I', out, at)
            back.append(out[at + 4:at + 4 + m].decode())
            at += 4 + m
        answers.append((list(v[:n]), v[n:2 * n], v[2 * n:], back))
    assert at == len(out)
    return answers


def agree(text, offsets, begin, end):
    """The library counts characters and gives a composed one its first part alone: one place lies within the other."""
    pos = [0]
    for c in text:
        pos.append(pos[-1] + len(c.encode()))
    return all(pos[a] <= x <= y <= pos[b] or x <= pos[a] <= pos[b] <= y for (a, b), x, y in zip(offsets, begin, end))


def drops(path):
    """Characters without a token vanish, and the library then counts from a wrong place."""
    model = json.load(open(path))['model']
    return model.get('unk_token') is None and not model.get('byte_fallback') and len(model['vocab']) < 400


def compare(exe, path, tok, texts, bad, whole, places):
    """whole: also what decoding gives, and the places."""
    got = ours(exe, path, texts)
    want = (tok.encode_batch if whole else tok.encode_batch_fast)(texts, add_special_tokens=False)
    ids = [e.ids for e in want]
    back = [tok.decode_batch(ids, skip_special_tokens=skip) for skip in (False, True)] if whole else None
    for i, (text, e, g) in enumerate(zip(texts, want, got)):
        what = ('ids' if ids[i] != g[0] else '' if not whole else 'text' if [b[i] for b in back] != g[3] else
                '' if not places or agree(text, e.offsets, g[1], g[2]) else 'places')
        if what:
            if bad[what] < 3:
                print(f'{what}: {ascii(text)}: {ids[i]} {e.offsets}; ours {g}'[:2000], flush=True)
            bad[what] += 1
    return sum(map(len, ids))


def check(n, more):
    real = [t for t in dict.fromkeys(real_texts()) if t]
    words = list({w for t in real[:20000] for w in t.split()})
    own = sorted(f'{OUT}/{f}' for f in os.listdir(OUT) if f.endswith('.json'))
    paths = [f'{DATA}/tokenizers/gpt-neox-20b.json', f'{DATA}/tokenizers/llama-3.1/tokenizer.json'] + own + more
    toks = [Tokenizer.from_file(p) for p in paths]
    bad = [dict(ids=0, text=0, places=0) for _ in paths]
    count = [[0, 0] for _ in paths]
    places = [not drops(p) for p in paths]
    exe = driver()
    for tok in toks:
        tok.post_processor = None              # it would trim places
    r = random.Random(abs(n))
    chunks = [(real, at) for at in range(0, len(real), 2000)] if n >= 0 else []
    chunks = [(None, at) for at in range(0, abs(n), 2000)] + chunks
    for chunk, (source, at) in enumerate(chunks):
        texts = source[at:at + 2000] if source else [made_string(r, words) for _ in range(2000)]
        for k, path in enumerate(paths):
            t = texts
            if any(x in path for x in ('gpt4o', 'clip', 'deepseek')):  # PCRE2 has its own Unicode, that of Python or later
                t = [t for t in texts if all(unicodedata.category(c) != 'Cn' for c in t)]
            count[k][1] += compare(exe, path, toks[k], t, bad[k], chunk % 8 == 0, places[k])
            count[k][0] += len(t)
        if chunk % 4 == 3 or chunk == len(chunks) - 1:
            print(chunk + 1, 'of', len(chunks), 'chunks of 2000; differ',
                  {what: sum(b[what] for b in bad) for what in bad[0]}, flush=True)
    for path, b, c in zip(paths, bad, count):
        print(f'{path}: {c[0]} strings, {c[1]} ids; differ: {b}', flush=True)
    return any(sum(b.values()) for b in bad)


def small():
    """Tokenizers of a few hundred tokens, trained on made text; each with other parts."""
    r = random.Random(7)
    nouns = "table tree house kettle dog window paper river cloud stone letter machine garden".split()
    verbs = "opens breaks paints carries sees cleans repairs finds holds moves".split()
    text = [f"The {r.choice(nouns)} {r.choice(verbs)} the {r.choice(nouns)}, doesn't it? I've seen {r.randrange(3000)} of {r.choice(nouns)}s.\n"
            f"    caf\u00e9 na\u00efve \u4f60\u597d {r.choice(nouns)}_{r.randrange(99)}();" for _ in range(600)]
    specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>',
                '<|begin_of_text|>']
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = lambda p, b='isolated', i=False: pre_tokenizers.Split(Regex(p), b, invert=i)
    kinds = {
        'gpt2': (normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False), False),
        'llama3': (None, pre_tokenizers.Sequence([split(LLAMA3), byte_level]), True),
        'mixed': (normalizers.Sequence([normalizers.NFC()]), pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), split(r'[\r\n]', 'merged_with_previous'), split(r'_', 'merged_with_next'),
             pre_tokenizers.Split(',', 'contiguous'), split(QWEN2, 'removed', True), byte_level]), False),
        'gpt4o': (None, pre_tokenizers.Sequence([split(GPT4O), byte_level]), False),
        'spaced': (None, pre_tokenizers.ByteLevel(add_prefix_space=True), False),
    }
    for name, (normalizer, pre, llama) in kinds.items():
        tok = Tokenizer(models.BPE(ignore_merges=llama))
        if normalizer:
            tok.normalizer = normalizer
        tok.pre_tokenizer = pre
        tok.decoder = decoders.ByteLevel()
        tok.train_from_iterator(text, trainers.BpeTrainer(vocab_size=420, special_tokens=specials[:3] if name == 'gpt2' else specials,
                                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        if name == 'gpt2':
            tok.add_tokens([AddedToken(' ' * n, normalized=True) for n in (8, 4, 2)])
        if name == 'mixed':
            tok.add_special_tokens([AddedToken('<left>', lstrip=True, normalized=False), AddedToken('<right>', rstrip=True, normalized=False)])
            tok.add_tokens([AddedToken('whole', single_word=True, normalized=False), AddedToken('caf\u00e9', normalized=True)])
        if llama:
            bos = tok.token_to_id('<|begin_of_text|>')
            tok.post_processor = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(
                single='<|begin_of_text|> $A', special_tokens=[('<|begin_of_text|>', bos)])])
        yield name, tok


SPECIALS = [AddedToken(t, special=True, normalized=False) for t in ('<unk>', '<s>', '</s>', '[INST]')]
MARK = '\u2581'


def characters():
    """Tokenizers whose pieces start as characters, and the rarer parts."""
    r = random.Random(8)
    nouns = "table tree house kettle dog window paper river cloud stone letter machine garden".split()
    verbs = "opens breaks paints carries sees cleans repairs finds holds moves".split()
    text = [f"The {r.choice(nouns)} {r.choice(verbs)} the {r.choice(nouns)},  doesn't it? I've seen {r.randrange(3000)} of {r.choice(nouns)}s.\n"
            f"    caf\u00e9 na\u00efve \u4f60\u597d {r.choice(nouns)}_{r.randrange(99)}();" for _ in range(300)]
    llama = decoders.Sequence([decoders.Replace(MARK, ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    N, P, D = normalizers, pre_tokenizers, decoders
    byte_level = P.ByteLevel(add_prefix_space=False, use_regex=False)
    clip = (r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    kinds = {                                  # normalizer, pre-tokenizer, decoder, BPE's options, trainer's, bytes as tokens
        'llama2': (N.Sequence([N.Prepend(MARK), N.Replace(' ', MARK)]), None, llama, dict(unk_token='<unk>', fuse_unk=True, byte_fallback=True), {}, True),
        'mistral': (None, P.Metaspace(MARK, 'first', split=False), llama, dict(unk_token='<unk>', fuse_unk=True, byte_fallback=True), {}, True),
        'gemma': (N.Replace(' ', MARK), P.Split(' ', 'merged_with_previous'), D.Sequence([D.Replace(MARK, ' '), D.ByteFallback(), D.Fuse()]),
                  dict(unk_token='<unk>', fuse_unk=True, byte_fallback=True, ignore_merges=False), {}, True),
        'meta': (None, P.Metaspace(MARK, 'always', split=True), D.Metaspace(MARK, 'always'), dict(unk_token='<unk>'), {}, False),
        'clip': (N.Sequence([N.NFC(), N.Replace(Regex(r'\s+'), ' '), N.Lowercase()]), P.Sequence([P.Split(Regex(clip), 'removed', True),
                 P.ByteLevel(add_prefix_space=False)]), D.ByteLevel(), dict(unk_token='<unk>', end_of_word_suffix='</w>'),
                 dict(end_of_word_suffix='</w>', initial_alphabet=P.ByteLevel.alphabet()), False),
        'falcon': (None, P.Sequence([P.Punctuation('contiguous'), P.ByteLevel(add_prefix_space=False), P.Digits(False),
                   P.Split(Regex('[0-9][0-9][0-9]'), 'isolated')]), D.ByteLevel(), {}, dict(initial_alphabet=P.ByteLevel.alphabet()), False),
        'bert': (N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), P.BertPreTokenizer(), None, dict(unk_token='<unk>', continuing_subword_prefix='##'),
                 dict(continuing_subword_prefix='##'), False),
        'nfkc': (N.NFKC(), P.ByteLevel(add_prefix_space=False), D.ByteLevel(), {}, dict(initial_alphabet=P.ByteLevel.alphabet()), False),
        'words': (N.Sequence([N.NFKD(), N.Strip()]), P.Whitespace(), D.BPEDecoder('</w>'), dict(unk_token='<unk>', fuse_unk=True, end_of_word_suffix='</w>'),
                  dict(end_of_word_suffix='</w>'), False),
        'parts': (None, P.Sequence([P.WhitespaceSplit(), P.Metaspace(MARK, 'first', split=False), P.CharDelimiterSplit('t'), P.Punctuation('merged_with_next'),
                  P.Digits(True)]), D.Sequence([D.Metaspace(MARK, 'never'), D.Fuse()]), dict(fuse_unk=True), {}, False),
        'few': (None, P.Sequence([P.Split('e', 'merged_with_previous'), P.ByteLevel(add_prefix_space=True)]), D.Sequence([D.ByteLevel(), D.Fuse(), D.Strip(' ', 1, 0)]), {}, {}, False),
    }
    for name, (normalizer, pre, decoder, options, training, fallback) in kinds.items():
        tok = Tokenizer(models.BPE(**options))
        if normalizer:
            tok.normalizer = normalizer
        if pre:
            tok.pre_tokenizer = pre
        if decoder:
            tok.decoder = decoder
        training = dict(dict(vocab_size=330, special_tokens=SPECIALS, show_progress=False), **training)
        if name in ('llama2', 'mistral', 'gemma'):     # learnt word by word, so that no token has a space inside
            words = Tokenizer(models.BPE(**options))
            words.pre_tokenizer = P.Metaspace(MARK, 'always')
            words.train_from_iterator(text, trainers.BpeTrainer(**training))
            tok = Tokenizer.from_str(json.dumps(dict(json.loads(tok.to_str()), model=json.loads(words.to_str())['model'],
                                                     added_tokens=json.loads(words.to_str())['added_tokens'])))
        else:
            tok.train_from_iterator(text, trainers.BpeTrainer(**training))
        j = json.loads(tok.to_str())
        if fallback:
            for c in range(256):
                j['model']['vocab'][f'<0x{c:02X}>'] = len(j['model']['vocab'])
            # runs of marks, and in one of them a token that a cut before a mark would lose
            for pair in [(MARK, MARK), (MARK * 2, MARK * 2)] + [('e', MARK)] * (name == 'mistral'):
                j['model']['vocab'][''.join(pair)] = len(j['model']['vocab'])
                j['model']['merges'].insert(0, list(pair))
            tok = Tokenizer.from_str(json.dumps(j))
        if name == 'llama2':
            tok.post_processor = processors.TemplateProcessing(single='<s> $A </s>', special_tokens=[('<s>', 1), ('</s>', 2)])
            tok.add_tokens([AddedToken('whole', single_word=True), AddedToken('<right>', rstrip=True, normalized=False)])
        if name == 'mistral':
            tok.add_tokens([AddedToken('<left>', lstrip=True, normalized=False), AddedToken('<right>', rstrip=True, normalized=True)])
        if name == 'clip':
            tok.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 1))
        if name == 'bert':
            tok.post_processor = processors.BertProcessing(('</s>', 2), ('<s>', 1))
            tok.add_tokens([AddedToken('CAF\u00c9', normalized=True), AddedToken('Whole', single_word=True, normalized=True)])
        if name == 'words':
            tok.add_tokens([AddedToken('<left>', lstrip=True, rstrip=True, normalized=True)])
        yield name, tok


def make():
    r = random.Random(3)
    os.makedirs(OUT, exist_ok=True)
    words = "the table paints naive caf\u00e9 cafe\u0301 whole wholes <left> <right> I've window_12 machine garden 1234".split()
    toks = {}
    for name, tok in [*small(), *characters()]:
        tok.save(f'{OUT}/{name}.json', pretty=False)
        toks[name] = tok
    strings = list(dict.fromkeys(made_string(r, words) for _ in range(120)))
    big = {'gpt-neox-20b': f'{DATA}/tokenizers/gpt-neox-20b.json', 'llama-3.1': f'{DATA}/tokenizers/llama-3.1/tokenizer.json'}
    for name, path in big.items():
        toks[name] = Tokenizer.from_file(path)
    with open(f'{OUT}/ids.jsonl', 'w') as f:
        for s in strings:
            row = {'text': s}
            for name, tok in toks.items():
                row[name] = tok.encode(s, add_special_tokens=False).ids
                back = tok.decode(row[name], skip_special_tokens=False)
                if back != s:
                    row[name + ' text'] = back
            f.write(json.dumps(row, separators=(',', ':')) + '\n')


def unicode():
    """What the library does with every code point, as sums for tests/unit/unicode.c."""
    import hashlib
    every = [chr(c) for c in range(0x110000) if not 0xd800 <= c < 0xe000]
    def tell(name, parts):
        h = hashlib.sha256()
        for p in parts:
            h.update(p)
        print(f'    {{ "{name}", "{h.hexdigest()[:16]}" }},')
    for form in ('NFC', 'NFD', 'NFKC', 'NFKD'):
        n = getattr(normalizers, form)()
        tell(form, (n.normalize_str(c).encode() for c in every))
        tell(form + ' within', (n.normalize_str(f'a{c}\u0301\u0323{c}').encode() for c in every))
    n = normalizers.Lowercase()
    tell('lower', (n.normalize_str(c).encode() for c in every))
    n = normalizers.StripAccents()
    tell('mark', (b'1' if n.normalize_str(c) == '' else b'0' for c in every))
    cuts = lambda p, c, want: b'1' if [x for x, _ in p.pre_tokenize_str('a' + c)] == want else b'0'
    tell('word', (cuts(pre_tokenizers.Whitespace(), c, ['a' + c]) for c in every))
    tell('number', (cuts(pre_tokenizers.Digits(), c, ['a', c]) for c in every))
    tell('punctuation', (cuts(pre_tokenizers.Punctuation(), c, ['a', c]) for c in every))


if __name__ == '__main__':
    if sys.argv[1:2] == ['make']:
        make()
    elif sys.argv[1:2] == ['unicode']:
        unicode()
    elif sys.argv[1:2] == ['check']:
        sys.exit(check(int(sys.argv[2]) if len(sys.argv) > 2 else 1000000, sys.argv[3:]))
    else:
        sys.exit(__doc__)
