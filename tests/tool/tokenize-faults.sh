# G06. Each fault of a row ends the run with 3 and a message that says where, what, and how to mend it.
cd "$TMP" || exit 1
G=$OLDPWD/tests/golden/tokenizer
try() {
    name=$1
    shift
    printf '{"prompt": "ok", "completion": " fine"}\n%s\n' "$(cat)" >rows.jsonl
    tokenize -q -o out.rec "$@" rows.jsonl 2>err
    echo "$name: $?: $(cat err)"
    [ ! -e out.rec ] || echo "$name left a file"
}
bytes() { name=$1; shift; try "$name" --tokenizer bytes "$@"; }
bytes json              <<'END'
{"prompt": "a", "completion": }
END
bytes utf8              <<END
{"prompt": "a", "completion": "$(printf 'caf\351')"}
END
bytes column            <<'END'
  {"prompt": "a", "answer": "b"}
END
bytes type              <<'END'
{"prompt": "a", "completion": 7}
END
bytes twice             <<'END'
{"prompt": "a", "completion": "b"} {"prompt": "c", "completion": "d"}
END
bytes empty             <<'END'
{"prompt": "a", "completion": " \n "}
END
bytes mask --mask flag  <<'END'
{"prompt": "a", "completion": [{"role": "assistant", "content": "b", "train": false}]}
END
bytes bos --template none <<'END'
{"prompt": "<|bos|>a", "completion": "b"}
END
bytes special           <<'END'
{"prompt": "a", "completion": "b<|eos|>c"}
END
bytes long -n 20        <<'END'
{"prompt": "a", "completion": "b, and more than twenty bytes"}
END
bytes answer -n 20 --truncate prompt-left <<'END'
{"prompt": "a", "completion": "b, and more than twenty bytes"}
END
try merge --tokenizer "$G/gpt2.json" --template none <<'END'
{"prompt": "a kett", "completion": "le"}
END
try end --tokenizer "$G/mixed.json" --template none --eos whole <<'END'
{"prompt": "a ", "completion": "b"}
END
printf '{"prompt": "a", "chosen": "b", "rejected": " b "}\n' >rows.jsonl
tokenize -q --tokenizer bytes rows.jsonl >/dev/null
echo "same: $?"
