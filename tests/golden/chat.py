#!/usr/bin/env python3
"""Chat templates against transformers.  Run from the root of the repository; needs transformers.

chat.py make       writes tests/golden/chat.jsonl, conversations under the layouts chatml and llama3 for tests/unit/chat.c,
                   and tests/golden/chat/*.jsonl, records under our own templates there for tests/tool/tokenize-jinja.sh.
chat.py check [N]  makes records with bin/tokenize of all of ../shared/data/templates, under Llama 3.1's and GPT-NeoX's
                   tokenizer, of N rows (all without N) of each file and kind, and compares ids and masks.

The templates of chat.jsonl are ../shared/data/templates/{chatml,llama3}.jinja; chatml's is written with white space that
its authors (chujiezheng/chat_templates) take out before use.
"""
import collections, datetime, glob, gzip, json, os, random, re, subprocess, sys, tempfile
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

SHARED = '../shared/data'
FOLDER = f'{SHARED}/templates'
CHATS = [
    [('user', 'Hello'), ('assistant', 'Hi there.')],
    [('system', 'You are terse.'), ('user', 'Why?'), ('assistant', 'Because.')],
    [('user', '  spaces around \n'), ('assistant', '\n\nlines around\n\n'), ('user', 'and\tmore '), ('assistant', ' end ')],
    [('system', ' trimmed\u00a0'), ('user', 'a\n\nb'), ('assistant', 'c'), ('user', 'd'), ('assistant', 'e'), ('user', 'f'),
     ('assistant', 'g')],
    [('user', '\u2003wide\u3000'), ('assistant', '\x1c\x1d\x85separators\x1e\x1f\u2028')],
    [('user', '\u200bnot a space\u200b'), ('assistant', '\ufeffnor this\ufeff')],
    [('user', ''), ('assistant', 'answer to nothing')],
    [('user', 'quotes "\'` and \\ and {{ braces }} {% x %}'), ('assistant', '\u4f60\u597d caf\u00e9 \U0001f600')],
    [('user', 'left open')],
]


def as_messages(chat):
    return [{'role': r, 'content': c} for r, c in chat]


# ---- what a record must be ----

class Fault(Exception):
    pass


def strings(v):
    if isinstance(v, str):
        yield v
    elif isinstance(v, dict):
        for k, x in v.items():
            yield k
            yield from strings(x)
    elif isinstance(v, list):
        for x in v:
            yield from strings(x)


class Expect:
    """Ids and trained tokens of a conversation, from apply_chat_template alone."""

    def __init__(self, tok, template):
        self.tok, self.template = tok, template
        self.special = {i for i, t in tok.added_tokens_decoder.items() if t.special}
        made = ''.join(self.made())                                # markers that are put together from pieces
        names = [t.content for t in tok.added_tokens_decoder.values()
                 if t.special and not re.fullmatch(r'\w+', t.content) and (t.content in template or t.content in made)]
        self.markers = [m for m in set(names + [tok.bos_token, tok.eos_token]) if m]
        self.blocks = re.search(r'{%-?\+?\s*generation', template) is not None

    def render(self, messages, tools, prompt=False):
        try:
            if not messages:                                      # which apply_chat_template itself refuses
                return render_jinja_template([[]], tools=tools, chat_template=self.template, add_generation_prompt=prompt,
                                             **self.tok.special_tokens_map)[0][0]
            return self.tok.apply_chat_template(messages, tools=tools, chat_template=self.template, tokenize=False,
                                                add_generation_prompt=prompt)
        except Exception as e:
            raise Fault(f'template: {e}')

    def made(self):
        turns = as_messages([('system', 's'), ('user', 'u'), ('assistant', 'a'), ('tool', 't')])
        for some in turns[:3], turns[1:3], turns[1:], turns[:2]:
            try:
                yield self.render(some, None, True)
            except Fault:
                pass

    def spans(self, messages, tools, text, wanted):
        if self.blocks:
            clean = [{k: v for k, v in m.items() if v is not None} for m in messages]
            tokens = self.tok.special_tokens_map
            _, blocks = render_jinja_template([clean], tools=tools, chat_template=self.template,
                                              return_assistant_tokens_mask=True, **tokens)
            answers = [i for i, m in enumerate(messages) if m['role'] == 'assistant']
            if len(blocks[0]) == len(answers):
                return [b for i, b in zip(answers, blocks[0]) if i in wanted]
            if len(wanted) < len(answers):
                raise Fault('blocks are not turns')
            return blocks[0]
        out = []
        for i in wanted:
            before = self.render(messages[:i], tools, True)
            upto = self.render(messages[:i + 1], tools) if i + 1 < len(messages) else text
            if not text.startswith(before) or not text.startswith(upto):
                raise Fault('the beginning is not kept')
            out.append((len(before), len(upto)))
        return out

    def ends(self, enc, text, spans):
        out = []
        for begin, stop in spans:
            last = None
            for id, (b, e) in zip(enc.ids, enc.offsets):
                if begin <= b and e <= stop and id in self.special:
                    last = e
            if last is None or text[last:stop].strip():
                raise Fault('no end token')
            out.append((begin, stop if self.blocks else last))
        return out

    def record(self, messages, tools, mask):
        answers = [i for i, m in enumerate(messages) if m['role'] == 'assistant']
        wanted = answers if mask == 'all' else answers[-1:]
        if not wanted:
            raise Fault('nothing is trained')
        messages = messages[:wanted[-1] + 1]
        if tools and not re.search(r'\btools\b', self.template) or \
                any(m.get('tool_calls') for m in messages) and 'tool_calls' not in self.template:
            raise Fault('tools are not shown')
        text = self.render(messages, tools)
        spans = self.spans(messages, tools, text, wanted)
        for i in wanted:
            m = messages[i]
            if not ''.join(strings(m.get('content'))).strip() and not m.get('tool_calls') and not m.get('reasoning_content') \
                    and not m.get('reasoning'):
                raise Fault('empty')
        enc = self.tok.backend_tokenizer.encode(text, add_special_tokens=False)
        bos = self.tok.bos_token_id
        if len(enc.ids) > 1 and enc.ids[0] == enc.ids[1] == bos:
            raise Fault('two begin tokens')
        if any(m in s for s in strings([messages, tools]) for m in self.markers):
            raise Fault('a special token in a text')
        spans = self.ends(enc, text, spans)
        ids, trained = [], []
        for id, (b, e) in zip(enc.ids, enc.offsets):
            if b >= spans[-1][1]:
                break
            inside = [s for s in spans if b < s[1] and e > s[0]]
            if any(b < s[0] or e > s[1] for s in inside):
                raise Fault('merge')
            ids.append(id)
            trained.append(bool(inside))
        if self.blocks and mask == 'all':                         # transformers' own mask, to the letter
            own = self.tok.apply_chat_template(messages, tools=tools, chat_template=self.template, tokenize=True,
                                               return_dict=True, return_assistant_tokens_mask=True)
            assert own['input_ids'][:len(ids)] == ids, 'ids of apply_chat_template'
            assert [bool(x) for x in own['assistant_masks']] == trained + [False] * (len(enc.ids) - len(ids)), 'its mask'
        return ids, trained


def trained_of(rec):
    t = [False] * len(rec['ids'])
    for b, e in rec['span']:
        t[b:e] = [True] * (e - b)
    return t


# ---- conversations ----

def from_sharegpt(row):
    roles = {'human': 'user', 'gpt': 'assistant', 'observation': 'tool', 'system': 'system'}
    out = []
    for m in row['conversations']:
        if m['from'] == 'function_call':
            calls = json.loads(m['value'])
            calls = calls if isinstance(calls, list) else [calls]
            out.append({'role': 'assistant', 'tool_calls': [{'type': 'function', 'function': c} for c in calls]})
        else:
            out.append({'role': roles[m['from']], 'content': m['value']})
    tools = json.loads(row['tools']) if row.get('tools') else None
    return out, [{'type': 'function', 'function': t} for t in tools] if tools else None


def real(limit):
    """(row, messages, tools) of the data at hand."""
    with open(f'{SHARED}/sft/alpaca-en-999.json') as f:
        for r in json.load(f)[:limit]:
            user = r['instruction'] + ('\n\n' + r['input'] if r['input'] else '')
            yield 'alpaca', r, as_messages([('user', user), ('assistant', r['output'])]), None
    with open(f'{SHARED}/sft/sharegpt-toolcall-en.json') as f:
        for r in json.load(f)[:limit]:
            yield 'sharegpt', r, *from_sharegpt(r)
    with open(f'{SHARED}/pref/sharegpt-pairs-en-300.json') as f:
        for r in json.load(f)[:limit]:
            r = {'conversations': r['conversations'] + [r['chosen']]}
            yield 'sharegpt', r, *from_sharegpt(r)
    with open(f'{SHARED}/pref/kto-en-300.json') as f:
        for r in json.load(f)[:limit]:
            yield 'messages', {'messages': r['messages']}, r['messages'], None


WORDS = ['tea', ' Milk ', '\n', '\n\n', 'caf\u00e9', '\u4f60\u597d', '\U0001f600', '{{ x }}', '{% y %}', '"', '\\', "it's", '<b>', '&amp;',
         '<think>', '</think>', '\t', '1234567', '\u00a0', 'e\u0301', ' a', 'B', '<|im_end|', '</s', '[INST]', '<tool_call>']
TOOLS = [{'type': 'function', 'function': {'name': 'brew', 'description': 'Brews "tea" & more',
          'parameters': {'type': 'object', 'properties': {'cups': {'type': 'integer', 'minimum': 1.5}, 'kind': {'type': 'string'}},
                         'required': ['cups']}}}]


def generated(n, seed=1):
    r = random.Random(seed)

    def text(least=1):
        return ''.join(r.choice(WORDS) for _ in range(r.randint(least, 8)))
    for _ in range(n):
        out, tools = [], None
        if r.random() < .4:
            out.append({'role': 'system', 'content': text()})
        if r.random() < .4:
            tools = TOOLS
        for _ in range(r.randint(1, 4)):
            out.append({'role': 'user', 'content': text(0)})
            if tools and r.random() < .5:
                call = {'type': 'function', 'function': {'name': 'brew', 'arguments': {'cups': r.randint(0, 9), 'kind': text()}}}
                out.append({'role': 'assistant', 'content': r.choice([None, '', text()]), 'tool_calls': [call]})
                out.append({'role': 'tool', 'name': 'brew', 'content': text()})
            out.append({'role': 'assistant', 'content': text()})
            if r.random() < .2:
                out[-1]['reasoning_content'] = text()
        if r.random() < .1:
            out.append({'role': 'user', 'content': text()})
        row = {'messages': out}
        if tools:
            row['tools'] = r.choice([tools, json.dumps(tools)])
        yield 'messages', row, out, tools


# ---- comparing ----

WHITE = ('alpaca', 'chatml', 'llama-2-chat', 'mistral-instruct', 'zephyr')


def templates():
    """Name and source; of those in WHITE their authors take the white space out before use."""
    for path in sorted(glob.glob(f'{FOLDER}/*.jinja')):
        name = os.path.basename(path).removesuffix('.jinja')
        with open(path) as f:
            source = f.read()
        yield name, source.replace('    ', '').replace('\n', '') if name in WHITE else source


def folder(at, base, bos, eos):
    """A tokenizer's folder: the base with the markers of all templates among its special tokens."""
    t = Tokenizer.from_file(base)
    pattern = r'<\|[A-Za-z_0-9]+\|>|<\uff5c[^\uff5c]+\uff5c>|<(?:start|end)_of_turn>'
    names = re.findall(pattern, ''.join(source for _, source in templates()))
    t.add_special_tokens(sorted(set(names + [bos, eos])))
    t.save(f'{at}/tokenizer.json')
    config = {'bos_token': bos, 'eos_token': eos, 'tokenizer_class': 'PreTrainedTokenizerFast'}
    with open(f'{at}/tokenizer_config.json', 'w') as f:
        json.dump(config, f)
    return PreTrainedTokenizerFast(tokenizer_file=f'{at}/tokenizer.json', bos_token=bos, eos_token=eos)


def tokenize(at, schema, rows, mask, *more):
    with open(f'{at}/rows.jsonl', 'w') as f:
        for r in rows:
            f.write(json.dumps(r) + '\n')
    run = subprocess.run(['bin/tokenize', '-q', '--tokenizer', at, '--schema', schema, '--mask', mask, '--lenient', '-n', '1M',
                          '--to', 'json', *more, f'{at}/rows.jsonl'], capture_output=True, text=True)
    if run.returncode not in (0, 3):
        sys.exit(f'{run.returncode}: {run.stderr}')
    return [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def compare(at, schema, chats, expect, mask, more):
    """Rows in which tokenize and transformers differ, and how many were records in both."""
    want = []
    for row, messages, tools in chats:
        try:
            want.append(expect.record(messages, tools, mask))
        except Fault as e:
            want.append(str(e))
    got, err = tokenize(at, schema, [c[0] for c in chats], mask, *more)
    good = [w for w in want if not isinstance(w, str)]
    why = dict(collections.Counter(w[:40] for w in want if isinstance(w, str)).most_common(3))
    if len(good) == len(got) and all(g['ids'] == w[0] and trained_of(g) == w[1] for g, w in zip(got, good)):
        return 0, len(good), why
    bad = 0
    for c, w in zip(chats, want):                                 # row by row, to tell which
        one, err = tokenize(at, schema, [c[0]], mask, *more)
        same = not one if isinstance(w, str) else bool(one) and one[0]['ids'] == w[0] and trained_of(one[0]) == w[1]
        if not same:
            bad += 1
            if bad > 3:
                break
            if bad <= 1:
                print(f'{schema} {mask} {json.dumps(c[0])[:600]}\n  transformers: {str(w)[:400]}\n  tokenize: '
                      f'{str(one)[:400]} {err[:600]}')
    return bad, len(good), why


def check(limit):
    total = bad = rows = 0
    bases = {'llama-3.1': (f'{SHARED}/tokenizers/llama-3.1/tokenizer.json', '<|begin_of_text|>', '<|eot_id|>'),
             'gpt-neox-20b': (f'{SHARED}/tokenizers/gpt-neox-20b.json', '<|bos|>', '<|endoftext|>')}
    all = list(real(limit)) + list(generated(limit or 1000))
    for base, (path, bos, eos) in bases.items():
        with tempfile.TemporaryDirectory() as at:
            tok = folder(at, path, bos, eos)
            for name, template in templates():
                with open(f'{at}/chat_template.jinja', 'w') as f:
                    f.write(template)
                more = ['--date', datetime.date.today().isoformat()] if 'strftime_now' in template else []
                expect = Expect(tok, template)
                counts = []
                for mask, schema in ('last', 'alpaca'), ('last', 'sharegpt'), ('last', 'messages'), ('all', 'sharegpt'), \
                        ('all', 'messages'):
                    chats = [c[1:] for c in all if c[0] == schema]
                    b, n, why = compare(at, schema, chats, expect, mask, more)
                    bad, rows, total = bad + b, rows + n, total + len(chats)
                    counts.append(f'{mask} {schema} {n}/{len(chats)}' + (f' {b} DIFFER' if b else ''))
                print(base, name, *counts, why, flush=True)
    print(f'{total} rows, {rows} records, {total - rows} refused by both, {bad} differences')
    return bad


# ---- goldens ----

def make_layouts():
    sources = dict(templates())
    layouts = {'chatml': (sources['chatml'], ''), 'llama3': (sources['llama3'], '<|begin_of_text|>')}
    tok = PreTrainedTokenizerFast(tokenizer_file='tests/golden/tokenizer/llama3.json')
    with open('tests/golden/chat.jsonl', 'w') as f:
        for name, (template, bos) in layouts.items():
            for chat in CHATS:
                tok.bos_token = bos or None
                messages = as_messages(chat)
                text = tok.apply_chat_template(messages, chat_template=template, tokenize=False,
                                               **({} if bos else {'bos_token': ''}))
                assert text.startswith(bos)
                row = {'template': name, 'messages': messages, 'text': text[len(bos):]}
                f.write(json.dumps(row, separators=(',', ':')) + '\n')


def make_records():
    """tests/golden/chat/rows.jsonl under each template there, for both masks; rows with a fault are left out."""
    with open('tests/golden/chat/rows.jsonl') as f:
        rows = [json.loads(line) for line in f]
    for r in rows:
        if isinstance(r.get('tools'), str):
            r['tools'] = json.loads(r['tools'])
    for path in sorted(glob.glob('tests/golden/chat/*.jinja')):
        with open(path) as f:
            template = f.read()
        tok = PreTrainedTokenizerFast(tokenizer_file='tests/golden/tokenizer/gpt2.json', eos_token='<|endoftext|>')
        expect = Expect(tok, template)
        with open(path.replace('.jinja', '.jsonl'), 'w') as f:
            for mask in 'last', 'all':
                for row in rows:
                    try:
                        ids, trained = expect.record(row['messages'], row.get('tools'), mask)
                    except Fault as e:
                        print(path, mask, e)
                        continue
                    edges = [i for i in range(len(ids) + 1)
                             if (trained + [False])[i] != ([False] + trained)[i]]
                    spans = [list(x) for x in zip(edges[::2], edges[1::2])]
                    f.write(json.dumps({'ids': ids, 'span': spans}, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    if sys.argv[1:2] == ['make']:
        make_layouts()
        make_records()
    elif sys.argv[1:2] == ['check']:
        sys.exit(check(int(sys.argv[2]) if len(sys.argv) > 2 else None) > 0)
    else:
        sys.exit(__doc__)
