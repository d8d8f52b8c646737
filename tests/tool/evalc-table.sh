# --to table: a figure per line with its error for one run, a row per run for a study; the first rows of each block.
g=tests/golden
evalc --threads 1 --task loss --model $g/task-model/policy --label method=mix --label lambda=0.5 --label 'note=two words' --to table \
    $g/task-loss/rows.rec | awk '/_accuracy|loss / { $2 = "value"; if (NF > 2) $3 = "error" } { print }'
evalc --task pareto --to table $g/task-pareto/rows.rec -o "$TMP/table"
awk '/^# / { n = 0 } n++ < 5 || !NF' "$TMP/table"
