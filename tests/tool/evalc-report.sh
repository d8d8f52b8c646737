# The page of a study: the same bytes every time, every tag closed, nothing fetched, names taken for text, what is missing
# said; its numbers for a terminal, a paper and a spreadsheet; what cannot be a study is refused.
study=tests/golden/task-report/study
evalc --task report $study -o "$TMP/page.html" --csv "$TMP/means.csv" --runs "$TMP/runs.csv" --latex "$TMP/means.tex" --table -
cp -r $study "$TMP/again"
evalc --task report "$TMP/again" >"$TMP/again.html"
cmp "$TMP/page.html" "$TMP/again.html"
cat "$TMP/means.tex" "$TMP/runs.csv"

# Tags as XML has them: each is closed in its turn, attributes are quoted, & begins an entity
balance() {
    sed '1{/<!DOCTYPE html>/!q1;d}' "$1" | awk '
        { text = text $0 "\n" }
        END {
            while (match(text, /<[^>]*>/)) {
                words = substr(text, 1, RSTART - 1); tag = substr(text, RSTART + 1, RLENGTH - 2); text = substr(text, RSTART + RLENGTH)
                gsub(/&(amp|lt|gt|quot|#39);/, "", words)
                if (words ~ /[&<>]/) print "a bare mark in: " substr(words, 1, 80)
                name = tag; sub(/[ \/\n].*/, "", name)
                if (tag ~ /^\//) { name = substr(tag, 2); if (open[n] != name) print "</" name "> closes <" open[n] ">"; n--; continue }
                rest = substr(tag, length(name) + 1); gsub(/ [a-zA-Z-]+="[^"<]*"/, "", rest)
                if (rest !~ /^ *\/?$/) print "odd attributes: " substr(tag, 1, 80)
                if (tag !~ /\/$/) open[++n] = name
                tags++
            }
            if (n) print "left open: " open[n]
            if (tags < 500) print "only " tags + 0 " tags"
        }'
}
balance "$TMP/page.html"
grep -Eo '(src|href|url|import|script)[ =(:]' "$TMP/page.html"
grep -c 'http' "$TMP/page.html"
grep -c 'nan\|inf[^o]' "$TMP/page.html"
grep -Eo '<title>a &lt;small&gt; study &amp; its [^/]*/|<li>a&lt;b&gt;[^<]*has no run[^<]*' "$TMP/page.html"
for part in 'What is lost' 'Means over' 'The plane' 'Fronts over' 'Training curves' 'The mix over' Samples 'Every run' Settings 'To copy'; do
    echo "$part: $(grep -c "<h2>$part" "$TMP/page.html"), $(awk -v p="<h2>$part" 'index($0, p) { on = 1 } on && /<\/section>/ { exit } on { n += gsub(/<svg viewBox="0 0 360/, "&") } END { print n + 0 }' "$TMP/page.html") pictures"
done

grep -o '<td class="said">[^-]*</td>' "$TMP/page.html" | head -n 3

# A run without a finite loss is said and left out; without curves there is no picture of them; one seed makes no interval
cp -r $study "$TMP/less"
find "$TMP/less" -name 'metrics.rec' -exec rm {} +
rm -r "$TMP/less/seed-2" "$TMP/less/seed-3" "$TMP/less/title"
mkdir "$TMP/less/seed-1/nan"
sed 's|eval/pref/loss|eval/p-ef/loss|' $study/seed-1/mix-0.5/scores.rec >"$TMP/less/seed-1/nan/scores.rec"
exec 2>&1
evalc --task report "$TMP/less" -o "$TMP/less.html"; echo "a changed record: $?"
evalc -q --threads 1 --task loss --model tests/golden/task-model/policy --label method=mix --label lambda=0.9 --label seed=1 \
    tests/golden/task-loss/rows.rec -o "$TMP/less/seed-1/nan/scores.rec"
evalc --task report "$TMP/less" -o "$TMP/less.html" --table - --csv "$TMP/less.csv" | tail -n 10
balance "$TMP/less.html"
grep -c '<h2>Training\|<h2>The mix' "$TMP/less.html"
grep -c '% interval' "$TMP/less.html"
head -n 2 "$TMP/less.csv" | cut -d , -f 1-8

# Items of another evaluation make no error
cp $study/seed-1/mix-0.5/items.rec "$TMP/again/seed-1/other-0.5/items.rec"
evalc --task report "$TMP/again" -o "$TMP/again.html" --table - | grep -e '0.5: ' -e 'items.rec'

try() { evalc --task report "$@"; echo "$? $*"; }
try
try -
try $study $study
try "$TMP/nowhere"
try "$TMP/page.html"
mkdir "$TMP/empty"
try "$TMP/empty"
try $study --to json
try $study --csv -
try $study --label a=1
try $study --model x
try $study -o "$TMP/one" --csv "$TMP/one"
try $study -o "$TMP/one" --runs "$TMP/two" --latex "$TMP/two"
ls "$TMP/one" "$TMP/two" 2>/dev/null
try $study -o "$TMP/one" --runs "$TMP/../tmp/one"
try "$TMP/again" --csv "$TMP/again/seed-1/mix-0.5/scores.rec"
try "$TMP/again" -o "$TMP/again.html" --table "$TMP/../tmp/again/title"
cmp $study/seed-1/mix-0.5/scores.rec "$TMP/again/seed-1/mix-0.5/scores.rec"
try "$TMP/again" -o "$TMP/again/page.html"
try "$TMP/again" -o "$TMP/again/page.html"
try $study -o "$TMP/nowhere/page.html"
cp -r $study "$TMP/twice"
cp -r "$TMP/twice/seed-1/mix-0.5" "$TMP/twice/seed-1/mix-0.5-again"
try "$TMP/twice" -o "$TMP/twice.html"
rm -r "$TMP/twice/seed-1/mix-0.5-again"
head -c 200 $study/seed-1/mix-0.5/metrics.rec >"$TMP/twice/seed-1/mix-0.5/metrics.rec"
try "$TMP/twice" -o "$TMP/twice.html"
ls "$TMP" | grep twice
