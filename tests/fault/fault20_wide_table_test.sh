#!/usr/bin/env bash
# A table's columns take time in proportion to their number: four times as many take less than nine times as long.
source tests/lib.sh

# wide FILE COLUMNS ROWS: a label and numbers
wide() {
    awk -v columns="$2" -v rows="$3" 'BEGIN {
        printf "y"
        for (c = 1; c < columns; c++) printf ",column-%d", c
        for (r = 0; r < rows; r++) {
            printf "\n%d.5", r * 7 % 11
            for (c = 1; c < columns; c++) printf ",%d", (r * 31 + c) % 17
        }
        printf "\n"
    }' >"$1"
}

# busy COMMAND...: milliseconds of the processor, which others on the machine do not change
busy() {
    local self=$BASHPID before after
    before=$(awk '{ print $16 + $17 }' /proc/$self/stat)
    "$@" >busy.txt
    after=$(awk '{ print $16 + $17 }' /proc/$self/stat)
    echo $(((after - before) * 1000 / $(getconf CLK_TCK)))
}

for columns in 8000 32000; do
    wide $columns.csv $columns 10
    head -2 $columns.csv >$columns-one.csv
done
for columns in 8000 32000; do
    etl=$(busy "$peal" etl $columns.csv --label y --out d$columns --quiet)
    "$peal" train d$columns --epochs 1 --model linear --out m$columns.safetensors --quiet
    predict=$(busy "$peal" predict m$columns.safetensors $columns-one.csv --quiet)
    echo "$columns columns: etl $etl ms, predict $predict ms"
    if [ $columns = 8000 ]; then
        etl_few=$etl predict_few=$predict
        continue
    fi
    at_least $((9 * (etl_few + 20))) "$etl"
    at_least $((9 * (predict_few + 20))) "$predict"
done

# Columns of the same name are found, also far apart.
sed '1s/column-7999$/column-1/' 8000.csv >twice.csv
expect 3 "two columns are called 'column-1'" "$peal" etl twice.csv --label y --out twice
echo ok
