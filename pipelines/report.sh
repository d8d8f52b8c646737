#!/bin/sh
# report.sh DIR - what a study of joint.sh showed: a table on the terminal, the same as CSV, pictures (SVG and PNG, by
# gnuplot, left out where there is none) and one self-contained page, all in DIR/report.
set -eu
[ $# -eq 1 ] && [ -d "$1" ] || { echo "usage: report.sh DIR, the --out of joint.sh" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$here/bin:$PATH
out=$(cd "$1" && pwd)
page=$out/report
mkdir -p "$page"
. "$here/pipelines/lib.sh"
tab=$(printf '\t')

evalc -q --task pareto --to json "$out"/seed-*/*/scores.rec >"$page/pareto.json"

# ---- the tables, as tab-separated text ----

# Methods in the order of the paper; NAME and colour of each
awk "$json"'
    BEGIN {
        OFS = "\t"
        split("sft-pref pref-sft mix alright maxright opt-sft opt-pref", order, " ")
        name["sft-pref"] = "SFT then DPO"; name["pref-sft"] = "DPO then SFT"; name["mix"] = "mix"
        name["alright"] = "ALRIGHT"; name["maxright"] = "MAXRIGHT"
        name["opt-sft"] = "SFT only"; name["opt-pref"] = "DPO only"
        print "method", "lambda", "SFT loss", "DPO loss", "gap SFT", "gap DPO", "distance", "scaled", "pref. acc.", \
              "updates", "rows", "tokens", "measured", "seconds"
    }
    str("table") == "means" {
        m = str("method"); l = num("lambda")
        if (!((m, l) in row)) { n[m]++; at[m, n[m]] = l }
        row[m, l] = name[m] OFS (m ~ /^opt/ ? "-" : l) OFS f(num("eval/sft/loss")) OFS f(num("eval/pref/loss")) \
            OFS g(num("gap_sft")) OFS g(num("gap_pref")) OFS f(num("distance")) OFS f(num("scaled_distance")) \
            OFS f(num("eval/policy_accuracy")) OFS d(num("updates")) OFS d(num("rows")) OFS d(num("tokens")) \
            OFS d(num("measured")) OFS d(num("seconds"))
    }
    function f(x) { return x == "" ? "-" : sprintf("%.3f", x) }
    function g(x) { return x == "" ? "-" : sprintf("%+.3f", x) }
    function d(x) { return x == "" ? "-" : sprintf("%d", x + .5) }
    END { for (i = 1; i <= 7; i++) for (k = 1; k <= n[order[i]]; k++) print row[order[i], at[order[i], k]] }
' "$page/pareto.json" >"$page/means.tsv"

# Every run, for who wants to look behind the means
awk "$json"'
    BEGIN { OFS = "\t"; print "seed", "method", "lambda", "SFT loss", "+-", "DPO loss", "+-", "gap SFT", "gap DPO", "distance", "scaled", \
            "pref. acc.", "dominated" }
    str("table") == "runs" {
        print num("seed"), str("method"), num("lambda"), num("eval/sft/loss"), num("eval/sft/loss_se"), num("eval/pref/loss"), \
            num("eval/pref/loss_se"), num("gap_sft"), num("gap_pref"), num("distance"), num("scaled_distance"), \
            num("eval/policy_accuracy"), flag("dominated") ? "yes" : "no"
    }' "$page/pareto.json" >"$page/runs.tsv"

# In how many seeds was each sequential order worse than each joint method?
awk "$json"'
    function called(m) { return m == "mix" ? m : m == "sft-pref" ? "SFT then DPO" : m == "pref-sft" ? "DPO then SFT" : toupper(m) }
    str("table") == "pairs" && str("than") ~ /^(sft-pref|pref-sft)$/ && str("method") !~ /^(sft-pref|pref-sft)$/ {
        printf "%s ended farther from the ideal than %s in %d of %d seeds (lambda %s)\n", called(str("than")), called(str("method")), \
            num("better"), num("seeds"), num("lambda")
    }' "$page/pareto.json" >"$page/worse.txt"

awk "$json"'
    str("table") == "hypervolume" { m = str("method"); if (!(m in n)) o[++k] = m; n[m]++; v[m] = v[m] sprintf(" %.3f", num("hypervolume")) }
    END { for (i = 1; i <= k; i++) printf "hypervolume share of %s, by seed:%s\n", o[i], v[o[i]] }' "$page/pareto.json" >>"$page/worse.txt"

tr '\t' ',' <"$page/means.tsv" >"$page/means.csv"
tr '\t' ',' <"$page/runs.tsv" >"$page/runs.csv"

# ---- the terminal ----

echo
cat "$out/title"
awk -F "$tab" '{ for (i = 1; i <= NF; i++) { c[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) } nf = NF }
    END { for (r = 1; r <= NR; r++) { for (i = 1; i <= nf; i++) printf(i == 1 ? "%-*s" : "  %*s", w[i], c[r, i]); print "" } }' "$page/means.tsv"
echo
sort "$page/worse.txt"

# ---- pictures ----

# A run's path through the plane of the two losses: its held-out curve, one point per evaluation
curve() {                                              # curve RUN
    lines "$1/metrics.rec" | awk "$json"'
        num("eval/sft/loss") != "" { s[num("i")] = num("eval/sft/loss") }
        num("eval/pref/loss") != "" { i = num("i"); if (i in s) print s[i], num("eval/pref/loss"), i }'
}

plots= n=0
for run in "$out"/seed-*/*; do
    [ -f "$run/scores.rec" ] || continue
    method=$(basename "$run" | sed 's/-[0-9.e]*$//')
    case $method in
    sft-pref) colour='#d95f02' title='SFT then DPO' ;; pref-sft) colour='#e7a32b' title='DPO then SFT' ;;
    mix) colour='#1b9e77' title=mix ;; alright) colour='#7570b3' title=ALRIGHT ;; maxright) colour='#e7298a' title=MAXRIGHT ;;
    opt-sft) colour='#999999' title='SFT only' ;; *) colour='#555555' title='DPO only' ;;
    esac
    n=$((n + 1))
    curve "$run" >"$page/path-$n.dat"
    case $plots in *"'$title'"*) key=notitle ;; *) key="title '$title'" ;; esac
    plots="$plots${plots:+, }'$page/path-$n.dat' with linespoints lc rgb '$colour' pt 7 ps 0.4 lw 1.3 $key"
    plots="$plots, '< tail -n 1 $page/path-$n.dat' with points lc rgb '$colour' pt 7 ps 1.1 notitle"
done

if command -v gnuplot >/dev/null 2>&1; then
    awk "$json"'str("table") == "runs" && str("method") == "opt-sft"  { x = num("opt_sft"); print num("seed"), x >(d "/ix") }
                str("table") == "runs" && str("method") == "opt-pref" { print num("seed"), num("opt_pref") >(d "/iy") }' d="$page" "$page/pareto.json"
    join "$page/ix" "$page/iy" | awk '{ print $2, $3 }' >"$page/ideal.dat"
    tail -n +2 "$page/means.tsv" | awk -F "$tab" '$2 != "-" { print "\"" $1 " " $2 "\"", $5 + 0, $6 + 0, $7, $8, $14 }' >"$page/bars.dat"
    for form in svg png; do
        case $form in
        svg) big="svg size 760,520 dynamic font 'sans-serif,13'" bars="svg size 760,300 dynamic font 'sans-serif,12'" ;;
        png) big="pngcairo size 1140,780 font 'sans-serif,13'" bars="pngcairo size 1140,450 font 'sans-serif,12'" ;;
        esac
        gnuplot <<EOF
set terminal $big background rgb 'white'
set output '$page/plane.$form'
set xlabel 'held-out SFT loss'
set ylabel 'held-out preference loss'
set grid lc rgb '#dddddd'
set border 3; set tics nomirror out
set key outside right top
plot $plots, '$page/ideal.dat' with points pt 3 ps 1.6 lw 2 lc rgb 'black' title 'ideal'
set terminal $bars background rgb 'white'
set output '$page/bars.$form'
set style fill solid 0.85; set boxwidth 0.7; set key off
unset xlabel; unset ylabel
set xtics rotate by -40 nomirror; set yrange [0:*]; set grid y lc rgb '#dddddd'
set bmargin 8; set rmargin 5
set multiplot layout 1,4
set title 'gap SFT';           plot '$page/bars.dat' using (\$2 < 0 ? 0 : \$2):xtic(1) with boxes lc rgb '#7570b3'
set title 'gap DPO';           plot '$page/bars.dat' using (\$3 < 0 ? 0 : \$3):xtic(1) with boxes lc rgb '#d95f02'
set title 'scaled distance';   plot '$page/bars.dat' using 5:xtic(1) with boxes lc rgb '#1b9e77'
set title 'seconds';           plot '$page/bars.dat' using 6:xtic(1) with boxes lc rgb '#666666'
unset multiplot
EOF
    done
else
    echo "report.sh: no gnuplot, so no pictures; install gnuplot-nox and run it again" >&2
fi
rm -f "$page"/path-*.dat "$page/ix" "$page/iy"

# ---- the page ----

html() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' "$@"; }
table() {                                              # table FILE.tsv
    html "$1" | awk -F "$tab" '
        NR == 1 { print "<table><thead><tr>"; for (i = 1; i <= NF; i++) print "<th>" $i "</th>"; print "</tr></thead><tbody>"; next }
        { print "<tr>"; for (i = 1; i <= NF; i++) print "<td>" $i "</td>"; print "</tr>" }
        END { print "</tbody></table>" }'
}
picture() { [ -f "$page/$1.svg" ] && { echo "<figure>"; sed '/<?xml/d; /<!DOCTYPE/,/>/d' "$page/$1.svg"; echo "<figcaption>$2</figcaption></figure>"; }; :; }
{
    cat <<'EOF'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
EOF
    printf '<title>%s</title>\n' "$(html "$out/title")"
    cat <<'EOF'
<style>
:root { color-scheme: light dark; --line: #8884 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .86rem }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
figure { margin: 1rem 0; background: #fff; color: #000; border-radius: 6px; padding: .5rem } figure svg { width: 100%; height: auto }
figcaption { font-size: .86rem; color: #444 } pre { overflow-x: auto; font-size: .8rem }
</style></head><body>
EOF
    printf '<h1>%s</h1>\n' "$(html "$out/title")"
    echo '<p>One model trained on instruction rows (SFT) and preference pairs (DPO) in every way, with the same reference, budget, schedule and held-out rows.
Losses are held out. A gap is a loss above the best the single-objective run of the same budget reached; the ideal distance is
the root of the two squared gaps (negative ones count 0), and the scaled one divides each gap by what training on the other objective alone leaves of it. Means over the seeds.</p>'
    echo '<div class="wide">'; table "$page/means.tsv"; echo '</div>'
    echo '<ul>'; sort "$page/worse.txt" | html | sed 's/.*/<li>&<\/li>/'; echo '</ul>'
    picture plane "Paths of all runs in the plane of the two held-out losses; a large dot is a run's end, the star is the ideal point of a seed."
    picture bars "Means over the seeds."
    echo '<h2>Every run</h2><div class="wide">'; table "$page/runs.tsv"; echo '</div>'
    echo '<h2>Settings</h2><pre>'; html "$out/settings"; echo '</pre>'
    echo '</body></html>'
} >"$page/index.html"
echo
echo "page: $page/index.html"
