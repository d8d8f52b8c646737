#!/bin/sh
# report.sh DIR - what a study of joint.sh showed: a table on the terminal, the same as CSV, pictures (SVG and PNG, by
# gnuplot, left out where there is none) and one self-contained page, all in DIR/report.
set -eu
LC_ALL=C
export LC_ALL
if [ $# -ne 1 ] || [ ! -d "$1" ]; then echo "usage: report.sh DIR, the --out of joint.sh" >&2; exit 2; fi
here=$(cd "$(dirname -- "$0")/.." && pwd)
PATH=$here/bin:$PATH
out=$(cd -- "$1" && pwd)
page=$out/report
# shellcheck source=pipelines/lib.sh
. "$here/pipelines/lib.sh"
tab=$(printf '\t')

set -- "$out"/seed-*/*/scores.rec
[ -f "$1" ] || { echo "report.sh: '$out' has no scored run yet" >&2; exit 2; }
mkdir -p "$page"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 5' HUP INT TERM
evalc -q --task pareto --to json "$@" >"$page/pareto.json"

# Methods in the order of the paper, their names and colours, wherever a table or picture is made
order='sft-pref pref-sft mix alright maxright opt-sft opt-pref'
called() {
    case $1 in
    sft-pref) name='SFT then DPO' colour='#d95f02' ;; pref-sft) name='DPO then SFT' colour='#e0a020' ;;
    mix) name=mix colour='#1b9e77' ;; alright) name=ALRIGHT colour='#5d58b0' ;; maxright) name=MAXRIGHT colour='#e7298a' ;;
    opt-sft) name='SFT only' colour='#a6a6a6' ;; opt-pref) name='DPO only' colour='#606060' ;;
    esac
}
# shellcheck disable=SC2016 # awk
names='
function called(m) {
    if (m == "sft-pref") return "SFT then DPO"
    if (m == "pref-sft") return "DPO then SFT"
    if (m == "opt-sft" || m == "opt-pref") return m == "opt-sft" ? "SFT only" : "DPO only"
    return m == "mix" || m == "start" ? m : toupper(m)
}
'

# ---- the tables, as tab-separated text ----

# What the reference cost: the runs that made it and the reading of the pairs, the mean over the seeds that have one
set -- "$out"/data/ref/cost.* "$out"/seed-*/ref/cost.* "$out"/seed-*/cost
n_seeds=0
for f in "$out"/seed-*/ref/cost.held; do [ ! -f "$f" ] || n_seeds=$((n_seeds + 1)); done
for f in "$@"; do [ ! -f "$f" ] || cat "$f"; done | awk -v n="$n_seeds" '
    { for (i = 1; i <= 5; i++) s[i] += $i }
    END { if (NR) { if (!n) n = 1; printf "%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n", s[1] / n, s[2] / n, s[3] / n, s[4] / n, s[5] / n } }' >"$work/reference"

awk -v order="start $order" -v reference="$(cat "$work/reference")" "$json$names"'
    function f(x) { return x == "" ? "-" : sprintf("%.3f", x) }
    function g(x) { return x == "" ? "-" : x < .0005 && x > -.0005 ? "0.000" : sprintf("%+.3f", x) }
    function d(x) { return x == "" ? "-" : sprintf("%d", x + .5) }
    str("table") == "means" {
        m = str("method"); l = num("lambda"); one = m ~ /^(opt|start)/
        if (!((m, l) in row)) { n[m]++; lambda[m, n[m]] = l }
        row[m, l] = called(m) OFS (one ? "-" : l) OFS f(num("eval/sft/loss")) OFS f(num("eval/pref/loss")) \
            OFS g(num("gap_sft")) OFS g(num("gap_pref")) OFS f(num("distance")) OFS f(num("scaled_distance")) \
            OFS f(num("eval/policy_accuracy")) OFS d(num("updates")) OFS d(num("rows")) OFS d(num("tokens")) \
            OFS d(num("measured")) OFS d(num("seconds"))
    }
    END {
        OFS = "\t"
        k = split(order, o, " ")
        for (i = 1; i <= k; i++) {
            for (j = 1; j <= n[o[i]]; j++) print row[o[i], lambda[o[i], j]]
            if (o[i] == "start" && reference != "") print "reference", "-", "-", "-", "-", "-", "-", "-", "-", reference
        }
    }
    BEGIN {
        OFS = "\t"
        print "method", "lambda", "SFT loss", "DPO loss", "gap SFT", "gap DPO", "distance", "scaled", "pref. acc.", \
              "updates", "rows", "tokens", "measured", "seconds"
    }' "$page/pareto.json" >"$page/means.tsv"

# Every run, for who wants to look behind the means, in the same order
for m in start $order; do
    awk -v m="$m" "$json"'str("table") == "runs" && str("method") == m' "$page/pareto.json"
done | awk "$json$names"'
    function f(x) { return x == "" ? "-" : sprintf("%.4f", x) }
    function g(x) { return x == "" ? "-" : x < .00005 && x > -.00005 ? "0.0000" : sprintf("%+.4f", x) }
    BEGIN {
        OFS = "\t"
        print "method", "lambda", "seed", "SFT loss", "+-", "DPO loss", "+-", "gap SFT", "gap DPO", "distance", "scaled", \
            "pref. acc.", "+-", "dominated"
    }
    {
        m = str("method")
        print called(m), (m ~ /^(opt|start)/ ? "-" : num("lambda")), num("seed"), f(num("eval/sft/loss")), f(num("eval/sft/loss_se")), \
            f(num("eval/pref/loss")), f(num("eval/pref/loss_se")), g(num("gap_sft")), g(num("gap_pref")), f(num("distance")), \
            f(num("scaled_distance")), f(num("eval/policy_accuracy")), f(num("eval/policy_accuracy_se")), \
            ($0 ~ /"dominated":/ ? (flag("dominated") ? "yes" : "no") : "-")
    }' >"$page/runs.tsv"

# In how many seeds was each sequential order worse than each joint method?  And the hypervolumes, where there are any
awk "$json$names"'
    str("table") == "pairs" && str("than") ~ /^(sft-pref|pref-sft)$/ && str("method") ~ /^(mix|alright|maxright)$/ {
        t = str("than"); l = num("lambda"); of[t, l] = num("seeds"); worse[t, l, str("method")] = num("better")
        if (!(l in seen)) { seen[l]; lambda[++n] = l }
    }
    str("table") == "hypervolume" { m = str("method"); share[m] = share[m] sprintf(" %.3f", num("hypervolume")) }
    END {
        split("sft-pref pref-sft mix alright maxright", o, " ")
        for (t = 1; t <= 2; t++) for (i = 1; i <= n; i++) {
            l = lambda[i]; s = ""
            for (m = 3; m <= 5; m++) if ((o[t], l, o[m]) in worse) s = s (s == "" ? "" : ", ") called(o[m]) " in " worse[o[t], l, o[m]]
            if (s != "") printf "%s ended farther from the ideal than %s of %d seeds (lambda %s)\n", called(o[t]), s, of[o[t], l], l
        }
        for (m = 1; m <= 5; m++) if (o[m] in share) printf "hypervolume share of %s, by seed:%s\n", called(o[m]), share[o[m]]
    }' "$page/pareto.json" >"$page/worse.txt"

for f in means runs; do tr '\t' , <"$page/$f.tsv" >"$page/$f.csv"; done

# ---- the terminal ----

echo
cat "$out/title"
awk -F "$tab" '{ for (i = 1; i <= NF; i++) { c[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) } nf = NF }
    END { for (r = 1; r <= NR; r++) { for (i = 1; i <= nf; i++) printf(i == 1 ? "%-*s" : "  %*s", w[i], c[r, i]); print "" } }' "$page/means.tsv"
echo
cat "$page/worse.txt"

# ---- pictures ----

# A run's path through the plane of the two losses: its held-out curve, one point per evaluation
curve() {                                              # curve RUN
    lines "$1/metrics.rec" | awk "$json"'
        num("eval/sft/loss") != "" { s[num("i")] = num("eval/sft/loss") }
        num("eval/pref/loss") != "" { i = num("i"); if (i in s) print s[i], num("eval/pref/loss") }'
}

# The files gnuplot reads, one set for each method: paths, their ends, the means of the ends, the bars
draw_data() {
    for m in $order; do
        for run in "$out"/seed-*/"$m" "$out"/seed-*/"$m"-[0-9]*; do
            [ -f "$run/scores.rec" ] || continue
            curve "$run" >"$work/curve"
            [ -s "$work/curve" ] || continue
            { cat "$work/curve"; echo; } >>"$work/$m.paths"
            tail -n 1 "$work/curve" >>"$work/$m.ends"
        done
        [ -f "$work/$m.paths" ] || continue
        awk -v m="$m" "$json"'str("table") == "means" && str("method") == m {
            g = num("gap_sft"); h = num("gap_pref")
            print num("lambda"), num("eval/sft/loss"), num("eval/pref/loss"), (g < 0 ? 0 : g), (h < 0 ? 0 : h), num("scaled_distance") + 0, num("seconds") }' \
            "$page/pareto.json" | sort -g >"$work/$m.means"
    done
    awk "$json"'str("table") != "runs" { next }
        str("method") == "opt-sft" { x[num("seed")] = num("opt_sft") } str("method") == "opt-pref" { y[num("seed")] = num("opt_pref") }
        END { for (s in x) if (s in y) print x[s], y[s] }' "$page/pareto.json" >"$work/ideal"
}

# An axis over more than a factor of 8 is logarithmic, with marks at 1, 2, 5
axis() {                                               # axis x|y FIELD FILE...
    name=$1 field=$2
    shift 2
    awk -v a="$name" -v f="$field" 'NF >= f { v = $f + 0; if (lo == "" || v < lo) lo = v; if (hi == "" || v > hi) hi = v }
        END {
            if (lo == "") exit
            if (!(lo > 0 && hi / lo > 8)) { d = (hi - lo) * .06 + 1e-6; printf "unset logscale %s; set %srange [%g:%g]; set %stics auto\n", a, a, lo - d, hi + d, a; exit }
            printf "set logscale %s; set %srange [%g:%g]; set %stics (", a, a, lo / 1.15, hi * 1.15, a
            for (e = -6; e < 6; e++) for (k = 0; k < 3; k++) {
                v = (k == 0 ? 1 : k == 1 ? 2 : 5) * 10 ^ e
                if (v > lo / 1.15 && v < hi * 1.15) printf "%s\"%g\" %g", (n++ ? ", " : ""), v, v
            }
            print ")"
        }' "$@"
}

ends() { cat "$work/ideal"; awk '$1 > 0 && $1 < 1 { print $2, $3 }' "$work"/*.means; }

draw() {                                               # draw: gnuplot commands for all pictures, in both forms
    set -- "$work"/*.paths "$work/ideal"
    axes=$(axis x 1 "$@"; axis y 2 "$@")
    paths='' keys='' means='' panels='' at=0 marks=''
    for m in $order; do
        [ -f "$work/$m.paths" ] || continue
        called "$m"
        paths="$paths'$m.paths' with linespoints lc rgb '$colour' pt 7 ps 0.4 lw 1.2 notitle, '$m.ends' with points lc rgb '$colour' pt 7 ps 1.1 notitle, "
        keys="$keys NaN with linespoints lc rgb '$colour' pt 7 ps 1.1 lw 2 title '$name', "
        case $m in opt-*) continue ;; esac
        means="$means'$m.means' using 2:3 with linespoints lc rgb '$colour' pt 7 ps 0.9 lw 2 title '$name', "
        means="$means'$m.means' using 2:3:1 with labels offset 0.6,0.6 left font ',10' tc rgb '$colour' notitle, "
        panels="$panels${panels:+, }'$m.means' using ($at + (\$0 - (N - 1) / 2.0) * 0.8 / N):COLUMN:(0.72 / N) with boxes lc rgb '$colour'"
        marks="$marks${marks:+, }'$(echo "$name" | sed 's/ then /\\nthen /')' $at"
        at=$((at + 1))
    done
    marks=$(printf '%s' "$marks" | tr "'" '"')
    n_lambda=$(cat "$work"/*.means 2>/dev/null | awk '$1 > 0 && $1 < 1 && !($1 in s) { s[$1]; n++ } END { print n + 0 }')
    ideal="'ideal' with points pt 3 ps 1.6 lw 2 lc rgb 'black' title 'ideal'"
    for form in svg png; do
        case $form in svg) scale=1 kind="svg dynamic font 'sans-serif,13'" ;; png) scale=1.5 kind="pngcairo font 'sans-serif,13'" ;; esac
        size() { awk -v s="$scale" -v w="$1" -v h="$2" 'BEGIN { printf "size %d,%d", w * s, h * s }'; }
        cat <<END
reset
set encoding utf8
set terminal $kind $(size 760 500) background rgb 'white'
set grid lc rgb '#dddddd'; set border 3; set tics nomirror out
set key outside right top Left reverse samplen 2
set xlabel 'held-out SFT loss'; set ylabel 'held-out preference loss'
$axes
set output 'plane.$form'
plot $paths$keys$ideal
END
        if [ "$n_lambda" -gt 1 ]; then
            cat <<END
set output 'lambda.$form'
$(ends | axis x 1; ends | axis y 2)
plot $means$ideal
END
        fi
        [ "$at" -gt 0 ] || continue
        cat <<END
reset
set encoding utf8
set terminal $kind $(size 760 580) background rgb 'white'
set output 'bars.$form'
N = $n_lambda
set style fill solid 0.85; set key off; set border 3; set tics nomirror out
set xtics ($marks) font ',10'; set xrange [-0.6:$at-0.4]; set yrange [0:*]; set grid y lc rgb '#dddddd'
set bmargin 3.2; set multiplot layout 2,2
set title 'gap SFT'; plot $(echo "$panels" | sed 's/COLUMN/4/g')
set title 'gap DPO'; plot $(echo "$panels" | sed 's/COLUMN/5/g')
set title 'scaled distance'; plot $(echo "$panels" | sed 's/COLUMN/6/g')
set title 'seconds'; plot $(echo "$panels" | sed 's/COLUMN/7/g')
unset multiplot
END
    done
}

rm -f "$page"/*.svg "$page"/*.png
if command -v gnuplot >/dev/null 2>&1; then
    draw_data
    draw >"$work/draw"
    if (cd "$work" && gnuplot draw 2>errors); then
        mv "$work"/*.svg "$work"/*.png "$page"
    else
        echo "report.sh: gnuplot failed, so no pictures: $(tail -n 1 "$work/errors")" >&2
    fi
else
    echo "report.sh: no gnuplot, so no pictures; install gnuplot-nox and run it again" >&2
fi

# ---- the page ----

html() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' "$@"; }
table() {                                              # table FILE.tsv
    html "$1" | awk -F "$tab" '
        NR == 1 { print "<div class=\"wide\"><table><thead><tr>"; for (i = 1; i <= NF; i++) print "<th>" ($i == "+-" ? "\302\261" : $i) "</th>"; print "</tr></thead><tbody>"; next }
        { print "<tr>"; for (i = 1; i <= NF; i++) print "<td>" $i "</td>"; print "</tr>" }
        END { print "</tbody></table></div>" }'
}
# A picture within the page: ids get the picture's name, for they are the page's now
picture() {                                            # picture NAME CAPTION
    [ -f "$page/$1.svg" ] || return 0
    echo "<figure><div class=\"wide\">"
    sed "/<?xml/d; /<!DOCTYPE/,/>/d; /<title>/d; /<desc>/d
        s/id=\(['\"]\)/id=\1$1-/g; s/href=\(['\"]\)#/href=\1#$1-/g; s/url(\(['\"]*\)#/url(\1#$1-/g
        s/<svg/<svg role=\"img\" aria-label=\"$1\"/" "$page/$1.svg"
    echo "</div><figcaption>$2</figcaption></figure>"
}
{
    cat <<'END'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
END
    printf '<title>%s</title>\n' "$(html "$out/title")"
    cat <<'END'
<style>
:root { color-scheme: light dark; --line: #8884 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } p, li { max-width: 46rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .8rem }
th, td { padding: .25rem .4rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas }
figure { margin: 1.2rem 0; background: #fff; color: #000; border-radius: 6px; padding: .5rem }
figure svg { display: block; width: 100%; min-width: 36rem; height: auto }
figcaption { font-size: .86rem; color: #444 } pre { overflow-x: auto; font-size: .8rem }
</style></head><body>
END
    printf '<h1>%s</h1>\n' "$(html "$out/title")"
    cat <<'END'
<p>One model trained on instruction rows (SFT) and preference pairs (DPO) in every way, with the same reference, budget, schedule and
held-out rows. Losses are held out. A gap is a loss above the best that the single-objective run of the same budget reached; the distance is
the root of the two squared gaps (negative ones count 0), and the scaled one divides each gap by what training on the other objective
alone leaves of it. Tokens measured and not trained on stand apart. Means over the seeds.</p>
END
    table "$page/means.tsv"
    [ ! -s "$page/worse.txt" ] || { echo '<ul>'; html "$page/worse.txt" | sed 's/.*/<li>&<\/li>/'; echo '</ul>'; }
    picture plane "Paths of all runs in the plane of the two held-out losses; a large dot is a run's end, the star is the ideal point of a seed."
    picture lambda "Where each method ends for each lambda: means over the seeds, the number is lambda."
    picture bars "Means over the seeds; where there are several lambdas they stand side by side, the smallest on the left."
    echo '<h2>Every run</h2>'
    table "$page/runs.tsv"
    echo '<h2>Settings</h2><pre>'
    html "$out/settings"
    echo '</pre></body></html>'
} >"$work/index.html"
mv "$work/index.html" "$page/index.html"
echo
echo "page: $page/index.html"
