# --items tells each row's own figures under its key, and the run's figures are their sums.
g=tests/golden
evalc --threads 1 --task loss,preference --model $g/task-model/policy --items "$TMP/items.rec" --to json \
    $g/task-logprob/rows.rec $g/task-loss/rows.rec | sed 's/[{}]//g' | tr , '\n' >"$TMP/run"
mix --policy cat --to json "$TMP/items.rec" >"$TMP/items"
sed 's/"\(logps\|hits\)[^:]*":[-0-9.]*,*//g' "$TMP/items"
awk -F: '
    FNR == NR { run[$1] = $2; next }
    function field(name) { return match($0, "\"" name "\":[-0-9.]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : 0 }
    /"obj":"pref"/ { pairs++; better += field("logps/chosen") > field("logps/rejected"); chosen += field("logps/chosen") }
    /"obj":"sft"/ { rows++; tokens += field("tokens") }
    END {
        if (better / pairs != run["\"eval/policy_accuracy\""]) print "policy_accuracy"
        off = chosen / pairs - run["\"eval/logps/chosen\""]
        if (!(off < 1e-12 && off > -1e-12)) print "logps/chosen"
        if (tokens != run["\"eval/sft/tokens\""] || rows != run["\"eval/sft/rows\""]) print "rows, tokens"
    }' "$TMP/run" "$TMP/items"
