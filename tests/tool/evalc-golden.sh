# Every task of the list scores its five records as transformers and numpy do.
models=tests/golden/task-model

# JSON lines to lines `name number`
figures() { sed 's/[{}]//g' | tr , '\n' | sed -n 's/^"\([^"]*\)":\(-*[0-9].*\)$/\1 \2/p'; }

# chat has no scores: tests/tool/evalc-chat.sh
for task in $(sed -n 's/^TASK(\(.*\))$/\1/p' evalc/task.def); do
    [ "$task" = chat ] && continue
    dir=tests/golden/task-$task
    [ -f "$dir/want" ] || { echo "task $task has no golden scores in $dir"; continue; }
    . "$dir/cmd" >"$TMP/got"
    awk -v task="$task" '
        FNR == NR { got[$1] = $2; next }
        !($1 in got) { print task ": no " $1; next }
        {
            off = got[$1] - $2; if (off < 0) off = -off
            most = NF > 2 ? $3 : ($2 < 0 ? -$2 : $2) * 1e-5 + 1e-8
            if (!(off <= most)) print task ": " $1 " is " got[$1] ", not " $2
            n++
        }
        END { if (!n) print task ": nothing compared" }' "$TMP/got" "$dir/want"
done
