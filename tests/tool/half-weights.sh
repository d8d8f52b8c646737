# A folder in bfloat16 is held so where nothing trains it: half the memory, and the bytes that the same numbers in float32 give
golden=$PWD/tests/golden
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 1; i <= 12; i++) printf "{\"prompt\": \"Is %d even?\", \"chosen\": \" %s.\", \"rejected\": \" Why?\"}\n", i, i % 2 ? "No" : "Yes" }' >pairs.json
tokenize -q --tokenizer bytes --template none pairs.json -o pairs.rec
sed 's/.*"vocab_size": *\([0-9]*\).*/\1/; t; d' "$golden/models/nano.json" >vocab
printf '{"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "vocab_size": %d}\n' "$(cat vocab)" >gpt2.json
for model in "$golden/models/nano.json" "$golden/models/nano-neox.json" gpt2.json; do
    mix -q --pref pairs.rec --steps 3 | step -q --threads 1 --pref-loss simpo --init "$model" --lr 1e-2 --out first >told
    step -q --average first,first --save-dtype bf16 --out half
    step -q --average half,half --out full
    for of in half full; do
        evalc --task preference --model $of --items $of.items pairs.rec >told
        mix -q --policy cat --to json $of.items | sed "s/.*\"id/\"id/" >$of.json
        evalc --task generate --model $of --max-new-tokens 12 --to json pairs.rec >>$of.json
        mix -q --pref pairs.rec --steps 3 | step -q --threads 2 --pref-loss simpo --model $of --lora-rank 2 --lr 1e-2 --out lora-$of >told
        step -q --model lora-$of --merge --out merged-$of
    done
    wc -l <half.json
    cmp half.json full.json
    cmp merged-half/model.safetensors merged-full/model.safetensors
    cmp -s merged-half/model.safetensors full/model.safetensors || echo trained
    rm -r first half full lora-half lora-full merged-half merged-full
done
