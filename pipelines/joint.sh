#!/bin/sh
# joint.sh - the whole study on your own data: instruction rows and preference rows in, the trade-off out.
#
# Trains one model in every way (sequential in both orders, mix, ALRIGHT, MAXRIGHT) with the same reference, the same
# budget, the same held-out rows and the same schedule, and says how far each ends from both single-objective optima.
# Stop it and start it again: what is done is skipped, what was cut goes on where it was.
set -eu

sft= pref= tokenizer= model= config= text= out= reference=start
lambdas=0.5 methods=sft-pref,pref-sft,mix,alright,maxright seeds=1
steps=200 tokens=2000 rows_sft= rows_pref= lr=5e-5 warmup=10 beta=0.1 evals=5 held=0.1 max_tokens=1024
pre_steps=300 pre_rows=32 pre_lr=1e-3 template=auto sft_schema=auto pref_schema=auto micro=4096
refresh=10 step_args= plan=no threads= title=

usage() {
    cat <<EOF
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
  --seeds S,S,...           ($seeds)
  --reference R             start, chosen (SFT on the chosen answers), sft (the SFT optimum) or a folder ($reference)
  --steps T                 batches of each run ($steps); mix makes T/2 updates of two batches
  --tokens N                trained tokens of a batch of either objective ($tokens), or
  --rows-sft N, --rows-pref N  rows of a batch instead
  --lr R --warmup N --beta B  learning rate ($lr), constant after N updates ($warmup); strength of the reference ($beta)
  --refresh K               MAXRIGHT measures both objectives every K steps ($refresh)
  --evals N                   points of each held-out curve between its ends ($evals)
  --held F                  share of prompts held out ($held)
  --max-tokens N            longest row ($max_tokens); longer ones are dropped and counted
  --template T, --sft-schema S, --pref-schema S   as \`tokenize\` has them (auto)
  --micro-tokens N --threads N --step-args 'ARGS'  for \`step\`
  --title TEXT              of the page
  --plan                    print steps, tokens and expected hours, and stop
EOF
}

fail() { echo "joint.sh: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
    --help|-h) usage; exit 0 ;;
    --plan) plan=yes; shift; continue ;;
    --sft|--pref|--tokenizer|--model|--config|--text|--out|--lambda|--methods|--seeds|--reference|--steps|--tokens|\
    --rows-sft|--rows-pref|--lr|--warmup|--beta|--refresh|--evals|--held|--max-tokens|--template|--sft-schema|\
    --pref-schema|--micro-tokens|--threads|--step-args|--title|--pre-steps|--pre-rows|--pre-lr) ;;
    *) fail "unknown option '$1'; see --help" ;;
    esac
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
    --sft) sft=$2 ;; --pref) pref=$2 ;; --tokenizer) tokenizer=$2 ;; --model) model=$2 ;; --config) config=$2 ;;
    --text) text=$2 ;; --out) out=$2 ;; --lambda) lambdas=$2 ;; --methods) methods=$2 ;; --seeds) seeds=$2 ;;
    --reference) reference=$2 ;; --steps) steps=$2 ;; --tokens) tokens=$2 ;; --rows-sft) rows_sft=$2 ;;
    --rows-pref) rows_pref=$2 ;; --lr) lr=$2 ;; --warmup) warmup=$2 ;; --beta) beta=$2 ;; --refresh) refresh=$2 ;;
    --evals) evals=$2 ;; --held) held=$2 ;; --max-tokens) max_tokens=$2 ;; --template) template=$2 ;;
    --sft-schema) sft_schema=$2 ;; --pref-schema) pref_schema=$2 ;; --micro-tokens) micro=$2 ;;
    --threads) threads=$2 ;; --step-args) step_args=$2 ;; --title) title=$2 ;;
    --pre-steps) pre_steps=$2 ;; --pre-rows) pre_rows=$2 ;; --pre-lr) pre_lr=$2 ;;
    esac
    shift 2
done

[ -n "$sft" ] && [ -n "$pref" ] || fail "--sft and --pref are needed; see --help"
[ -n "$tokenizer" ] && [ -n "$out" ] || fail "--tokenizer and --out are needed; see --help"
if [ -n "$model" ]; then
    [ -z "$config$text" ] || fail "--model or --config with --text, not both"
    [ -f "$model/config.json" ] || fail "--model: '$model' has no config.json"
else
    [ -n "$config" ] && [ -n "$text" ] || fail "--model, or --config with --text, is needed; see --help"
fi
for f in "$sft" "$pref" ${config:+"$config"} ${text:+"$text"}; do [ -r "$f" ] || fail "cannot read '$f'"; done
for m in $(echo "$methods" | tr , ' '); do
    case $m in sft-pref|pref-sft|mix|alright|maxright) ;; *) fail "--methods: '$m' is none" ;; esac
done
case $reference in
start|chosen|sft) ;;
*) [ -f "$reference/config.json" ] || fail "--reference: '$reference' is not start, chosen, sft or a model folder" ;;
esac

here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$here/bin:$PATH
export PATH
for tool in tokenize mix step evalc; do [ -x "$here/bin/$tool" ] || fail "bin/$tool is not built; run make first"; done
mkdir -p "$out/data"
out=$(cd "$out" && pwd)
say() { printf '%s\n' "$*" >&2; }
q=; [ -t 2 ] || q=-q                                   # progress for people only
. "$here/pipelines/lib.sh"

# A study in this folder with other settings would mix two studies
settings="$sft $pref $tokenizer $model $config $text $reference $steps $tokens $rows_sft $rows_pref $lr $warmup $beta \
$evals $held $max_tokens $template $sft_schema $pref_schema $pre_steps $pre_rows $pre_lr $refresh $step_args"
if [ -f "$out/settings" ]; then
    [ "$(cat "$out/settings")" = "$settings" ] || fail "'$out' holds a study with other settings; choose another --out or remove it"
else
    printf '%s' "$settings" >"$out/settings"
fi
printf '%s\n' "${title:-$(basename "$sft" | sed 's/\..*//') and $(basename "$pref" | sed 's/\..*//')}" >"$out/title"

# ---- rows -> records, once ----

records() {                                            # records NAME FILE SCHEMA SPLIT [ARG...]
    name=$1 file=$2 schema=$3 split=$4; shift 4
    [ -f "$out/data/$name.rec" ] && return
    # shellcheck disable=SC2086
    tokenize $q --tokenizer "$tokenizer" --schema "$schema" --template "$template" --max-tokens "$max_tokens" --lenient \
        --truncate drop --source "${name%.*}" ${split:+--split "$split" --held "$held"} "$@" -o "$out/data/$name.rec" "$file"
}

say "rows to records"
records sft.train "$sft" "$sft_schema" train
records sft.held "$sft" "$sft_schema" held
records pref.train "$pref" "$pref_schema" train
records pref.held "$pref" "$pref_schema" held
if [ -n "$text" ]; then
    case $text in *.jsonl*|*.json*) s=auto ;; *) s=text ;; esac
    records text.train "$text" "$s" ""
fi
[ "$reference" = chosen ] && records chosen.train "$pref" "$pref_schema" train --side chosen

if [ -n "$rows_sft" ] || [ -n "$rows_pref" ]; then
    size="--rows-sft ${rows_sft:-16} --rows-pref ${rows_pref:-16}"
else
    size="--tokens-sft $tokens --tokens-pref $tokens"
fi

# ---- one run: the mixer's arguments come in; checkpoints, curves and time go to $run ----

run_no=0
train() {                                              # train RUN "FROM" EVERY MIX-ARG...
    run=$1 from=$2 eval_every=$3; shift 3
    run_no=$((run_no + 1))
    [ -f "$run/done" ] && return
    say "[$run_no/$n_runs] ${run#"$out"/}"
    mkdir -p "$run"
    held_args=
    [ "$eval_every" -gt 0 ] &&
        held_args="--held-sft $out/data/sft.held.rec --held-pref $ref_dir/pref.held.rec --eval-every $eval_every"
    feedback=
    case " $* " in *" maxright "*)
        feedback="--feedback $run/feedback"
        rm -f "$run/feedback"; mkfifo "$run/feedback" ;;
    esac
    begin=$(date +%s)
    # shellcheck disable=SC2086
    mix "$@" $held_args $feedback --seed "$seed" --resume "$run" --log "$run/mix.log" |
        step $q $from $micro_args --lr "$run_lr" --warmup "$warmup" --schedule "$run_schedule" --beta "$beta" \
            --seed "$seed" $feedback $step_args --save-every 50 --keep 1 --resume --out "$run" >/dev/null
    rm -f "$run/feedback"
    echo $(($(date +%s) - begin)) >>"$run/seconds"
    : >"$run/done"
}

# The reference column, written once for all runs that share the reference
reference() {                                          # reference MODEL DIR
    mkdir -p "$2"
    for part in train held; do
        [ -f "$2/pref.$part.rec" ] && continue
        say "  reference log-probabilities of pref.$part"
        # shellcheck disable=SC2086
        evalc $q --task logprob --model "$1" $micro_args -o "$2/pref.$part.rec" "$out/data/pref.$part.rec"
    done
}

# Mean training loss over the last tenth of a single-objective run: its training optimum
optimum() {                                            # optimum RUN OBJECTIVE
    lines "$1/metrics.rec" | awk -v o="$2" "$json"'
        str("why") == "update" { l[n++] = num(o "/loss") }
        END { k = int((n + 9) / 10); for (i = n - k; i < n; i++) s += l[i]; printf "%.6g", s / k }'
}

# The minimum of a run's held-out curve: the held-out optimum
lowest() {                                             # lowest RUN OBJECTIVE
    lines "$1/metrics.rec" | awk -v o="eval/$2/loss" "$json"'
        num(o) != "" && (m == "" || num(o) < m) { m = num(o) } END { printf "%.9g", m }'
}

# Rows, tokens and updates of a run, from its metrics, as labels of its scores
spent() {                                              # spent RUN
    lines "$1/metrics.rec" | awk -v s="$(awk '{ s += $1 } END { print s + 0 }' "$1/seconds")" "$json"'
        str("why") == "update"  { u++; r += num("rows"); t += num("tokens") }
        str("why") == "refresh" { m += num("tokens") }
        END { printf "--label updates=%d --label rows=%d --label tokens=%d --label measured=%d --label seconds=%d", u, r, t, m, s }'
}

score() {                                              # score RUN METHOD LAMBDA [LABEL...]
    run=$1 method=$2 at=$3; shift 3
    [ -f "$run/scores.rec" ] && return
    # shellcheck disable=SC2086,SC2046
    evalc $q --task loss,preference --model "$run" $micro_args --beta "$beta" --opt-sft "$held_opt_sft" --opt-pref "$held_opt_pref" \
        --label method="$method" --label lambda="$at" --label seed="$seed" $(spent "$run") "$@" \
        -o "$run/scores.rec" "$out/data/sft.held.rec" "$ref_dir/pref.held.rec"
}

# ---- the study ----

count() { echo "$1" | tr , '\n' | grep -c .; }
micro_args="--micro-tokens $micro ${threads:+--threads $threads}"
n_methods=$(count "$methods")
per_seed=$((2 + $(count "$lambdas") * n_methods))
[ -n "$config" ] && per_seed=$((per_seed + 1))
case $reference in chosen|sft) per_seed=$((per_seed + 1)) ;; esac
n_runs=$((per_seed * $(count "$seeds")))
every=$((steps / (evals + 1)))
[ "$every" -gt 0 ] || every=1

# ---- the plan: what all runs together read, at the speed of a few updates of the start ----

planned() { mix --plan --policy weighted "$@" | awk -v c="$column" '$1 ~ /^(sft|pref)$/ { gsub(",", "", $c); s += $c } END { print s + 0 }'; }
if [ "$plan" = yes ]; then
    column=8
    # shellcheck disable=SC2086
    a=$(planned --sft "$out/data/sft.train.rec" $size --steps "$steps") b=$(planned --pref "$out/data/pref.train.rec" $size --steps "$steps")
    h=$(planned --sft "$out/data/sft.held.rec" --epochs 1) k=$(planned --pref "$out/data/pref.held.rec" --epochs 1)
    r=$(planned --pref "$out/data/pref.train.rec" --epochs 1)
    p=0; [ -z "$config" ] || p=$(planned --sft "$out/data/text.train.rec" --rows-sft "$pre_rows" --steps "$pre_steps")
    rm -rf "$out/.plan"
    # shellcheck disable=SC2086
    mix --policy weighted --sft "$out/data/sft.train.rec" $size --steps 6 -q |
        step -q ${config:+--init "$config"} ${model:+--model "$model"} $micro_args --seed 1 $step_args --out "$out/.plan" >/dev/null
    speed=$(lines "$out/.plan/metrics.rec" "$out/.plan/timing.rec" | awk "$json"'
        str("why") == "update" && num("i") > 0 { t += num("tokens") }
        num("seconds") != "" { if (num("i") == 0) b = num("seconds"); e = num("seconds") } END { print t / (e - b) }')
    rm -rf "$out/.plan"
    column=9
    # shellcheck disable=SC2086
    ta=$(planned --sft "$out/data/sft.train.rec" $size --steps "$steps") tb=$(planned --pref "$out/data/pref.train.rec" $size --steps "$steps")
    awk -v a="$a" -v b="$b" -v h="$h" -v k="$k" -v r="$r" -v p="$p" -v n="$n_runs" -v seeds="$(count "$seeds")" -v steps="$steps" -v ta="$ta" \
        -v tb="$tb" -v joint="$(($(count "$lambdas") * n_methods))" -v e="$((evals + 2))" -v v="$speed" -v pre="$pre_steps" 'BEGIN {
        printf "%d runs of %d batches (mix: %d updates of two), %d seeds\n", n, steps, steps / 2, seeds
        printf "trained tokens of a batch: sft %.0f, pref %.0f\n", ta / steps, tb / steps
        if (ta / tb > 1.1 || tb / ta > 1.1) print "warning: the batches differ by more than a tenth; choose --tokens, or other --rows-*"
        train = seeds * (p + a + b + joint * (a + b) / 2)
        read = seeds * (r + 2 * k + (joint + 2) * (e + 1) * (h + k))
        printf "tokens: %.2f M trained on, %.2f M only read (held-out curves, reference)\n", train / 1e6, read / 1e6
        printf "at %.0f tokens/s, as measured now: about %.2f hours\n", v, (train + read / 3) / v / 3600 }'
    exit 0
fi

for seed in $(echo "$seeds" | tr , ' '); do
    seed_dir=$out/seed-$seed
    mkdir -p "$seed_dir"
    base=$model
    if [ -n "$config" ]; then
        run_lr=$pre_lr run_schedule=cosine ref_dir=none
        train "$seed_dir/base" "--init $config" 0 --sft "$out/data/text.train.rec" --rows-sft "$pre_rows" --steps "$pre_steps"
        base=$seed_dir/base/latest
    fi
    run_lr=$lr run_schedule=constant
    sft_only="--policy weighted --sft $out/data/sft.train.rec $size --steps $steps"

    # One frozen reference serves the whole study
    ref_dir=$seed_dir/ref
    case $reference in
    start) ref=$base; [ -n "$model" ] && ref_dir=$out/data/ref ;;
    chosen) ref=$seed_dir/chosen/latest
        train "$seed_dir/chosen" "--model $base" 0 --sft "$out/data/chosen.train.rec" --tokens-sft "$tokens" --steps "$steps" ;;
    # shellcheck disable=SC2086
    sft) ref=$seed_dir/sft/latest; train "$seed_dir/sft" "--model $base" 0 $sft_only ;;
    *) ref=$reference; ref_dir=$out/data/ref ;;
    esac
    reference "$ref" "$ref_dir"
    from="--model $base --ref $ref"
    pref_args="--pref $ref_dir/pref.train.rec"
    sft_args="--sft $out/data/sft.train.rec"

    # Both optima: the same budget on one objective alone
    # shellcheck disable=SC2086
    train "$seed_dir/opt-sft" "$from" "$every" $sft_only
    # shellcheck disable=SC2086
    train "$seed_dir/opt-pref" "$from" "$every" --policy weighted $pref_args $size --steps "$steps"
    opt_sft=$(optimum "$seed_dir/opt-sft" sft) opt_pref=$(optimum "$seed_dir/opt-pref" pref)
    held_opt_sft=$(lowest "$seed_dir/opt-sft" sft) held_opt_pref=$(lowest "$seed_dir/opt-pref" pref)
    score "$seed_dir/opt-sft" opt-sft 0 --label opt_sft="$held_opt_sft"
    score "$seed_dir/opt-pref" opt-pref 1 --label opt_pref="$held_opt_pref"

    for lambda in $(echo "$lambdas" | tr , ' '); do
        for method in $(echo "$methods" | tr , ' '); do
            run=$seed_dir/$method-$lambda n=$steps e=$every
            case $method in
            sft-pref|pref-sft) policy="sequential --order $(echo "$method" | tr - ,)" ;;
            mix) policy=mix n=$((steps / 2)) e=$(((every + 1) / 2)) ;;
            maxright) policy="maxright --opt-sft $opt_sft --opt-pref $opt_pref --refresh $refresh" ;;
            *) policy=$method ;;
            esac
            # shellcheck disable=SC2086
            train "$run" "$from" "$e" --policy $policy --lambda "$lambda" $sft_args $pref_args $size --steps "$n"
            score "$run" "$method" "$lambda"
        done
    done
done

sh "$here/pipelines/report.sh" "$out"
