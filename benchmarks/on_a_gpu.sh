#!/usr/bin/env bash
# Every measurement that needs a GPU, in about half an hour: bash benchmarks/on_a_gpu.sh [PYTHON] [FOLDER]
# Writes one file per measurement into FOLDER (outputs/gpu). A failed measurement does not stop the others.
set -u
python=${1:-python} folder=${2:-outputs/gpu}
mkdir -p "$folder"

measure() { # NAME COMMAND...
    local name=$1
    shift
    echo "$name: $*"
    timeout 600 "$@" >"$folder/$name.txt" 2>"$folder/$name.log" || echo "failed: see $folder/$name.log"
}

measure tests "$python" -m pytest -q -m gpu -p no:cacheprovider
for precision in no bf16; do
    limit=("$python" -m benchmarks.limit --device cuda --tokens 32768 --texts 4096 512 --repeats 7 --precision "$precision")
    measure "limit_$precision" "${limit[@]}"
    measure "limit_${precision}_compiled" "${limit[@]}" --compile
    measure "decoder_$precision" "$python" -m benchmarks.decoder --device cuda --size 1B --tokens 4096 --precision "$precision"
done
for tokens in 8192 16384 32768 65536 131072; do
    measure "budget_$tokens" "$python" -m benchmarks.limit --device cuda --tokens "$tokens" --texts 4096 512 --repeats 3
done
