# Whatever call fails in training and saving, and whenever: one line tells, and a resume ends as an unbroken run
[ "${MODE:-release}" = asan ] && { echo 'skipped: a sanitizer brings its own malloc' >"$TMP/skip"; exit 0; }
lib=$PWD/build/${MODE:-release}/fault.so
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 1; i <= 100; i++)
    printf "{\"instruction\": \"What is %d plus %d?\", \"output\": \"It is %d.\"}\n", i, i, 2 * i }' >rows.jsonl
cat >config.json <<'END'
{ "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 32,
  "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 320,
  "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000, "hidden_act": "silu",
  "tie_word_embeddings": true, "initializer_range": 0.02, "torch_dtype": "float32" }
END
tokenize --tokenizer bytes --schema alpaca --template plain rows.jsonl -o a.rec || exit 1
steps() { mix --policy weighted --sft a.rec --rows-sft 2 --steps 3 "$@"; }
train() { step --init config.json --schedule constant --save-every 1 --threads 1 --quiet "$@" >/dev/null; }
steps -o steps.rec && train --out whole steps.rec || exit 1
# From the first record on: headers hold command lines
records() { mix --policy cat --to json "$1" | tail -n +2; }
records whole/metrics.rec >whole.json
same() {
    records run/metrics.rec >run.json
    cmp -s whole.json run.json && cmp -s whole/latest/model.safetensors run/latest/model.safetensors
}
for kind in write fsync rename read alloc; do
    n=0 struck=yes
    while [ "$struck" ]; do
        n=$((n + 1 + n / 3)) struck=
        rm -rf fired run
        FAULT=$kind:$n FAULT_FIRED=$TMP/fired LD_PRELOAD=$lib train --out run steps.rec 2>err
        status=$?
        [ -e fired ] && struck=yes
        case $status in
        0)  ;;
        4)  [ "$(wc -l <err)" = 1 ] || { echo "$kind $n: not one line"; cat err; } ;;
        *)  echo "$kind $n: exit $status"; cat err; continue ;;
        esac
        if [ $status != 0 ] && [ -e run/latest ]; then
            steps --resume run -o rest.rec 2>err && train --resume --out run rest.rec 2>>err ||
                { echo "$kind $n: no resume"; cat err; continue; }
        elif [ $status != 0 ]; then
            rm -rf run
            train --out run steps.rec || echo "$kind $n: no second start"
        fi
        same || echo "$kind $n: exit $status, and then another run"
        [ $n -lt 9999 ] || { echo "$kind: no end"; break; }
    done
    [ $n -gt 1 ] || echo "$kind: never struck"
done
