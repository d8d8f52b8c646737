#!/usr/bin/env python3
"""Makes tests/golden/chat.jsonl: conversations as transformers' apply_chat_template renders them, for tests/unit/chat.c.

The templates are ../shared/data/templates/{chatml,llama3}.jinja; chatml's is written with white space that its authors
(chujiezheng/chat_templates) take out before use.  Needs transformers.  Run from the root of the repository.
"""
import json
from transformers import PreTrainedTokenizerFast

FOLDER = '../shared/data/templates'
TEMPLATES = {'chatml': (open(f'{FOLDER}/chatml.jinja').read().replace('    ', '').replace('\n', ''), ''),
             'llama3': (open(f'{FOLDER}/llama3.jinja').read(), '<|begin_of_text|>')}
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

if __name__ == '__main__':
    tok = PreTrainedTokenizerFast(tokenizer_file='tests/golden/tokenizer/llama3.json')
    with open('tests/golden/chat.jsonl', 'w') as f:
        for name, (template, bos) in TEMPLATES.items():
            for chat in CHATS:
                tok.bos_token = bos or None
                messages = [{'role': r, 'content': c} for r, c in chat]
                text = tok.apply_chat_template(messages, chat_template=template, tokenize=False,
                                               **({} if bos else {'bos_token': ''}))
                assert text.startswith(bos)
                row = {'template': name, 'messages': messages, 'text': text[len(bos):]}
                f.write(json.dumps(row, separators=(',', ':')) + '\n')
