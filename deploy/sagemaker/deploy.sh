#!/usr/bin/env bash
# Packs a model's version folders, creates model, configuration and endpoint, and calls it once. Needs the AWS command line, a role
# and a bucket: enter yours in model.json first. Usage: deploy/sagemaker/deploy.sh models/digits s3://my-models/digits
set -euo pipefail
model=$1 destination=$2
name=$(basename "$model")
here=$(dirname "${BASH_SOURCE[0]}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# NAME/1, NAME/2 … at the top of the archive; other files are left out.
(cd "$(dirname "$model")" && tar --create --gzip --file "$work/model.tar.gz" "$name"/[0-9]*)
aws s3 cp "$work/model.tar.gz" "$destination/model.tar.gz"

aws sagemaker create-model --cli-input-json "file://$here/model.json"
aws sagemaker create-endpoint-config --cli-input-json "file://$here/endpoint_config.json"
aws sagemaker create-endpoint --endpoint-name "$name" --endpoint-config-name "$name"
aws sagemaker wait endpoint-in-service --endpoint-name "$name"
aws sagemaker-runtime invoke-endpoint --endpoint-name "$name" --content-type application/json \
  --cli-binary-format raw-in-base64-out --body "file://$model/samples/rest.json" /dev/stdout
