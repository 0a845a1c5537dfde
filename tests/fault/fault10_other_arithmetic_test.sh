#!/usr/bin/env bash
# GEMM's sums follow the kernel that OpenBLAS takes for a type of CPU: which one is recorded in model, run and checkpoint.
# Resuming goes on under the recorded one where this CPU has it; else, and where the user names another, it is refused
# with both names.
source tests/lib.sh

(echo a,b,y; seq 400 | awk '{ print $1 % 17 "," $1 % 5 "," ($1 % 7 > 3 ? "p" : "q") }') >rows.csv
$peal etl rows.csv --label y --out d --quiet
own=$($peal --version | grep -o 'openblas-[^ )]*')
other=Prescott
# A CPU that OpenBLAS does not know, for it is newer, gets no kernel of twenty years ago, unless the user says so.
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && [ -z "${OPENBLAS_CORETYPE:-}" ]; then
    [[ $own =~ /(Prescott|Core2|Atom|Nano|Bobcat|Penryn|Dunnington|Nehalem|Barcelona|Sandybridge)$ ]] && fail "$own on a CPU with AVX2"
fi
job=(train d --model mlp:hidden=20 --epochs 3 --partitions 2 --out m.safetensors)
$peal "${job[@]}" --quiet
for path in m.safetensors m.run m.run/checkpoint-000003.safetensors; do
    $peal inspect $path --json | grep -qF "\"arithmetic\": \"$own" || fail "$path does not say its arithmetic"
done
OPENBLAS_CORETYPE=$other $peal --version | grep -q "/$other" || skip "this BLAS has one kernel only"
expect 2 "openblas-" env OPENBLAS_CORETYPE=$other $peal "${job[@]}" --resume
grep -qF "made with the arithmetic of $own" err.txt || { cat err.txt; fail "the run's arithmetic is not named"; }
grep -q "/$other" err.txt || { cat err.txt; fail "this one's arithmetic is not named"; }
$peal "${job[@]}" --resume --quiet # where it began it goes on
OPENBLAS_CORETYPE=$other $peal "${job[@]}" --quiet || fail "a new run under another arithmetic"
$peal inspect m.safetensors --json | grep -q "/$other" || fail "the new model does not say its arithmetic"

# A run that was begun under another kernel and interrupted goes on under it, and says so; the bits are those of a run
# that was not.
note="the run was begun under the arithmetic of openblas-.*/$other .*; going on with it"
long=(train d --model mlp:hidden=64 --partitions 2 --checkpoint-seconds 0)
export OPENBLAS_CORETYPE=$other
epochs=$(epochs_for 1500 20 $peal "${long[@]}")
long+=(--epochs "$epochs")
$peal "${long[@]}" --out calm.safetensors --quiet
$peal "${long[@]}" --out cut.safetensors --quiet 2>log.txt &
run=$!
unset OPENBLAS_CORETYPE
for ((i = 0; i < 1000; i++)); do
    compgen -G 'cut.run/checkpoint-*' >found.txt && break
    sleep 0.02
done
kill -INT $run
code=0
wait $run || code=$?
[ $code = 4 ] || { cat log.txt; fail "exit code $code of a run that is interrupted"; }
cp -r cut.run copy.run
$peal "${long[@]}" --out cut.safetensors --resume 2>log.txt || { cat log.txt; fail "it does not go on"; }
tr '\n' ' ' <log.txt | grep -q "^$note" || { cat log.txt; fail "the arithmetic is not told first"; }
grep -q "^resumed after epoch" log.txt || { cat log.txt; fail "it began anew"; }
cmp calm.safetensors cut.safetensors || fail "the resumed model changed"

# The same by a job file, and silently, with one object on standard output.
cat >job.yaml <<END
model: mlp:hidden=64
partitions: 2
epochs: $epochs
run-dir: copy.run
resume: true
END
$peal train d --job job.yaml --out copy.safetensors --quiet --json >out.json 2>log.txt
[ ! -s log.txt ] || { cat log.txt; fail "it is not quiet"; }
[ "$(wc -l <out.json)" = 1 ] && [ "$(json out.json epochs)" = "$epochs" ] || fail "no JSON object: $(cat out.json)"
cmp calm.safetensors copy.safetensors || fail "the model resumed by a job file changed"

# Standard input is not read before.
piped=(train - --label y --model mlp:hidden=20 --epochs 2 --out piped.safetensors)
OPENBLAS_CORETYPE=$other $peal "${piped[@]}" --quiet <rows.csv
mv piped.safetensors calm.safetensors
cat rows.csv | $peal "${piped[@]}" --resume 2>log.txt || { cat log.txt; fail "a pipe does not go on"; }
grep -q "$note" log.txt || { cat log.txt; fail "the arithmetic of a pipe's run is not told"; }
cmp calm.safetensors piped.safetensors || fail "the model of a pipe changed"

# So does a run that has come no further than its trials.
OPENBLAS_CORETYPE=$other $peal train d --out trial.safetensors --quiet
mv trial.safetensors calm.safetensors
rm trial.run/*.* # all but their folders
$peal train d --out trial.safetensors --resume 2>log.txt || { cat log.txt; fail "a trial does not go on"; }
grep -q "$note" log.txt || { cat log.txt; fail "the arithmetic of a trial is not told"; }
cmp calm.safetensors trial.safetensors || fail "the model of a trial changed"

# What this CPU cannot run is refused as before; this model takes no GEMM, which would end the process.
if ! grep -qw avx512f /proc/cpuinfo; then
    OPENBLAS_CORETYPE=SkylakeX $peal train d --model bayes --out counts.safetensors --quiet
    expect 2 "made with the arithmetic of openblas-" $peal train d --model bayes --out counts.safetensors --resume
    grep -q "/SkylakeX .*$own" err.txt || { cat err.txt; fail "not both arithmetics are named"; }
fi
echo ok
