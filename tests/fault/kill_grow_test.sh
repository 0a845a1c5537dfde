#!/usr/bin/env bash
# kill -9 of a job that follows a file, at random moments; --resume goes on, is killed again, and in the end every row is there
# once, in the same bytes as without a death. Every other trial's file grows and is rotated meanwhile. PEAL_TRIALS says how
# many trials there are (5), PEAL_FAULT_SEED repeats them.
source tests/lib.sh

trials=${PEAL_TRIALS:-5}
seed=${PEAL_FAULT_SEED:-$RANDOM}
echo "seed $seed"

mkdir still moving
awk 'BEGIN { srand(3); print "x,z,city,street,y"
    for (i = 0; i < 60000; i++) {
        if (i % 997 == 5) print "a bad row"
        else printf "%.6f,%d,town%d,street %d,%s\n", rand(), i, rand() * 20, rand() * 3000, rand() < 0.3 ? "yes" : "no" } }' >still/rows.csv
header=$(head -1 still/rows.csv)
job=("$peal" etl rows.csv --label y --follow --window 2000 --on-bad-row quarantine --quiet)

listed() { grep -o '"[a-z]*-[0-9]*\.arrow"' "$1/manifest.json" | tr -d '"' | sort; }
# Of a file that was rotated all but places and lines: another file's header is a line more.
rows_of() { cat "$1"/*.arrow && sed 's/"line": *[0-9]*//' "$1/quarantine.jsonl" && tr ',' '\n' <"$1/manifest.json" | grep '"xxh3"\|"used"\|"quarantined"\|"windows"' | sed 1d; }

(cd still && "${job[@]}" --out calm --idle-seconds 0)
[ "$(listed still/calm | wc -l)" = 30 ] || fail "the undisturbed job has $(listed still/calm | wc -l) shards"

# strike: runs the job, and kills it at a random moment; a dataset is whole at any. `span` are the milliseconds that it has
# at most, the more often the more, so that a slow build gets on, too.
strike() {
    local resume shard moment=$((RANDOM % span))
    span=$((span + span / 4))
    resume=$([ -e d ] && echo --resume || true)
    "${job[@]}" --out d $resume "$@" 2>>log.txt &
    local pid=$!
    sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    kills=$((kills + 1))
    [ -e d ] || return 0
    "$peal" inspect d >/dev/null || fail "a torn dataset ($story)"
    for shard in $(listed d); do [ -e "d/$shard" ] || fail "$shard is listed and not there ($story)"; done
}

whole() {
    [ -z "$(find . -name '*peal-tmp*')" ] || fail "a temporary file is left ($story)"
    cmp <(ls -A "$work/still/calm") <(ls -A d) || fail "something else than shards is left ($story)"
}

still_trial() {
    local again
    for again in 1 2 3 4; do strike; done
    "${job[@]}" --out d --idle-seconds 0 --resume --threads $((1 + RANDOM % 3)) || fail "the last resumption ($story)"
    diff -rq calm d || fail "another dataset after $kills kills ($story)"
}

moving_trial() {
    local half=$((10000 + RANDOM % 40000)) again
    rm -f rows.1
    head -n $half ../still/rows.csv >rows.csv
    until [ -e d ]; do strike; done # before its first window it begins anew, with the file of the name
    (
        sleep "0.$((RANDOM % 4))"
        mv rows.csv rows.1
        { echo "$header" && tail -n +$((half + 1)) ../still/rows.csv; } >next
        mv next rows.csv
    ) &
    local writer=$!
    for again in 1 2 3; do strike; done
    wait $writer
    "${job[@]}" --out d --idle-seconds 0 --resume --threads $((1 + RANDOM % 3)) || fail "the last resumption ($story)"
    cmp <(rows_of ../still/calm) <(rows_of d) || fail "other rows after $kills kills ($story)"
}

for trial in $(seq 1 "$trials"); do
    RANDOM=$((seed + trial))
    story="trial $trial, PEAL_FAULT_SEED=$seed"
    kills=0 span=100
    if ((trial % 2)); then cd "$work/still"; else cd "$work/moving"; fi
    rm -rf d
    if ((trial % 2)); then still_trial; else moving_trial; fi
    whole
    echo "ok: $story, $kills kills"
done
echo "$trials trials from seed $seed: the same bytes"
