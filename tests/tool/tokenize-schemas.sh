# G01, G09. Every schema of schema.def turns its golden rows into its golden records; what `auto` finds is the same.
# After a change that is meant: for each folder, look at --show and renew records.jsonl and show.txt.
for name in $(sed -n 's/^SCHEMA(\(.*\))$/\1/p' tokenize/schema.def); do
    dir=tests/golden/schema-$name
    [ -d "$dir" ] || { echo "schema $name has no golden"; continue; }
    for template in plain none; do
        set -- -q --tokenizer bytes --template $template --source golden "$dir"/rows.*
        if [ $template = none ]; then set -- --lenient "$@"; fi
        tokenize --schema "$name" --to json "$@" >"$TMP/got" 2>"$TMP/err" || { echo "$name: status $?"; cat "$TMP/err"; }
        diff "$dir/$template.jsonl" "$TMP/got" >"$TMP/diff" || { echo "$name: other records with $template"; cat "$TMP/diff"; }
        tokenize --schema auto --to json "$@" 2>/dev/null | cmp -s - "$TMP/got" || echo "$name: auto finds another schema"
        tokenize --schema "$name" --show 99 "$@" 2>/dev/null | diff "$dir/$template.txt" - || echo "$name: shown otherwise"
    done
    echo '{"other": [1]}' | tokenize -q --tokenizer bytes --schema "$name" --to json >"$TMP/got" 2>&1
    [ $? = 3 ] || echo "$name: takes any row"
done
