# --dtype bf16: products read rounded weights, updates are those of float32; resume and threads give the same bytes
golden=$PWD/tests/golden
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 1; i <= 12; i++) printf "{\"prompt\": \"Is %d even?\", \"chosen\": \" %s.\", \"rejected\": \" Why?\"}\n", i, i % 2 ? "No" : "Yes" }' >pairs.json
tokenize -q --tokenizer bytes --template none pairs.json -o pairs.rec
sed 's/.*"vocab_size": *\([0-9]*\).*/\1/; t; d' "$golden/models/nano.json" >vocab
printf '{"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "vocab_size": %d}\n' "$(cat vocab)" >gpt2.json
train() {
    mix -q --pref pairs.rec --steps 6 | step -q --pref-loss simpo --to json "$@"
}
for model in "$golden/models/nano.json" "$golden/models/nano-neox.json" gpt2.json; do
    train --threads 1 --init "$model" --lr 1e-2 --weight-decay .1 --out full >full.json
    train --threads 1 --init "$model" --lr 1e-2 --weight-decay .1 --dtype bf16 --out half >half.json
    # rounding is seen, and is small
    cmp -s full.json half.json && echo the same
    for of in full half; do
        tr ',{' '\n\n' <$of.json | sed 's/^"loss":\([0-9.]*\)}*$/\1/; t; d' >$of.loss
    done
    paste full.loss half.loss | awk '{ d = $1 - $2; if (!(d * d < 1e-3)) print "far:", $0 } END { print NR " losses" }'
    # the same bytes on other threads, and from a checkpoint whose folder has fewer bits
    train --threads 2 --init "$model" --lr 1e-2 --weight-decay .1 --dtype bf16 --out two >two.json
    cmp half/step-00000006/model.safetensors two/step-00000006/model.safetensors
    train --threads 1 --init "$model" --lr 1e-2 --weight-decay .1 --dtype bf16 --save-dtype bf16 --steps 4 --out cut >cut.json
    mix -q --pref pairs.rec --steps 6 --resume cut | step -q --pref-loss simpo --threads 1 --init "$model" --lr 1e-2 --weight-decay .1 --dtype bf16 --save-dtype bf16 --steps 6 --resume --out cut >told
    cmp half/step-00000006/model.safetensors cut/step-00000006/state/weights.safetensors
    for of in half cut; do
        mix --policy cat --to json $of/metrics.rec >$of.json
    done
    cmp half.json cut.json
    rm -r full half two cut
done
# the losses of PyTorch that trains so (golden/dtype.py), and not those of float32
printf '{"text": "%s"}\n' 'The river bends twice before the mill.' 'Nobody counted the stones but the boy.' 'A lamp was left burning on the stair.' >x.jsonl
tokenize -q --tokenizer bytes --template none --schema text x.jsonl -o x.rec
for dtype in bf16 f32; do
    mix -q --sft x.rec --rows-sft 3 --steps 40 |
        step -q --init "$golden/models/nano-neox.json" --lr 3e-3 --weight-decay .1 --dtype $dtype --to json --out torch-$dtype |
        sed 's/.*"loss":\([0-9.]*\),.*/\1/' >$dtype.loss
    paste "$golden/dtype.txt" $dtype.loss |
        awk -v dtype=$dtype '{ d = $1 - $2; if (!(d * d < 4e-8)) far++ } END { print dtype ": " NR " losses, " (far ? "some" : "none") " further than 2e-4" }'
done
# an update far below the last place of a bfloat16 counts: matrices move, beside the 896 numbers of norms and biases
train --threads 1 --init gpt2.json --lr 1e-7 --dtype bf16 --out small >told
train --threads 1 --init gpt2.json --lr 0 --dtype bf16 --out still >told
cmp -l small/step-00000006/model.safetensors still/step-00000006/model.safetensors | awk 'END { print (NR > 10000 ? "moved" : "stood still: " NR " bytes differ") }'
# what cannot be is refused
train --init gpt2.json --dtype f16 --out none
echo $?
train --model small/step-00000006 --dtype bf16 --lora-rank 2 --out none
echo $?
mix -q --pref pairs.rec --steps 8 | step -q --pref-loss simpo --init gpt2.json --lr 1e-7 --steps 8 --resume --out small 2>&1 >told | grep -c -e '--dtype bf16'
