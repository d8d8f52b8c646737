#!/bin/sh
# joint.sh - the whole study on your own data: instruction rows and preference rows in, the trade-off out.
#
# Trains one model in every way (sequential in both orders, mix, ALRIGHT, MAXRIGHT) with the same reference, the same
# budget, the same held-out rows and the same schedule, and says how far each ends from both single-objective optima.
# Stop it and start it again: what is done is skipped, what was cut goes on where it was.
set -euf
LC_ALL=C
export LC_ALL

sft='' pref='' tokenizer='' model='' config='' text='' out='' reference=start
lambdas=0.5 methods=sft-pref,pref-sft,mix,alright,maxright seeds=1
steps=200 tokens=2000 rows_sft='' rows_pref='' lr=5e-5 warmup=10 beta=0.1 evals=5 held=0.1 max_tokens=1024
pre_steps=300 pre_rows=32 pre_lr=1e-3 template=auto sft_schema=auto pref_schema=auto micro=4096
refresh=10 step_args='' plan='' threads='' title='' jobs=1

usage() {
    cat <<END
joint.sh - one model, two data files, every way to train on both; a table and a page of pictures

usage: sh pipelines/joint.sh --sft FILE --pref FILE --tokenizer FILE|DIR|bytes --out DIR
           (--model DIR | --config FILE --text FILE) [OPTION]...

  --sft FILE, --pref FILE   instruction rows and preference pairs, anything \`tokenize\` reads
  --tokenizer NAME          tokenizer.json, a folder with one, or bytes
  --model DIR               start from this Hugging Face folder, or
  --config FILE             from random weights of this config.json, trained first on
  --text FILE               this text: --pre-steps $pre_steps updates of --pre-rows $pre_rows rows at --pre-lr $pre_lr
  --out DIR                 everything goes here; the page is DIR/report/index.html
  --lambda L,L,...          weight of the preference objective ($lambdas)
  --methods M,M,...         of $methods
  --seeds S,S,...           ($seeds); more of these three may be added to a study later
  --reference R             start, chosen (SFT on the chosen answers), sft (the SFT optimum) or a folder ($reference)
  --steps T                 batches of each run ($steps); mix makes T/2 updates of two batches
  --tokens N                trained tokens of a batch of either objective ($tokens), or
  --rows-sft N, --rows-pref N  rows of a batch instead
  --lr R --warmup N --beta B  learning rate ($lr), constant after N updates ($warmup); strength of the reference ($beta)
  --refresh K               MAXRIGHT measures both objectives every K steps ($refresh)
  --evals N                 points of each held-out curve between its ends ($evals)
  --held F                  share of prompts held out ($held)
  --max-tokens N            longest row ($max_tokens); longer ones are dropped and counted
  --template T, --sft-schema S, --pref-schema S   as \`tokenize\` has them (auto)
  --micro-tokens N --threads N --step-args 'ARGS'  for \`step\`
  --jobs N                  runs at a time ($jobs); each with its share of the processors where --threads is not given
  --title TEXT              of the page
  --plan                    print steps, tokens and expected hours, and stop
END
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "joint.sh: $*"; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
    --help|-h) usage; exit 0 ;;
    --plan) plan=yes; shift; continue ;;
    --*) ;;
    *) fail "'$1' is no option; see --help" ;;
    esac
    value=${2-}
    case $1 in
    --sft) sft=$value ;; --pref) pref=$value ;; --tokenizer) tokenizer=$value ;; --model) model=$value ;;
    --config) config=$value ;; --text) text=$value ;; --out) out=$value ;; --lambda) lambdas=$value ;;
    --methods) methods=$value ;; --seeds) seeds=$value ;; --reference) reference=$value ;; --steps) steps=$value ;;
    --tokens) tokens=$value ;; --rows-sft) rows_sft=$value ;; --rows-pref) rows_pref=$value ;; --lr) lr=$value ;;
    --warmup) warmup=$value ;; --beta) beta=$value ;; --refresh) refresh=$value ;; --evals) evals=$value ;;
    --held) held=$value ;; --max-tokens) max_tokens=$value ;; --template) template=$value ;;
    --sft-schema) sft_schema=$value ;; --pref-schema) pref_schema=$value ;; --micro-tokens) micro=$value ;;
    --threads) threads=$value ;; --step-args) step_args=$value ;; --title) title=$value ;; --jobs) jobs=$value ;;
    --pre-steps) pre_steps=$value ;; --pre-rows) pre_rows=$value ;; --pre-lr) pre_lr=$value ;;
    *) fail "unknown option '$1'; see --help" ;;
    esac
    [ $# -ge 2 ] || fail "$1 needs a value"
    shift 2
done

# ---- what cannot be meant is refused before anything starts ----

whole() {                                              # whole NAME VALUE LEAST
    case $2 in ''|*[!0-9]*|0?*|??????????*) fail "$1: '$2' is no whole number" ;; esac
    [ "$2" -ge "$3" ] || fail "$1: $2 is less than $3"
}
real() {                                               # real NAME VALUE: above 0; share: below 1 too
    printf '%s\n' "$2" | grep -Eqx '([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?' || fail "$1: '$2' is no number"
    awk -v x="$2" 'BEGIN { exit !(x + 0 > 0) }' || fail "$1: '$2' is not above 0"
}
share() {
    real "$1" "$2"
    awk -v x="$2" 'BEGIN { exit !(x + 0 < 1) }' || fail "$1: '$2' is not between 0 and 1"
}
items() {                                              # items NAME LIST: one by line, none empty
    case ,$2, in *,,*) fail "$1: an empty value in '$2'" ;; *[[:space:]]*) fail "$1: white space in '$2'" ;; esac
    printf '%s\n' "$2" | tr , '\n'
}
once() {                                               # once NAME VALUE...
    twice=$(shift; printf '%s\n' "$@" | sort | uniq -d | head -n 1)
    [ -z "$twice" ] || fail "$1: $twice stands there twice"
}
file() {                                               # file NAME PATH: whole paths, so that the folder does not matter
    if [ ! -f "$2" ] || [ ! -r "$2" ]; then fail "$1: cannot read '$2'"; fi
    printf '%s/%s\n' "$(cd "$(dirname -- "$2")" && pwd)" "$(basename -- "$2")"
}
folder() {
    [ -f "$2/config.json" ] || fail "$1: '$2' is no model folder: it has no config.json"
    (cd "$2" && pwd)
}

for name in sft pref tokenizer out; do
    eval "[ -n \"\$$name\" ]" || fail "--$name is needed; see --help"
done
if [ -n "$model" ]; then
    [ -z "$config$text" ] || fail "--model or --config with --text, not both"
    model=$(folder --model "$model")
else
    if [ -z "$config" ] || [ -z "$text" ]; then fail "--model, or --config with --text, is needed; see --help"; fi
    config=$(file --config "$config")
    text=$(file --text "$text")
fi
sft=$(file --sft "$sft")
pref=$(file --pref "$pref")
if [ "$tokenizer" != bytes ]; then
    [ ! -d "$tokenizer" ] || tokenizer=$tokenizer/tokenizer.json
    tokenizer=$(file --tokenizer "$tokenizer")
fi
case $reference in start|chosen|sft) ;; *) reference=$(folder --reference "$reference") ;; esac

methods=$(items --methods "$methods")
lambdas=$(items --lambda "$lambdas")
seeds=$(items --seeds "$seeds")
for m in $methods; do
    case $m in sft-pref|pref-sft|mix|alright|maxright) ;; *) fail "--methods: '$m' is none; see --help" ;; esac
done
for l in $lambdas; do share --lambda "$l"; done
lambdas=$(printf '%s\n' "$lambdas" | awk '{ printf "%.6f\n", $1 }' | sed 's/0*$//')   # .5 and 0.50 are 0.5
for l in $lambdas; do [ "$l" != 0. ] || fail "--lambda: too near to 0"; done
for s in $seeds; do whole --seeds "$s" 0; done
# shellcheck disable=SC2086
{ once --methods $methods; once --lambda $lambdas; once --seeds $seeds; }

whole --steps "$steps" 2; whole --tokens "$tokens" 1; whole --warmup "$warmup" 0; whole --evals "$evals" 0
whole --refresh "$refresh" 0; whole --max-tokens "$max_tokens" 8; whole --micro-tokens "$micro" 1; whole --jobs "$jobs" 1
whole --pre-steps "$pre_steps" 1; whole --pre-rows "$pre_rows" 1
[ -z "$threads" ] || whole --threads "$threads" 0
[ -z "$rows_sft$rows_pref" ] || { whole --rows-sft "${rows_sft:=16}" 1; whole --rows-pref "${rows_pref:=16}" 1; }
real --lr "$lr"; real --pre-lr "$pre_lr"; real --beta "$beta"; share --held "$held"
case " $(echo "$methods" | tr '\n' ' ')" in
*" mix "*) [ $((steps % 2)) = 0 ] || fail "--steps: $steps is odd, and mix makes half as many updates of two batches" ;;
esac

here=$(cd "$(dirname -- "$0")/.." && pwd)
PATH=$here/bin:$PATH
export PATH
for tool in tokenize mix step evalc; do [ -x "$here/bin/$tool" ] || fail "bin/$tool is not built; run make first"; done
# shellcheck source=pipelines/lib.sh
. "$here/pipelines/lib.sh"
# shellcheck source=pipelines/runs.sh
. "$here/pipelines/runs.sh"

if [ "$jobs" -gt 1 ] && [ -z "$threads" ]; then
    threads=$(($(nproc 2>/dev/null || echo "$jobs") / jobs))
    [ "$threads" -gt 0 ] || threads=1
fi
q=-q                                                   # progress for people only, and of one run at a time
[ ! -t 2 ] || [ "$jobs" != 1 ] || q=
micro_args="--micro-tokens $micro ${threads:+--threads $threads}"
if [ -n "$rows_sft" ]; then
    size_sft="--rows-sft $rows_sft" size_pref="--rows-pref $rows_pref"
else
    size_sft="--tokens-sft $tokens" size_pref="--tokens-pref $tokens"
fi
every=$((steps / (evals + 1)))
[ "$every" -gt 0 ] || every=1

mkdir -p -- "$out/data" || exit 4
out=$(cd "$out" && pwd)
if command -v flock >/dev/null 2>&1; then              # the lock lives as long as anything that was started here
    exec 9>"$out/.lock"
    flock -n 9 || fail "'$out': a study, or a run of one that was killed, is at work there; wait for it"
fi
work=$out/.work
rm -rf "$work"
mkdir "$work"
child='' lanes=''
trap 'rm -rf "$work"' EXIT
trap stop HUP INT TERM

# ---- a folder holds one study ----

describe() {                                           # describe data|study: a line for each setting
    cat <<END
--sft $sft
--sft holds $(cksum <"$sft")
--pref $pref
--pref holds $(cksum <"$pref")
--tokenizer $tokenizer
--text $text
--sft-schema $sft_schema
--pref-schema $pref_schema
--template $template
--max-tokens $max_tokens
--held $held
END
    [ "$1" = study ] || return 0
    cat <<END
--model $model
--config $config
--pre-steps $pre_steps
--pre-rows $pre_rows
--pre-lr $pre_lr
--reference $reference
--steps $steps
--batch $size_sft $size_pref
--lr $lr
--warmup $warmup
--beta $beta
--refresh $refresh
--evals $evals
--step-args $step_args
END
}

describe study >"$work/study"
describe data >"$work/data"
if [ -f "$out/settings" ]; then
    if ! cmp -s "$out/settings" "$work/study"; then
        say "joint.sh: '$out' holds a study with other settings; choose another --out, or remove it:"
        diff "$out/settings" "$work/study" | sed -n 's/^</  there:/p; s/^>/  now:  /p' >&2
        exit 2
    fi
elif ! cmp -s "$out/data/settings" "$work/data"; then   # left by a --plan
    rm -rf "$out/data"
    mkdir "$out/data"
    mv "$work/data" "$out/data/settings"
fi

say "rows to records"
records sft.train "$sft" "$sft_schema" train
records sft.held "$sft" "$sft_schema" held
records pref.train "$pref" "$pref_schema" train
records pref.held "$pref" "$pref_schema" held
case $text in
'') ;;
*.json*) records text.train "$text" auto "" ;;
*) records text.train "$text" text "" ;;
esac
[ "$reference" != chosen ] || records chosen.train "$pref" "$pref_schema" train --side chosen

count() { echo $#; }
# shellcheck disable=SC2086
n_seeds=$(count $seeds) n_joint=$(($(count $lambdas) * $(count $methods)))
look
if [ -n "$plan" ]; then
    estimate
    exit 0
fi
[ -f "$out/settings" ] || mv "$work/study" "$out/settings"
stem() { basename -- "$1" | sed 's/\..*//'; }
printf '%s\n' "${title:-$(stem "$sft") and $(stem "$pref")}" >"$out/title"

# ---- the study: what one stage makes, the next one needs ----

n_tasks=$((n_seeds * (4 + n_joint))) n_before=0
case $reference in
start) shared=$model ;;
chosen|sft) shared= ;;
*) shared=$reference ;;
esac
if [ -n "$shared" ]; then
    n_tasks=$((n_tasks + 1))
    echo frozen >"$work/tasks"
    stage
fi
for seed in $seeds; do echo "begin $seed"; done >"$work/tasks"
stage
for seed in $seeds; do echo "single $seed opt-sft"; echo "single $seed opt-pref"; done >"$work/tasks"
stage
for seed in $seeds; do
    echo "ends $seed"
    for lambda in $lambdas; do
        for method in $methods; do echo "joint $seed $method $lambda"; done
    done
done >"$work/tasks"
prompts
stage

rm -rf "$work"
mkdir -p "$out/report" || exit 4
echo
evalc -q --task report "$out" -o "$out/report/index.html" --csv "$out/report/means.csv" --runs "$out/report/runs.csv" \
    --latex "$out/report/means.tex" --table -
echo
echo "page: $out/report/index.html"
