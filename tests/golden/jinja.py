#!/usr/bin/env python3
"""Holds lib/chat/jinja.h against transformers' own renderer (transformers 5.24, Jinja 3.1.6).

    jinja.py make           writes tests/golden/jinja/cases.jsonl: the templates *.jinja beside it over made
                            conversations, with text and generation ranges, or that it is an error
    jinja.py check [N]      renders by both and compares: those templates and ../shared/data/templates over many
                            conversations, then N made expressions and small templates (20000); prints what differs

Run from the root of the repository, for check with build/release/tests/unit/jinja built (or named by $JINJA).
"""
import copy
import datetime
import glob
import json
import os
import random
import subprocess
import sys

import transformers.utils.chat_template_utils as ctu

NOW = datetime.datetime(2024, 7, 26, 13, 5, 9)
FOLDER = 'tests/golden/jinja'
SHARED = '../shared/data/templates'


# What our renderer says no to where transformers gives a text
REFUSED = ['does not stand where',                  # a generation block in a macro or set: other text is marked
           'beyond 64 bits',                        # Python's integers have no end
           'of a safe string',                      # methods of Markup
           'means two things',                      # -2 ** x is -(2 ** x), -2 ** 2 is 4
           'not supported', 'urlencode needs']      # what only Python has


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


ctu.datetime = Clock


def reference(template, variables):
    """Text and ranges in bytes as transformers has them, or the error."""
    try:
        compiled = ctu._compile_jinja_template(template)
        given = copy.deepcopy(dict(variables))          # a filter of Jinja may change a list
        text, found = ctu._render_with_assistant_indices(
            compiled, given.pop('messages', None), given.pop('tools', None), given.pop('documents', None),
            given.pop('add_generation_prompt', False), **given)
        text.encode()
    except RecursionError:
        return {'error': 'recursion'}
    except Exception as e:  # whatever Python says is an error here too
        return {'error': f'{type(e).__name__}: {e}'}
    return {'text': text, 'ranges': ranges(text, found)}


def ranges(text, found):
    """Characters to bytes; what lies within another, and nothing, is dropped."""
    spans = sorted((len(text[:a].encode()), len(text[:b].encode())) for a, b in found if b > a)
    kept = []
    for a, b in spans:
        if kept and a < kept[-1][1]:
            kept[-1][1] = max(kept[-1][1], b)
        else:
            kept.append([a, b])
    return kept


def complete(variables):
    """What apply_chat_template always gives."""
    return {'messages': None, 'tools': None, 'documents': None, 'add_generation_prompt': False, **variables}


def ours(rows):
    text = '\n'.join(json.dumps({'template': t, 'vars': complete(v)}) for t, v in rows) + '\n'
    run = subprocess.run([os.environ.get('JINJA', 'build/release/tests/unit/jinja'), 'serve'],
                         input=text, capture_output=True, text=True)
    if run.returncode:
        print('our renderer ended with', run.returncode, run.stderr[:4000])
    return [json.loads(line) for line in run.stdout.split('\n') if line]


def same(got, want):
    if 'error' in want or ' at 0x' in want['text']:     # an address: nothing that one could mean
        return 'error' in got
    if 'error' in got and any(why in got['error'] for why in REFUSED):
        return None
    return got.get('text') == want['text'] and got['ranges'] == want['ranges']


def compare(rows, what, limit=20):
    bad = errors = refused = 0
    for i in range(0, len(rows), 5000):
        part = rows[i:i + 5000]
        answers = ours(part)
        for k, (t, v) in enumerate(part):
            want = reference(t, v)
            got = answers[k] if k < len(answers) else {'error': 'no answer', 'ranges': []}
            errors += 'error' in want
            verdict = same(got, want)
            refused += verdict is None
            if verdict is False:
                bad += 1
                if bad <= limit:
                    print(f'-- {t if len(t) < 400 else t[:60]!r}\n   {json.dumps(v, ensure_ascii=False)[:600] if v is not GIVEN else "GIVEN"}\n'
                          f'   want {json.dumps(want, ensure_ascii=False)[:600]}\n'
                          f'   got  {json.dumps(got, ensure_ascii=False)[:600]}')
    print(f'{what}: {len(rows)} rendered, {errors} are errors to transformers, '
          f'{refused} are refused by ours, {bad} differ')
    return bad


# ---- conversations ----

WORDS = ['Hello', 'why', ' spaced ', '\n', 'a\n\nb', 'caf\u00e9', '\u4f60\u597d', '\U0001f600', '<|im_end|>', '<b>&"\'', '{{ x }}',
         '{% y %}', '\\n', '\u00a0', '\t', 'end.', '1', '</think>', '<think>', '<tool_response>', '</tool_response>', '\u2028', '\r\n', '']


def words(r, n=6):
    return ' '.join(r.choice(WORDS) for _ in range(r.randrange(n)))


def anything(r, depth=3):
    kind = r.randrange(11 if depth else 8)
    if kind >= 9:
        return {r.choice(['a', 'b', 'type', 'name', 'items', 'c d', '\u00e9']): anything(r, depth - 1) for _ in range(r.randrange(4))}
    if kind == 8:
        return [anything(r, depth - 1) for _ in range(r.randrange(4))]
    return [None, True, False, r.randrange(-5, 1000), r.choice([0.5, 1e16, 1e-7, 3.0, -2.25, 123456789.125, 1e100]), words(r),
            2 ** r.randrange(60), words(r, 2)][kind]


def tool(r):
    props = {n: {'type': r.choice(['string', 'integer', ['string', 'null']]), 'description': words(r)}
             for n in r.sample(['city', 'unit', 'n', 'when'], r.randrange(4))}
    return {'type': 'function', 'function': {
        'name': r.choice(['get_weather', 'add', 'f']), 'description': words(r),
        'parameters': {'type': 'object', 'properties': props, 'required': list(props)[:1]}}}


def message(r, role):
    m = {'role': role, 'content': words(r)}
    k = r.random()
    if role == 'assistant':
        if k < .2:
            call = {'name': r.choice(['get_weather', 'add']), 'arguments': r.choice([{'city': words(r), 'n': 3, 'x': [1, None]}, '{"a": 1}'])}
            calls = [r.choice([call, {'type': 'function', 'id': 'call_00000', 'function': call}]) for _ in range(r.randrange(1, 3))]
            m['tool_calls'] = calls
            if k < .12:
                m['content'] = r.choice([None, '', words(r)])
            if k < .02:
                del m['content']
        elif k < .3:
            m[r.choice(['reasoning_content', 'thinking'])] = words(r)
        elif k < .4:
            m['content'] = '<think>\n' + words(r) + '\n</think>\n\n' + words(r)
    if k > .93:
        m['content'] = [{'type': 'text', 'text': words(r)}] + ([{'type': 'image'}] if k > .97 else [])
    if role == 'tool' and k < .5:
        m['name'] = 'get_weather'
        m['tool_call_id'] = 'call_00000'
    return m


def conversation(r):
    v = {'messages': []}
    if r.random() < .4:
        v['messages'].append(message(r, 'system'))
    for _ in range(r.randrange(1, 5)):
        v['messages'].append(message(r, 'user'))
        if r.random() < .9:
            v['messages'].append(message(r, 'assistant'))
        while 'tool_calls' in v['messages'][-1] or v['messages'][-1]['role'] == 'tool':
            v['messages'] += [message(r, 'tool') for _ in range(r.randrange(1, 3))]
            if r.random() < .8:
                v['messages'].append(message(r, 'assistant'))
                if r.random() < .7:
                    v['messages'][-1].pop('tool_calls', None)
            else:
                break
    if r.random() < .05:
        r.shuffle(v['messages'])
    if r.random() < .3:
        v['tools'] = [tool(r) for _ in range(r.randrange(1, 4))]
    if r.random() < .1:
        v['documents'] = [{'title': words(r), 'text': words(r)} for _ in range(2)]
    if r.random() < .5:
        v['add_generation_prompt'] = True
    if r.random() < .8:
        v['bos_token'] = r.choice(['<s>', '<|begin_of_text|>', ''])
        v['eos_token'] = r.choice(['</s>', '<|im_end|>'])
    for name, value in (('enable_thinking', [True, False]), ('date_string', ['26 Jul 2024']), ('custom_tools', [None]),
                        ('tools_in_user_message', [True, False]), ('extra', [anything(r)])):
        if r.random() < .25:
            v[name] = r.choice(value)
    return v


def templates(folder):
    return {os.path.basename(p): open(p, newline='').read() for p in sorted(glob.glob(f'{folder}/*.jinja'))}


# ---- made expressions and small templates ----

GIVEN = {'s': 'Hello, World', 't': ' caf\u00e9 \n', 'e': '', 'n': 7, 'z': 0, 'm': -3, 'f': 2.5, 'h': 1e16, 'yes': True, 'no': False, 'nil': None,
         'l': [3, 1, 2], 'w': ['b', 'A', 'c', 'a'], 'x': [1, 'a', None, 2.5, True, [1, 2], {'k': 'v'}],
         'd': {'b': 1, 'a': 'two', 'C': [1, 2, 3], 'items': 4}, 'o': {}, 'big': 2 ** 70,
         'rows': [{'name': 'x', 'n': 2, 'on': True}, {'name': 'Y', 'n': 1, 'on': False}, {'name': 'x', 'n': 3}],
         'u': '\u4f60\u597d <b>&"\'', 'deep': {'a': {'b': [{'c': 'd'}]}}, 'lines': 'a\nb\r\n\nc', 'num': '42', 'real': ' 3.75 '}
NAMES = list(GIVEN) + ['nothing']
FILTERS = ['abs', 'capitalize', 'count', 'd', "default('D')", "default('D', true)", 'dictsort', "dictsort(false, 'value')", 'e', 'escape', 'first',
           'float', 'int', 'int(9)', 'items|list', 'join', "join(', ')", "join('-', attribute='name')", 'last', 'length', 'list', 'lower',
           "map('upper')|list", "map(attribute='name')|list", "map(attribute='q', default=1)|list", 'max', 'min', "max(attribute='n')",
           'reject|list', "rejectattr('on')|list", "replace('l', 'L')", "replace('o', '0', 1)", "replace('', '.')", 'reverse', 'reverse|list',
           'round', 'round(1)', "round(1, 'floor')", "round(0, 'ceil')", 'safe', 'select|list', "select('string')|list", "select('odd')|list",
           "selectattr('on')|list", "selectattr('n', '>', 1)|list", "selectattr('name', 'equalto', 'x')|map(attribute='n')|list", 'slice(2)|list',
           "slice(3, 'F')|list", 'batch(2)|list', "batch(2, 'F')|list", 'sort', 'sort(reverse=true)', "sort(attribute='name')",
           "sort(attribute='n', reverse=true)", "sort(attribute='name,n')", 'sort(case_sensitive=true)', 'string', 'sum', "sum(attribute='n')",
           'title', 'tojson', 'tojson(indent=2)', "tojson(separators=(',', ':'))", 'tojson(ensure_ascii=true)', 'tojson(sort_keys=true)',
           'trim', "trim('H')", 'truncate(8)', "truncate(6, true, '..')", 'unique|list', 'upper', 'urlencode', 'wordcount', 'indent',
           "indent(2, true)", "indent('> ', blank=true)", "groupby('name')", "groupby('n')|list", 'center(20)', "format(1, 'a')", 'string|length']
TESTS = ['boolean', 'callable', 'defined', 'divisibleby(3)', 'divisibleby 2', 'even', 'odd', 'false', 'true', 'float', 'integer', 'number', 'string',
         'mapping', 'sequence', 'iterable', 'none', 'undefined', 'lower', 'upper', 'eq(7)', "equalto('a')", 'ne(1)', 'gt(2)', 'lt 2', 'ge(7)', 'le 0',
         'in [1, 2, 3]', "in 'Hello'", 'sameas(none)', 'sameas true', 'escaped', 'not none', 'not defined', 'not string']
METHODS = ['upper()', 'lower()', 'strip()', "strip('H d')", 'lstrip()', 'rstrip()', "rstrip('\\n')", 'split()', "split(',')", "split('l', 1)",
           "rsplit('l', 1)", 'rsplit(none, 1)', 'split(none, 1)', "split(sep='o')", 'splitlines()', 'splitlines(true)', "startswith('He')",
           "endswith(('d', 'x'))", "startswith('l', 2)", "replace('l', 'LL', 1)", "find('o')", "find('o', 5)", "rfind('o')", "index('W')", "index('q')",
           "count('l')", "count('')", 'title()', 'capitalize()', 'swapcase()', 'isdigit()', 'isalpha()', 'isalnum()', 'isspace()', 'isupper()',
           'islower()', 'isdecimal()', 'zfill(15)', 'center(20)', "center(21, '*')", "ljust(15, '.')", 'rjust(15)', "join(['a', 'b'])",
           "join('xyz')", "removeprefix('He')", "removesuffix('ld')", "partition(', ')", "rpartition('o')", "format(1, a=2)", 'items()', 'keys()',
           'values()', "get('a')", "get('q')", "get('q', 5)", 'items()|list', 'copy()', 'append(1)', 'pop()', 'update({})', "index(1)", "count(1)",
           'items', 'name', 'a.b[0].c', 'b', "a['b']", 'q', '0', 'C.1']
FORMATS = ["'%s-%s' % (s, n)", "'%05d' % n", "'%.2f' % f", "'%x' % 255", "'%s' % x", "'%-6s|' % s", "'%(a)s' % d", "'{} {}'.format(s, n)",
           "'{1}-{0}'.format(n, s)", "'{a:>6}|{b:<4}|'.format(a=s, b=n)", "'{:.3f}'.format(f)", "'{:05d}'.format(n)", "'{:,}'.format(1234567)",
           "'{0[1]} {1.a}'.format(l, d)", "'{{}}{!r}'.format(s)", "'{:^9}|'.format(n)", "'{:+d}'.format(n)", "'{:x}'.format(255)", "'{:.1%}'.format(f)",
           "'%d%%' % n", "'%5.1f' % f", "'%+d' % n", "'%e' % f", "'%g' % h", "'%r' % s"]


def literal(r):
    return r.choice(['1', '0', '2', '-1', '10', '1.5', '0.1', '1e3', "'a'", '"b c"', "''", "'\\n'", "'\\u00e9\\x41'", 'true', 'false', 'none', 'True', 'None',
                     '[]', '[1, 2, 3]', "['a', 'b']", '(1, 2)', '(1,)', '()', '{}', "{'a': 1}", "{'k': [1], 2: 'x'}", '0x1f', '1_000', "'a' 'b'", 'range(4)',
                     'range(5, 0, -2)', "dict(a=1, b='c')", 'namespace(a=1)'])


def expr(r, depth=3):
    if depth == 0:
        return r.choice(NAMES) if r.random() < .6 else literal(r)
    k = r.randrange(24)
    sub = lambda: expr(r, depth - 1)
    if k < 4:
        return f'{sub()} {r.choice(["+", "-", "*", "/", "//", "%", "~", "+", "~"])} {sub()}'
    if k < 6:
        return f'{sub()} {r.choice(["==", "!=", "<", ">", "<=", ">=", "in", "not in"])} {sub()}'
    if k == 6:
        return f'{sub()} {r.choice(["and", "or"])} {sub()}'
    if k == 7:
        return f'not {sub()}'
    if k < 12:
        return f'({sub()})|{r.choice(FILTERS)}'
    if k < 14:
        return f'({sub()}) is {r.choice(TESTS)}'
    if k < 17:
        return f'({sub()}).{r.choice(METHODS)}'
    if k == 17:                                 # a constant's wrong slice is undefined to Jinja, a variable's is an error
        return f'({r.choice(NAMES)})[{r.choice(["0", "1", "-1", "5", "1:", ":2", "::-1", "1:3", "-2:", "::2", "5:1:-2", sub()])}]'
    if k == 18:
        return f'{sub()} if {sub()}' + (f' else {sub()}' if r.random() < .7 else '')
    if k == 19:
        return r.choice(FORMATS)
    if k == 20:
        return f'[{sub()}, {sub()}]' if r.random() < .5 else f'{{{r.choice(["1", chr(39) + "a" + chr(39)])}: {sub()}}}'
    if k == 21:
        return f'{sub()} {r.choice(["<", "==", "!="])} {sub()} {r.choice([">", "<=", "in"])} {sub()}'
    if k == 22:
        return f'-{sub()}' if r.random() < .5 else f'{r.choice(["2", "n", "f", "m"])} ** {r.choice(["2", "3", "0", "z", "-1"])}'
    return f'{r.choice(NAMES)}|{r.choice(FILTERS)}'


def tag(r, inner):
    return '{%' + r.choice(['', '', '-', '+']) + f' {inner} ' + r.choice(['', '', '-']) + '%}'


def text(r):
    return r.choice(['', ' ', '\n', 'x', ' y\n', '\n  ', '  \n\n', 'z ', '\t', '{', '}', '%', '#', '{ {'])


def value(r, depth=1):
    return '{{' + r.choice(['', '', '-']) + ' ' + expr(r, depth) + ' ' + r.choice(['', '', '-']) + '}}'


def name(r):
    return r.choice(['a', 'b', 'c', 's', 'n', 'i'])


def block(r, depth, loop=False):
    out = ''
    for _ in range(r.randrange(1, 4)):
        out += text(r) + statement(r, depth, loop)
    return out + text(r)


def statement(r, depth, loop):
    k = r.randrange(22 if depth else 8)
    one = lambda: r.choice(['{{ a }}', '{{ b }}', '{{ s }}', '{{ n }}', '{{ i }}', '{{ c }}'])
    if k < 3:
        return value(r)
    if k == 3:
        return one()
    if k == 4:
        return tag(r, f'set {name(r)} = {expr(r, 1)}')
    if k == 5:
        return r.choice(['{# c #}', '{#- c -#}', '{# c #}\n', '{#+ c +#}', '{% raw %}{{ x }}{% endraw %}', '{%- raw -%} y {%- endraw %}\n'])
    if k == 6:
        if loop:
            return tag(r, f'if {r.choice(["loop.index == 2", "i == 1", "loop.first", expr(r, 1)])}') + tag(r, r.choice(['break', 'continue'])) + tag(r, 'endif')
        return one()
    if k == 7:
        if loop:
            return '{{ loop.' + r.choice(['index', 'index0', 'first', 'last', 'length', 'revindex', 'revindex0', 'previtem', 'nextitem', 'depth',
                                          "cycle('p', 'q')", 'changed(i)']) + ' }}'
        return tag(r, 'set a, b = ' + r.choice(['1, 2', '[3, 4]', "'xy'", 'l', '(n, s)']))
    inner = lambda lp=loop: block(r, depth - 1, lp)
    if k < 11:
        body = tag(r, f'if {expr(r, 1)}') + inner()
        if r.random() < .3:
            body += tag(r, f'elif {expr(r, 1)}') + inner()
        if r.random() < .5:
            body += tag(r, 'else') + inner()
        return body + tag(r, 'endif')
    if k < 15:
        what = r.choice(['l', 'x', 'w', 'range(3)', 's', 'd', 'o', 'nothing', "l|select('odd')", 'rows', "[1, 2]|map('string')", 'd.items()', expr(r, 1)])
        target = r.choice(['i', 'i', 'a', 'i, a']) if what != 'd.items()' else 'i, a'
        test = f' if {r.choice(["i", "i != 2", "i is string", "i is defined", expr(r, 1)])}' if r.random() < .3 else ''
        body = tag(r, f'for {target} in {what}{test}') + inner(True)
        if r.random() < .3:
            body += tag(r, 'else') + inner(loop)
        return body + tag(r, 'endfor')
    if k == 15:
        return tag(r, f'set {name(r)}' + r.choice(['', '', ' | upper', ' | trim | length'])) + inner() + tag(r, 'endset')
    if k == 16:
        return tag(r, 'macro f(a, b=' + expr(r, 1) + ')') + inner(False) + r.choice(['', '{{ varargs }}', '{{ kwargs }}', '{{ caller() }}']) + \
            tag(r, 'endmacro') + r.choice(['{{ f(1) }}', '{{ f(n, b=2) }}', '{{ f() }}', '{{ f(1, 2, 3) }}', '{{ f(q=1) }}',
                                           '{% call f(1) %}C{{ s }}{% endcall %}', '{% call(i) f(2) %}{{ i }}{% endcall %}'])
    if k == 17:
        return tag(r, 'filter ' + r.choice(['upper', 'trim', "replace('a', 'b')|title", 'indent(2)'])) + inner() + tag(r, 'endfilter')
    if k == 18:
        return tag(r, f'with {name(r)} = {expr(r, 1)}') + inner() + tag(r, 'endwith')
    if k == 19:
        return tag(r, 'set ns = namespace(k=1, j=s)') + tag(r, 'for i in l') + tag(r, 'set ns.k = ns.k + i') + inner(True) + tag(r, 'endfor') + '{{ ns.k }}'
    if k == 20:
        return tag(r, 'generation') + inner(False) + tag(r, 'endgeneration')
    return "{{ " + r.choice(["strftime_now('%d %b %Y %H:%M:%S %j %A %p')", "joiner('|')()", "cycler(1, 2).next()", "raise_exception('no')", 'loop', 'lipsum is defined',
                             'range(3)|list', "dict([(1, 2)], a=3)", 'namespace(x=1).x']) + " }}"


def made(n, seed):
    """Half of them expressions; of those that are errors one in four is kept."""
    r = random.Random(seed)
    rows = []
    while len(rows) < n:
        t = '{{ ' + expr(r, r.randrange(1, 4)) + ' }}' if r.random() < .5 else block(r, r.randrange(0, 4))
        if r.random() < .25 or 'error' not in reference(t, GIVEN):
            rows.append((t, GIVEN))
    return rows


def check(n):
    r = random.Random(7)
    bad = 0
    for folder, count in ((SHARED, 400), (FOLDER, 100)):
        all_of = templates(folder)
        rows = [(t, conversation(r)) for t in all_of.values() for _ in range(count)]
        bad += compare(rows, f'{folder}, {len(all_of)} templates')
    bad += compare(made(n, int(os.environ.get('SEED', 1))), 'made expressions and templates')
    return bad


def make():
    r = random.Random(3)
    with open(f'{FOLDER}/cases.jsonl', 'w') as f:
        for path, t in templates(FOLDER).items():
            for _ in range(4):
                v = complete(conversation(r))
                want = reference(t, v)
                row = {'name': path, 'template': t, 'vars': v, **({'error': True} if 'error' in want else want)}
                f.write(json.dumps(row, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    if sys.argv[1:] == ['make']:
        make()
    elif sys.argv[1:2] == ['check']:
        sys.exit(check(int(sys.argv[2]) if len(sys.argv) > 2 else 20000) != 0)
    else:
        sys.exit(__doc__)
