#!/usr/bin/env bash
# The command line: help, job files, JSON, quiet, exit codes.
source tests/lib.sh

$peal help >help.txt
for topic in subcommands formats codecs transforms models optimizers sync schedules ops exit-codes concurrency etl train eval predict inspect import export cache help; do
    $peal help $topic >topic.txt || fail "help $topic"
    [ "$(wc -l <topic.txt)" -ge 2 ] || fail "help $topic is empty"
    awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' topic.txt help.txt || fail "help $topic is wider than 80 columns"
done
grep -q standardize <($peal help transforms) || fail "help transforms"
expect 2 "did you mean 'transforms'" $peal help transform
$peal train --help | grep -- --epochs >found.txt || fail "train --help"
$peal >overview.txt || fail "no arguments"
cmp help.txt overview.txt

# A job file does what the same options do, and the command line wins.
cat >job.yaml <<YAML
sources:
  - $data/digits/train-0.csv.gz
  - $data/digits/train-1.csv.gz
label: digit
on_bad_row: drop
drop: [p00, p07]
types: {p01: number}
transforms:
  - {transform: minmax, columns: [p02, p03]}
  - transform: split
    valid: 0.2
    seed: 5
YAML
$peal etl --job job.yaml --out a --quiet
$peal etl "$data"/digits/train-[01].csv.gz --label digit --on-bad-row drop --drop p00 --drop p07 --type p01=number \
    --transform minmax:columns=p02+p03 --transform split:valid=0.2,seed=5 --out b --quiet
cmp a/train-00000.arrow b/train-00000.arrow || fail "the job file and the options make different datasets"
cat >train.yaml <<YAML
sources: a
model: softmax
epochs: 2
lr: 0.1
quiet: true
YAML
$peal train --job train.yaml --epochs 1 --out m.safetensors --json >train.json 2>err.txt
[ "$(json train.json epochs)" = 1 ] || fail "the command line does not win"
[ -s err.txt ] && fail "quiet is not quiet: $(cat err.txt)"
printf 'labl: y\n' >typo.yaml
expect 2 "has no option labl (did you mean label?)" $peal etl --job typo.yaml --out d
printf 'label: [y\n' >broken.yaml
expect 2 "broken.yaml: line" $peal etl --job broken.yaml --out d
expect 2 "the job file: cannot open none.yaml" $peal etl --job none.yaml --out d
echo "job: other.yaml" >names-another.yaml
expect 2 "a job file cannot name another one" $peal etl --job names-another.yaml --out d

# Names of sources from a file, of which the command line wins over the job file's.
ls "$data"/digits/train-*.csv.gz | sed 's/$/\r/; 1s/^/# all of them\n\n/' >names.txt
$peal etl "$data"/digits/train-*.csv.gz --label digit --out named --quiet
$peal etl --sources-from names.txt --label digit --out listed --quiet
cmp named/train-00000.arrow listed/train-00000.arrow || fail "sources-from: other rows"
printf 'sources-from: none.txt\nlabel: digit\n' >listed.yaml
$peal etl --job listed.yaml --sources-from names.txt --out from-job --quiet
$peal etl --job listed.yaml "$data/digits/test.csv.gz" --out from-job --quiet --json | grep -q '"in": *359' || fail "the command line does not win"
expect 2 "sources-from none.txt: cannot open none.txt" $peal etl --job listed.yaml --out none
printf '# nothing\n' >names.txt
expect 2 "sources-from names.txt: it names no source" $peal etl --sources-from names.txt --out none
expect 2 "one topic at a time" $peal help train eval
expect 2 "wants a number" $peal train a --lr fast
expect 2 "--epochs must be at least 1" $peal train a --epochs 0
expect 2 "is a dataset already" $peal train a --label digit

# With --json, standard output holds one object and nothing else.
$peal etl "$data/digits/test.csv.gz" --label digit --out c --json >etl.json 2>/dev/null
for key in in used dropped quarantined stages busy_seconds computing_seconds starved_seconds blocked_seconds; do
    grep -q "\"$key\"" etl.json || fail "etl --json lacks $key"
done
for key in rows metrics model_sha256 epochs rows_per_second; do
    grep -q "\"$key\"" train.json || fail "train --json lacks $key"
done
[ "$(wc -l <etl.json)" = 1 ] && [ "$(wc -l <train.json)" = 1 ] || fail "more than one line of JSON"

# Bad rows are counted at the end of every job.
(zcat "$data/digits/test.csv.gz"; echo "1,2,3") >bad.csv
$peal etl bad.csv --label digit --on-bad-row quarantine --out q 2>log.txt
grep -q "rows: 360 in = 359 used + 0 dropped + 1 quarantined" log.txt || fail "rows of etl"
grep -q '"line":361' q/quarantine.jsonl || fail "the quarantined row is not named"
$peal eval m.safetensors bad.csv --on-bad-row drop >log.txt 2>/dev/null
grep -q "rows: 360 in = 359 used + 1 dropped" log.txt || fail "rows of eval"
expect 3 "bad.csv: line 361: 3 fields, expected 65" $peal predict m.safetensors bad.csv --out p.csv
[ -e p.csv ] && fail "half-written predictions"
$peal predict m.safetensors "$data/digits/test.csv.gz" 2>/dev/null | head -n 1 >head.txt || true # a closed pipe is no crash
grep -q ^prediction, head.txt || fail "predictions through head"
$peal predict m.safetensors "$data/digits/test.csv.gz" --quiet >plain.csv
$peal predict m.safetensors "$data/digits/test.csv.gz" --quiet --out - | cmp - plain.csv || fail "--out - is not standard output"
expect 2 "only predictions go to standard output" $peal etl "$data/digits/test.csv.gz" --label digit --out -
expect 2 "only predictions go to standard output" $peal train a --out -
[ ! -e ./- ] || fail "a file called -"
echo ok
