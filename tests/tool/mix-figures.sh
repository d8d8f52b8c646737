# What each objective and source has had of the run: ages, and shares of rows and trained tokens, worked out again from
# the stream itself; a source is named by its rows, or by its place.
rig=build/$MODE/tests/unit/rig
rig=$PWD/$rig
cd "$TMP" || exit 1
row() { printf '{"prompt": "%s%d", "completion": "%s"}\n' "$1" "$3" "$2"; }
for k in 1 2 3 4 5 6 7 8 9; do row ask yes $k; done | tokenize -q --tokenizer bytes --schema completion --source chat -o a.rec -
for k in 1 2 3 4 5; do row tell 'a long story' $k; done | tokenize -q --tokenizer bytes --schema completion --source tale -o b.rec -
for k in 1 2 3 4; do printf '{"prompt": "p%d", "chosen": "no", "rejected": "maybe"}\n' $k; done |
    tokenize -q --tokenizer bytes --schema pairs --source chat -o c.rec -
cat a.rec b.rec >both.rec
mix --policy weighted --lambda 0.4 --sft a.rec:2 --sft b.rec --pref c.rec --pref c.rec --rows-sft 3 --rows-pref 2 --steps 10 --to json >got
grep '"t":"step"' got | sed -n '1p;2p;10p' | sed 's/.*"mix":/"mix":/; s/,"n":.*//' | tr '{,' '\n\n' | grep -v epoch
# ages and shares of the last step, from what was sent before it
awk -F'"' '
    function ids(s, key) { if (!match(s, "\"" key "\":\\[[^]]*")) return 0; return split(substr(s, RSTART, RLENGTH), v, ",") }
    /"t":"step"/ { step++; if (step == 10) exit; next }
    step {
        obj = $4 == "pref" ? "pref" : "sft"; src = obj == "sft" ? "/" $8 : ""
        n = obj == "pref" ? ids($0, "chosen") + ids($0, "rejected") : 0
        if (obj == "sft") { match($0, /"span":\[\[[0-9]*,[0-9]*/); split(substr($0, RSTART + 9, RLENGTH - 9), s, ","); n = s[2] - s[1] }
        for (k = 0; k < (src ? 2 : 1); k++) {
            who = k ? src : "_" obj
            rows[who]++; tokens[who] += n; last[who] = step
        }
        all++; sum += n
    }
    END { for (w in rows) printf "%s %d %.6f %.6f\n", w, 9 - last[w], rows[w] / all, tokens[w] / sum }' got | sort >want
grep '"t":"step"' got | tail -n 1 | sed 's/.*"mix"://; s/[{}]//g' | tr ',' '\n' | awk -F'[":]+' '
    $2 ~ /^mix\/(age|share)/ { split($2, p, /mix\/(age|share_rows|share_tokens)/); what = $2 ~ /age/ ? 1 : $2 ~ /rows/ ? 2 : 3; v[p[2], what] = $3; who[p[2]] }
    END { for (w in who) if (w !~ /pref\./ && w !~ /^.chat$/ || w == "/chat") printf "%s %d %.6f %.6f\n", w, v[w, 1], v[w, 2], v[w, 3] }' | grep -v '/pref' | sort | diff want - && cat want
# several sources in one file: its place; one objective with one file: nothing to share
mix --policy mix --sft both.rec --sft a.rec --pref c.rec --steps 2 --rows-sft 2 --to json | grep -o '"mix/age[^:]*' | sort | uniq -c | awk '{ print $1, $2 }'
mix --sft a.rec --steps 2 --to json | grep -o '"mix/[^:]*' | sort -u
