# A labelled row is found for one however its truth is written: its answer may be a bad one, never to be learnt.
cd "$TMP" || exit 1
t() { printf '{"prompt": "a", "completion": "b", %s}\n' "$1" | tokenize --tokenizer bytes --show 1 2>&1 | sed -n '1p; s/^-- \(.*\): .*/\1/p'; }
t '"label": false'
t '"label": 0'
t '"label": "False"'
t '"kto_tag": "true"'
t '"kto_tag": "bad"'
t '"label": "sports"'
t '"label": 2'
