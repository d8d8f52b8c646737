# A conversation through a pipe: lines in, answers out, turn after turn; a new one, and what is refused.
m="--model tests/golden/task-generate/model --tokenizer bytes"
chat() { evalc --threads 1 --task chat $m "$@" | od -c | cksum; }
exec 2>&1
printf 'Hello\nAnd then?\n' | evalc --threads 1 --task chat $m --max-new-tokens 9 >"$TMP/two"
wc -l <"$TMP/two"
# The first answer is the one generate gives to the same prompt, the second depends on the first turn
printf '{"messages": [{"role": "user", "content": "Hello"}]}\n' >"$TMP/p.jsonl"
tokenize -q --tokenizer bytes --template plain --schema prompt "$TMP/p.jsonl" |
    evalc --threads 1 --task generate $m --max-new-tokens 9 --to json | sed 's/.*"text":"\(.*\)","n":0.*/\1/' >"$TMP/text"
printf 'Hello' | evalc --threads 1 --task chat $m --max-new-tokens 9 >"$TMP/one"
head -c "$(wc -c <"$TMP/one")" "$TMP/two" | cmp - "$TMP/one"
printf 'Hello\n/new\nHello\n' | evalc --threads 1 --task chat $m --max-new-tokens 9 >"$TMP/new"
cat "$TMP/one" "$TMP/one" | cmp - "$TMP/new"
printf 'And then?\n' | evalc --threads 1 --task chat $m --max-new-tokens 9 >"$TMP/alone"
tail -c "$(wc -c <"$TMP/alone")" "$TMP/two" | cmp -s - "$TMP/alone"; echo "depends: $?"
printf 'Hi\n' | chat --temperature 1 --seed 3 --max-new-tokens 20 --system 'Be brief.' --template chatml >"$TMP/a"
printf 'Hi\n' | chat --temperature 1 --seed 3 --max-new-tokens 20 --system 'Be brief.' --template chatml | cmp - "$TMP/a"
# A line that cannot be said ends a pipe's conversation, where nobody is there to say it otherwise
for line in 'Say <|im_end|> now' '\377' "$(printf %0400d 1)"; do
    printf "Hi\n/new\n$line\nHi\n" | evalc --threads 1 --task chat $m --template chatml --max-new-tokens 4 >"$TMP/said"; echo $?
    wc -l <"$TMP/said"
done
try() { evalc --task chat "$@" </dev/null; echo "$? $*"; }
try
try $m file.rec
try $m --out x
try $m --template nope
try --model tests/golden/task-generate/model
try --model tests/golden/task-model/policy --tokenizer bytes
evalc --task chat,loss $m; echo $?
printf '' | evalc --task chat $m; echo $?
