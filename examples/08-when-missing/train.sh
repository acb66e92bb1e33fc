mkdir -p "$(dirname "$1")"
echo "weights, $2" > "$1"
echo "train.sh $2" >> runs.log
