#!/usr/bin/env bash
# A job file is one document in a regular file: nothing in it is silently left out, and it is never waited for.
source tests/lib.sh

bad() { # bad WORDS: the job on standard input is refused so
    cat >job.yaml
    expect 2 "$1" timeout 60 $peal etl "$data/digits/test.csv.gz" --job job.yaml --out d
    [ -e d ] && fail "a dataset in spite of: $1"
    return 0
}
bad "job.yaml: line 2: a second document begins" <<<$'label: digit\n---\ndrop: p00'
bad "job.yaml: line 3: a second document begins" <<<$'label: digit\n...\n---\nlabel: p00'
bad "job.yaml: line 2" <<<$'{label: digit}\ndrop: p00'
bad "job.yaml: line 2: a key stands there twice" <<<$'label: digit\nlabel: p00'
bad "'drop' stands there twice" <<<$'drop: p00\ndrops: p01'
bad "'on-bad-row' stands there twice" <<<$'on-bad-row: drop\non_bad_row: fail'
bad "a value has a NUL in it" <<<'label: "digit\0"'
bad "a key has a NUL in it" <<<'"label\0": digit'
bad "one mapping" <<<''
{
    echo 'a0: &a0 [x, x]'
    for i in $(seq 30); do echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1))]"; done
} >bomb.yaml
bad "its aliases unfold to more than a job can be" <bomb.yaml
bad "nested too deeply" <<<'a: &a [*a]'

# What stands behind the document and means nothing may stay.
printf -- '---\nlabel: digit\n...\n# the end\n' >job.yaml
$peal etl "$data/digits/test.csv.gz" --job job.yaml --out good --quiet
mkfifo pipe
mkdir folder
for path in pipe folder /dev/null; do
    expect 2 "is not a regular file" timeout 60 $peal etl "$data/digits/test.csv.gz" --job $path --out d
done
echo ok
