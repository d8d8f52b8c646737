# Where a chat template comes from, and what it is told.
cd "$TMP" || exit 1
mkdir -p tok/additional_chat_templates
cp "$OLDPWD/tests/golden/tokenizer/gpt2.json" tok/tokenizer.json
printf '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}\n' >rows.jsonl
show() { echo "== $*"; tokenize --show 1 --schema messages "$@" rows.jsonl 2>&1 | grep -v '^-- \|^== '; }
body="{% for m in messages %}{{ m.role[0] }}={{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
show --tokenizer tok
printf '{"eos_token": "<|endoftext|>", "chat_template": "string:%s"}' "$body" >tok/tokenizer_config.json
show --tokenizer tok
show --tokenizer tok/tokenizer.json
printf '{"eos_token": "<|im_end|>", "chat_template": [{"name": "default", "template": "first:%s"},
    {"name": "tool_use", "template": "second:%s"}]}' "$body" "$body" >tok/tokenizer_config.json
show --tokenizer tok
show --tokenizer tok --template tool_use
show --tokenizer tok --template plain
show --tokenizer tok --template none
printf 'third:%s' "$body" >tok/chat_template.jinja
show --tokenizer tok
printf 'fourth:%s' "$body" >tok/additional_chat_templates/rag.jinja
show --tokenizer tok --template rag
printf '{{ bos_token }}{{ strftime_now("%%d %%b %%Y") }} {{ mood }} {{ n + 1 }}:%s' "$body" >day.jinja
printf '{"mood": "kind", "n": 1}' >vars.json
show --tokenizer tok --template day.jinja --template-vars vars.json
show --tokenizer tok --template ./day.jinja --template-vars mood='a b' --template-vars n=41 --date 2025-12-31
show --tokenizer tok --template day.jinja --template-vars n=1 --bos '<|im_start|>'
echo '== errors'
bad() { tokenize -q --tokenizer tok -o out.rec "$@" rows.jsonl; echo "$?"; }
{
    bad --template odd
    bad --template odd.jinja
    bad --template day.jinja --template-vars mod=1
    bad --template day.jinja --template-vars rows.jsonl
    bad --template day.jinja --template-vars day.jinja
    bad --template day.jinja --template-vars messages=1
    bad --template day.jinja --date 2025-02-30
    bad --template rag --date 2025-02-03
    bad --template chatml --template-vars n=1
    bad --template plain --date 2025-02-03
    printf '{%% if %%}' >broken.jinja
    bad --template broken.jinja
    printf '{"chat_template": [{"name": "one", "template": "x"}]}' >tok/tokenizer_config.json
    rm tok/chat_template.jinja
    bad
    printf '{"chat_template": 5}' >tok/tokenizer_config.json
    bad
    printf '{"chat_template": "{{ messages["}' >tok/tokenizer_config.json
    bad
    printf '{"chat_template": null}' >tok/tokenizer_config.json
    bad --template tool_use
} 2>&1
echo '== hashes differ with the source, the variables and the day'
hash() {
    tokenize -q --tokenizer tok -o h.rec "$@" rows.jsonl
    zstd -dcq h.rec | od -An -v -tx1 -N 4000 | tr -d ' \n' |
        sed 's/.*74656d706c6174655f68617368c408\(.\{16\}\).*/\1/'
    echo
}
{
    hash --template day.jinja --template-vars n=1
    hash --template day.jinja --template-vars n=2
    hash --template day.jinja --template-vars n=2 --date 2025-01-01
    hash --template tok/additional_chat_templates/rag.jinja
} >hashes
sort -u hashes | wc -l
