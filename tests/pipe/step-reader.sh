# Who reads the metrics may leave: one warning, and the run ends as ever.
. tests/pipe/tiny
tiny 40
mix -q --policy weighted --sft "$TMP/sft.rec" --rows-sft 4 --steps 6 -o "$TMP/steps.rec"
step="step -q --threads 1 --model $base"
$step --out "$TMP/a" "$TMP/steps.rec" >"$TMP/metrics.rec" || echo "a: $?"
{ $step --out "$TMP/b" "$TMP/steps.rec"; echo "step $?" >"$TMP/status"; } | true
cat "$TMP/status"
cmp "$TMP/a/latest/model.safetensors" "$TMP/b/latest/model.safetensors"
# the copy is the file, but for the command in the header
mix --policy cat --to json "$TMP/metrics.rec" >"$TMP/1"
mix --policy cat --to json "$TMP/a/metrics.rec" >"$TMP/2"
cmp "$TMP/1" "$TMP/2" && grep -c '"t":"metric"' "$TMP/1"
