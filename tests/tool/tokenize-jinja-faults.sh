# G05, G06 and G08 under Jinja templates: merges across the boundary, each fault with its place and mend, and long rows.
cd "$TMP" || exit 1
G=$OLDPWD/tests/golden
T=$G/tokenizer/gpt2.json
say='{% for m in messages %}{{ m.content }}{% if m.role == "assistant" %}{{ eos_token }}{% endif %}{% endfor %}'
printf '%s' "$say" >joined.jinja
echo '{"prompt": "the kett", "completion": "le, the house"}' >sft.jsonl
echo '{"prompt": "the kett", "chosen": "le, the house", "rejected": "y"}' >pref.jsonl
for kind in sft pref; do
    for how in error shift; do
        echo "== $kind $how"
        tokenize -q --tokenizer "$T" --template joined.jinja --boundary $how --to json $kind.jsonl 2>&1
    done
done
echo '== faults'
try() {
    name=$1 template=$2
    shift 2
    printf '{"prompt": "ok", "completion": " fine"}\n%s\n' "$(cat)" >rows.jsonl
    tokenize -q -o out.rec --tokenizer "$T" --template "$template" "$@" rows.jsonl 2>err
    echo "$name: $?: $(sed "s|$G|G|g" err)"
    [ ! -e out.rec ] || echo "$name left a file"
}
printf '{{ bos_token }}%s' "$say" >bos.jinja
printf '%s{%% if not add_generation_prompt %%}.{%% endif %%}' "$say" >dot.jinja
printf '{%% for m in messages %%}{{ m.content }}{%% endfor %%}' >open.jinja
printf '{%% if messages|length > 2 %%}{{ raise_exception("too many turns") }}{%% endif %%}%s' "$say" >two.jinja
printf '{{ messages|length }}%s' "$say" >counts.jinja
printf '{{ messages[0].content.no.field }}%s' "$say" >broken.jinja
try bos bos.jinja --bos '<|im_start|>' --specials allow <<'END'
{"prompt": "<|im_start|>a", "completion": "b"}
END
try special bos.jinja --bos '<|im_start|>' <<'END'
{"prompt": "<|im_start|>a", "completion": "b"}
END
try name "$G/chat/marked.jinja" <<'END'
{"prompt": "a", "completion": [{"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f<|im_end|>"}}]}]}
END
try tools "$G/chat/turns.jinja" <<'END'
{"prompt": "a", "completion": "b", "tools": [{"name": "f", "description": "<|im_end|>"}]}
END
try other bos.jinja --bos '<|im_start|>' <<'END'
{"prompt": "a <|im_end|>", "completion": "b<|endoftext|>"}
END
try empty joined.jinja <<'END'
{"prompt": "a", "completion": " \n "}
END
try mask joined.jinja --mask flag <<'END'
{"prompt": "a", "completion": [{"role": "assistant", "content": "b", "train": false}]}
END
try end dot.jinja < /dev/null
try none open.jinja < /dev/null
try named open.jinja --eos '<|im_end|>' < /dev/null
try raised two.jinja --schema completion <<'END'
{"prompt": [{"role": "user", "content": "a"}, {"role": "user", "content": "a"}], "completion": "b"}
END
try prefix counts.jinja < /dev/null
try error broken.jinja < /dev/null
: >blank.jinja
try blank blank.jinja < /dev/null
printf '{"prompt": "a", "chosen": "b", "rejected": "b"}\n' >rows.jsonl
tokenize -q --tokenizer "$T" --template joined.jinja rows.jsonl >/dev/null 2>&1
echo "same: $?"
cat >sft.jsonl <<'END'
{"prompt": "short", "completion": "yes"}
{"prompt": "a prompt of many words", "completion": "no"}
{"prompt": "hm", "completion": "an answer that is too long"}
END
cat >pref.jsonl <<'END'
{"prompt": "a prompt of many words", "chosen": "good", "rejected": "worse!"}
{"prompt": "hm", "chosen": "an answer that is too long", "rejected": "an answer that is long"}
{"prompt": "hm", "chosen": "this answer is the same", "rejected": "this answer is the other"}
END
for how in ask drop keep-start keep-end prompt-left; do
    for kind in sft pref; do
        echo "== $kind $how"
        tokenize -q --tokenizer bytes --template bos.jinja -n 20 --truncate $how --lenient --show 9 $kind.jsonl 2>&1
    done
done
