#!/usr/bin/env python3
"""Holds `tokenize` against the Hugging Face tokenizers library, and makes the goldens that tests need no Python for.

    tokenizer.py check [N]    every text of ../shared/data and N made strings (200000), all tokenizers: ids must be equal
    tokenizer.py make         tests/golden/tokenizer/: a small tokenizer.json, and strings with their ids

Needs tokenizers (0.20 or later) and, for `check`, bin/tokenize.  Run from the root of the repository.
"""
import gzip, json, os, random, subprocess, sys, unicodedata
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
        c = r.randrange(1, 0x110000)
        if not 0xd800 <= c < 0xe000:
            return chr(c)


BITS = ["'s", "'S", "'t", "'re", "'VE", "'ll", "'d", "'\u017f", "'L", "\u2019s", "don't", "I'M", "  ", "   ", " " * 7, " " * 24,
        " " * 60, "\n\n", "\r\n", " \n ", "\t\t", "123", "12345678", "3.14", "\u0663\u0664", "\u00bd", "\u2167", "http://", "://",
        "<|endoftext|>", "<|im_start|>", "<|eot_id|>", "<|begin_of_text|>", "<|", "|>", "assistant", "\n\nHuman:", "\n\nAssistant:",
        "e\u0301", "\u0041\u030a", "\u212b", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0e33", "\u0915\u093c", "\u09c7\u09be",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\ufb01", "a" * 40, "ab" * 50, "the", " The", "hello",
        "\u4f60\u597d", "\u3053\u3093\u306b\u3061\u306f", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u0645\u0631\u062d\u0628\u0627", "{}", "();\n", "==", "--", "...", "!!!"]


def made_string(r, words):
    out = []
    for _ in range(r.randrange(1, r.choice([3, 8, 20]))):
        k = r.random()
        if k < .45:
            out.append(char(r) * (r.randrange(1, 6) if r.random() < .2 else 1))
        elif k < .75:
            out.append(r.choice(BITS))
        else:
            w = r.choice(words)
            if r.random() < .3:
                i = r.randrange(len(w) + 1)
                w = w[:i] + char(r) + w[i + r.randrange(2):]
            out.append(r.choice(['', ' ', ' ', '\n']) + w)
    return ''.join(out)


def ours(path, texts):
    """The ids bin/tokenize gives: a text record is prefix, ids, end token."""
    rows = ''.join(json.dumps({'text': t}) + '\n' for t in texts)
    p = subprocess.run(['bin/tokenize', '-q', '--tokenizer', path, '--schema', 'text', '--specials', 'allow', '--bos', 'none',
                        '--max-tokens', '16000000', '--to', 'json'], input=rows.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line)['ids'][:-1] for line in p.stdout.splitlines()]


def check(n):
    r = random.Random(1)
    real = [t for t in dict.fromkeys(real_texts()) if t]
    words = list({w for t in real[:20000] for w in t.split()})
    made = [made_string(r, words) for _ in range(n)]
    own = sorted(f'{OUT}/{f}' for f in os.listdir(OUT) if f.endswith('.json'))
    bad = 0
    for path in [f'{DATA}/tokenizers/gpt-neox-20b.json', f'{DATA}/tokenizers/llama-3.1/tokenizer.json'] + own:
        tok = Tokenizer.from_file(path)
        for name, texts in (('data', real), ('made', made)):
            if 'gpt4o' in path:                # PCRE2 has its own Unicode, here that of Python or later
                texts = [t for t in texts if all(unicodedata.category(c) != 'Cn' for c in t)]
            want = [e.ids for e in tok.encode_batch(texts, add_special_tokens=False)]
            got = ours(path, [t for t in texts])
            assert len(want) == len(got), (len(want), len(got))
            diff = [i for i in range(len(texts)) if want[i] != got[i]]
            print(f'{path}: {name}: {len(texts)} strings, {sum(map(len, want))} ids, {len(diff)} differ', flush=True)
            for i in diff[:5]:
                print('  ', ascii(texts[i]), want[i], got[i])
            bad += len(diff)
    return bad != 0


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


def make():
    r = random.Random(3)
    os.makedirs(OUT, exist_ok=True)
    words = "the table paints naive caf\u00e9 cafe\u0301 whole wholes <left> <right> I've window_12 machine garden 1234".split()
    toks = {}
    for name, tok in small():
        tok.save(f'{OUT}/{name}.json', pretty=False)
        toks[name] = tok
    strings = list(dict.fromkeys(made_string(r, words) for _ in range(140)))
    big = {'gpt-neox-20b': f'{DATA}/tokenizers/gpt-neox-20b.json', 'llama-3.1': f'{DATA}/tokenizers/llama-3.1/tokenizer.json'}
    for name, path in big.items():
        toks[name] = Tokenizer.from_file(path)
    with open(f'{OUT}/ids.jsonl', 'w') as f:
        for s in strings:
            row = {'text': s}
            for name, tok in toks.items():
                row[name] = tok.encode(s, add_special_tokens=False).ids
            f.write(json.dumps(row, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    if sys.argv[1:2] == ['make']:
        make()
    elif sys.argv[1:2] == ['check']:
        sys.exit(check(int(sys.argv[2]) if len(sys.argv) > 2 else 200000))
    else:
        sys.exit(__doc__)
