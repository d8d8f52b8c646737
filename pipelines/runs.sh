# runs.sh - the runs of joint.sh's study and how they are carried out.  Sourced by joint.sh alone, whose settings it reads.
#
# Whatever takes long is a child in the background that is waited for, so that a signal is heard at once and handed on:
# step saves and leaves with 5, and the same command goes on from there.
# shellcheck shell=sh disable=SC2154,SC2086 # settings are joint.sh's; sizes and --step-args are several words

# ---- children ----

await() {                                              # await: the child started last, its status
    status=0
    wait "$!" || status=$?
    return $status
}

# A signal: every lane stops its child, which saves; asked twice, once is enough
stop() {
    trap '' HUP INT TERM
    for pid in $lanes $child; do kill -TERM "$pid" 2>/dev/null || :; done
    for pid in $lanes $child; do wait "$pid" || :; done
    say "joint.sh: stopped; the same command goes on from here"
    exit 5
}

# The tasks of $work/tasks, one by line, by --jobs lanes; a lane claims a task by making its folder.  After a failure no other
# task is begun, and the runs at work end in their own time.
stage() {
    rm -rf "$work/claims"
    mkdir "$work/claims"
    lanes=
    while [ "$(count $lanes)" -lt "$jobs" ]; do
        lane &
        lanes="$lanes $!"
    done
    worst=0
    for pid in $lanes; do
        wait "$pid" || { status=$?; [ $worst != 0 ] || worst=$status; }
    done
    lanes=
    [ $worst = 0 ] || { say "joint.sh: not finished; when the cause is mended the same command goes on from here"; exit $worst; }
    n_before=$((n_before + $(grep -c . "$work/tasks")))
}

lane() {
    trap 'kill -TERM "$!" 2>/dev/null; wait "$!"; rm -f "${run:-$work}/feedback"; exit 5' TERM
    trap '[ $? = 0 ] || : >"$work/failed"' EXIT
    number=$n_before
    while read -r task <&3; do
        number=$((number + 1))
        [ ! -e "$work/failed" ] && kill -0 $$ 2>/dev/null || exit 0
        mkdir "$work/claims/$number" 2>/dev/null || continue
        run=
        $task
    done 3<"$work/tasks"
}

# ---- records ----

records() {                                            # records NAME FILE SCHEMA SPLIT [ARG...]
    [ ! -f "$out/data/$1.rec" ] || return 0
    name=$1 from=$2 schema=$3 split=$4
    shift 4
    tokenize $q --tokenizer "$tokenizer" --schema "$schema" --template "$template" --max-tokens "$max_tokens" --lenient \
        --truncate drop --source "${name%.*}" ${split:+--split "$split" --held "$held"} "$@" -o "$out/data/$name.rec" "$from" &
    child=$!
    await || exit $status
    child=
}

# Rows, tokens and so on of one source as mix would take them; FIELD counts from the right, for a path may hold spaces
planned() {                                            # planned FIELD MIX-ARG...
    field=$1
    shift
    mix -q --plan --policy weighted "$@" |
        awk -v f="$field" '$1 ~ /^(sft|pref)$/ { x = $(NF - f); gsub(",", "", x); print x + 0; exit }'
}
trained=1 read=2 passes=5 rows=7

# What the rows are, and warnings that make a study worth less
look() {
    held_sft=$(planned $rows --sft "$out/data/sft.held.rec" --rows-sft 1)
    held_pref=$(planned $rows --pref "$out/data/pref.held.rec" --rows-pref 1)
    batches_sft=$(planned $trained --sft "$out/data/sft.train.rec" $size_sft --steps "$steps")
    batches_pref=$(planned $trained --pref "$out/data/pref.train.rec" $size_pref --steps "$steps")
    passes_sft=$(planned $passes --sft "$out/data/sft.train.rec" $size_sft --steps "$steps")
    passes_pref=$(planned $passes --pref "$out/data/pref.train.rec" $size_pref --steps "$steps")
    awk -v hs="$held_sft" -v hp="$held_pref" -v a="$batches_sft" -v b="$batches_pref" -v p="$passes_pref" -v n="$steps" 'BEGIN {
        if (hs < 200) printf "warning: only %d held-out sft rows; its losses are uncertain, choose a larger --held\n", hs
        if (hp < 200) printf "warning: only %d held-out pairs; their losses are uncertain, choose a larger --held\n", hp
        if (a / b > 1.1 || b / a > 1.1)
            printf "warning: a batch trains %.0f tokens of sft and %.0f of pref, more than a tenth apart; choose --tokens, or other --rows-*\n", a / n, b / n
        if (p > 1.1) printf "warning: %d batches pass over the pairs %.1f times, and pairs overfit after about an epoch; choose fewer --steps or more rows\n", n, p
    }' >&2
}

# ---- the plan: what all runs together read, at the speed of a few updates of the start ----

estimate() {
    pref_read=$(planned $read --pref "$out/data/pref.train.rec" --rows-pref 1)
    held_read=$(($(planned $read --sft "$out/data/sft.held.rec" --rows-sft 1) + $(planned $read --pref "$out/data/pref.held.rec" --rows-pref 1)))
    text_read=0
    [ -z "$config" ] || text_read=$(planned $read --sft "$out/data/text.train.rec" --rows-sft "$pre_rows" --steps "$pre_steps")
    sft_read=$(planned $read --sft "$out/data/sft.train.rec" $size_sft --steps "$steps")
    pairs_read=$(planned $read --pref "$out/data/pref.train.rec" $size_pref --steps "$steps")
    extra=0
    case $reference in chosen|sft) extra=$sft_read ;; esac
    say "a few updates, for their speed"
    seed=1 run=$work/speed run_lr=$lr run_schedule=constant base=$model ref='' feedback=''
    { mix -q --policy weighted --sft "$out/data/sft.train.rec" $size_sft --steps 6 --seed 1 | learn; } &
    child=$!
    await || exit $status
    child=
    speed=$(lines "$run/metrics.rec" "$run/timing.rec" | awk "$json"'
        str("why") == "update" && num("i") > 0 { t += num("tokens") }
        num("seconds") != "" { if (num("i") == 0) b = num("seconds"); e = num("seconds") } END { printf "%.0f", t / (e - b) }')
    awk -v a="$sft_read" -v b="$pairs_read" -v r="$pref_read" -v hk="$held_read" -v p="$text_read" -v x="$extra" -v seeds="$n_seeds" -v steps="$steps" \
        -v joint="$n_joint" -v e="$((evals + 2))" -v v="$speed" -v ta="$batches_sft" -v tb="$batches_pref" -v pre="${config:+$pre_steps}" \
        -v ps="$passes_sft" -v pp="$passes_pref" -v hs="$held_sft" -v hp="$held_pref" -v jobs="$jobs" 'BEGIN {
        printf "%d seeds, each with %s%s%d runs of %d batches: both optima and %d joint runs (mix: %d updates of two)\n", seeds,
            (pre ? "a start of " pre " updates, " : ""), (x ? "a reference, " : ""), joint + 2, steps, joint, steps / 2
        printf "held-out rows: sft %d, pref %d\n", hs, hp
        printf "trained tokens of a batch: sft %.0f, pref %.0f; %d batches pass over the rows: sft %.2f, pref %.2f times\n", ta / steps, tb / steps, steps, ps, pp
        train = seeds * (p + x + a + b + joint * (a + b) / 2)
        only = seeds * (r + 2 * hk + (joint + 2) * (e + 1) * hk)
        printf "tokens: %.2f M trained on, %.2f M only read (held-out curves, reference, scores)\n", train / 1e6, only / 1e6
        printf "at %d tokens/s, as measured now%s: about %.2g hours\n", v, (jobs > 1 ? ", " jobs " runs at a time" : ""), (train + only / 3) / v / jobs / 3600 }'
}

# ---- one run; checkpoints, curves and times are in $run ----

# The mixer's side and the trainer's: each becomes the program, so that a signal to its process is one to the program
feed() {
    [ "$curve" = 0 ] || set -- "$@" --held-sft "$out/data/sft.held.rec" --held-pref "$ref_dir/pref.held.rec" --eval-every "$curve"
    [ -z "$feedback" ] || set -- "$@" --feedback "$run/feedback"
    exec mix "$@" --seed "$seed" --resume "$run" --log "$run/mix.log"
}
learn() {
    set -- --out "$run" --resume --lr "$run_lr" --warmup "$warmup" --schedule "$run_schedule" --beta "$beta" --seed "$seed"
    if [ -n "$base" ]; then set -- "$@" --model "$base"; else set -- "$@" --init "$config"; fi
    [ -z "$ref" ] || set -- "$@" --ref "$ref"
    [ -z "$feedback" ] || set -- "$@" --feedback "$run/feedback"
    exec step $q "$@" $micro_args --save-every 50 --keep 1 $step_args >/dev/null
}

train() {                                              # train RUN CURVE MIX-ARG...; CURVE: updates between its points, 0: none
    run=$1 curve=$2
    shift 2
    [ ! -f "$run/done" ] || return 0
    say "[$number/$n_tasks] ${run#"$out"/}"
    mkdir -p "$run"
    rm -f "$run/feedback"
    feedback=
    case " $* " in *" maxright "*) feedback=yes; mkfifo "$run/feedback" ;; esac
    feed "$@" | learn &
    await || :
    rm -f "$run/feedback"
    [ $status = 0 ] || exit $status
    : >"$run/done"
}

# The reference column, written once for all runs that share the reference, and what it cost
column() {                                             # column MODEL DIR
    mkdir -p "$2"
    for part in train held; do
        [ ! -f "$2/pref.$part.rec" ] || continue
        say "[$number/$n_tasks] ${2#"$out"/}: log-probabilities of pref.$part"
        begin=$(date +%s)
        evalc $q --task logprob --model "$1" $micro_args -o "$2/pref.$part.rec" "$out/data/pref.$part.rec" &
        await || exit $status
        echo "0 0 0 $(planned $read --pref "$out/data/pref.$part.rec" --rows-pref 1) $(($(date +%s) - begin))" >"$2/cost.$part"
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
        num(o) != "" && (m == "" || num(o) < m) { m = num(o) } END { printf "%.17g", m }'
}

# Updates, rows, tokens, tokens only measured and seconds of a run; a resumed run's clock begins anew
spent() {                                              # spent RUN
    lines "$1/metrics.rec" "$1/timing.rec" | awk "$json"'
        str("why") == "update"  { u++; r += num("rows"); t += num("tokens") }
        str("why") == "refresh" { m += num("tokens") }
        num("seconds") != ""    { s = num("seconds"); if (s < last) past += last; last = s }
        END { printf "%d %d %d %d %.1f\n", u, r, t, m, past + last }'
}

# A few held-out prompts of both objectives, the same for all runs
prompts() {
    [ -f "$out/data/prompts.rec" ] || mix -q --policy mix --sft "$out/data/sft.held.rec" --rows-sft 4 \
        --pref "$out/data/pref.held.rec" --rows-pref 4 --steps 1 --seed 1 -o "$out/data/prompts.rec"
}

# What the model answers to them, for the page; rows without a prompt have none, and the study goes on
samples() {                                            # samples RUN MODEL
    [ ! -f "$1/samples.rec" ] || return 0
    evalc $q --task generate --model "$2" $micro_args --tokenizer "$tokenizer" --max-new-tokens 64 \
        -o "$1/samples.rec" "$out/data/prompts.rec" &
    await || case $status in
        2|3) say "$1: no samples on the page" ;;
        *) exit $status ;;
    esac
}

score() {                                              # score RUN METHOD COST MODEL [ARG...]: COST as `spent` says it
    run=$1 method=$2 cost=$3 at=$4
    shift 4
    mkdir -p "$run"
    samples "$run" "$at"
    [ ! -f "$run/scores.rec" ] || return 0
    for name in updates rows tokens measured seconds; do
        set -- "$@" --label "$name=${cost%% *}"
        cost=${cost#* }
    done
    evalc $q --task loss,preference --model "$at" $micro_args --beta "$beta" --label method="$method" --label seed="$seed" "$@" \
        --items "$run/items.rec" -o "$run/scores.rec" "$out/data/sft.held.rec" "$ref_dir/pref.held.rec" &
    await || exit $status
}

# ---- the tasks of a seed ----

# Where the runs of $seed start and what their reference is
where() {
    seed_dir=$out/seed-$seed run_lr=$lr run_schedule=constant ref=
    base=$model
    [ -n "$model" ] || base=$seed_dir/base/latest
    case $reference in
    start) ref_at=$base ;;
    chosen|sft) ref_at=$seed_dir/$reference/latest ;;
    *) ref_at=$reference ;;
    esac
    if [ -n "$shared" ]; then ref_dir=$out/data/ref; else ref_dir=$seed_dir/ref; fi
}

frozen() { column "$shared" "$out/data/ref"; }

begin() {                                              # begin SEED: the start, and the frozen reference of all that follows
    seed=$1
    where
    mkdir -p "$seed_dir"
    if [ -n "$config" ]; then
        run_lr=$pre_lr run_schedule=cosine base=
        train "$seed_dir/base" 0 --policy weighted --sft "$out/data/text.train.rec" --rows-sft "$pre_rows" --steps "$pre_steps"
        where
    fi
    case $reference in
    chosen) train "$seed_dir/chosen" 0 --policy weighted --sft "$out/data/chosen.train.rec" $size_sft --steps "$steps" ;;
    sft) train "$seed_dir/sft" 0 --policy weighted --sft "$out/data/sft.train.rec" $size_sft --steps "$steps" ;;
    esac
    case $reference in chosen|sft) spent "$seed_dir/$reference" >"$seed_dir/cost" ;; esac
    [ -n "$shared" ] || column "$ref_at" "$ref_dir"
}

single() {                                             # single SEED opt-sft|opt-pref: the same budget on one objective alone
    seed=$1
    where
    ref=$ref_at
    case $2 in
    opt-sft) train "$seed_dir/$2" "$every" --policy weighted --sft "$out/data/sft.train.rec" $size_sft --steps "$steps" ;;
    opt-pref) train "$seed_dir/$2" "$every" --policy weighted --pref "$ref_dir/pref.train.rec" $size_pref --steps "$steps" ;;
    esac
}

optima() { held_opt_sft=$(lowest "$seed_dir/opt-sft" sft) held_opt_pref=$(lowest "$seed_dir/opt-pref" pref); }

ends() {                                               # ends SEED: scores of the start and of the optima
    seed=$1
    where
    optima
    cost="0 0 0 0 0"
    [ -z "$config" ] || cost=$(spent "$seed_dir/base")
    score "$seed_dir/start" start "$cost" "$base" --opt-sft "$held_opt_sft" --opt-pref "$held_opt_pref"
    for run in opt-sft opt-pref; do
        case $run in opt-sft) lambda=0 ;; *) lambda=1 ;; esac
        score "$seed_dir/$run" "$run" "$(spent "$seed_dir/$run")" "$seed_dir/$run" --opt-sft "$held_opt_sft" --opt-pref "$held_opt_pref" --label lambda=$lambda
    done
}

joint() {                                              # joint SEED METHOD LAMBDA
    seed=$1 method=$2 lambda=$3
    where
    ref=$ref_at
    optima
    set -- --policy "$method" --steps "$steps"
    at=$every
    case $method in
    sft-pref) set -- --policy sequential --order sft,pref --steps "$steps" ;;
    pref-sft) set -- --policy sequential --order pref,sft --steps "$steps" ;;
    mix) set -- --policy mix --steps $((steps / 2)); at=$(((every + 1) / 2)) ;;
    maxright) set -- "$@" --refresh "$refresh" --opt-sft "$(optimum "$seed_dir/opt-sft" sft)" --opt-pref "$(optimum "$seed_dir/opt-pref" pref)" ;;
    esac
    train "$seed_dir/$method-$lambda" "$at" "$@" --lambda "$lambda" \
        --sft "$out/data/sft.train.rec" --pref "$ref_dir/pref.train.rec" $size_sft $size_pref
    score "$run" "$method" "$(spent "$run")" "$run" --opt-sft "$held_opt_sft" --opt-pref "$held_opt_pref" --label lambda="$lambda"
}
