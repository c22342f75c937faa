#!/usr/bin/env bash
# s3-read-back.sh fetches every object under a prefix into an empty folder with
# an ordinary S3 client that is not ours: s3cmd (Debian), else the AWS CLI, else
# rclone. Path-style addressing, plain http allowed.
#
#	AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… scripts/s3-read-back.sh ENDPOINT BUCKET PREFIX DIR
#	scripts/s3-read-back.sh --client      # print which client it would use
#
# PREFIX may be empty. S3_CLIENT names the client to use; AWS_REGION the region
# (default us-east-1). What the client prints goes to standard error.
set -euo pipefail

die() {
	printf 's3-read-back: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}

client=${S3_CLIENT:-}
for name in s3cmd aws rclone; do
	[[ -n $client ]] || ! command -v "$name" >/dev/null || client=$name
done
[[ -n $client ]] || die 'no S3 client found' 'run make deps, or install one of s3cmd, aws, rclone'
if [[ ${1:-} == --client ]]; then
	printf '%s\n' "$client"
	exit 0
fi

[[ $# -eq 4 ]] || die 'wants four arguments' 'scripts/s3-read-back.sh ENDPOINT BUCKET PREFIX DIR'
endpoint=${1%/} bucket=$2 prefix=${3#/} dir=$4
prefix=${prefix:+${prefix%/}/}
region=${AWS_REGION:-us-east-1}
[[ -n ${AWS_ACCESS_KEY_ID:-} && -n ${AWS_SECRET_ACCESS_KEY:-} ]] ||
	die 'no credentials' 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
mkdir -p "$dir"
[[ -z $(ls -A "$dir") ]] || die "$dir is not empty" 'name a new folder, so that nothing old is taken for an object'

# The keys stay out of the process list; the file is gone with this script.
config=$(mktemp)
trap 'rm -f "$config" "$config.log"' EXIT
export NO_PROXY=${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost no_proxy=127.0.0.1,localhost

case $client in
s3cmd)
	host=${endpoint#*://}
	cat >"$config" <<-END
		[default]
		access_key = $AWS_ACCESS_KEY_ID
		secret_key = $AWS_SECRET_ACCESS_KEY
		host_base = $host
		host_bucket = $host
		bucket_location = $region
		use_https = $([[ $endpoint == https://* ]] && echo True || echo False)
		preserve_attrs = False
	END
	# s3cmd only warns of bytes that do not match their ETag.
	s3cmd -c "$config" --quiet --no-progress sync "s3://$bucket/$prefix" "${dir%/}/" 2>&1 | tee "$config.log" >&2
	! grep -q 'signatures do not match' "$config.log" || die 's3cmd fetched bytes that do not match their MD5' 'see the lines above; look at the store'
	;;
aws)
	export AWS_CONFIG_FILE=$config AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
	aws --region "$region" --endpoint-url "$endpoint" s3 cp --recursive --only-show-errors "s3://$bucket/$prefix" "$dir" >&2
	# It leaves out the objects that stand for folders, whose keys end with a slash.
	aws --region "$region" --endpoint-url "$endpoint" --output json s3api list-objects-v2 --bucket "$bucket" --prefix "$prefix" \
		--query 'Contents[?ends_with(Key, `/`)].Key' >"$config.log"
	python3 - "$config.log" "$prefix" "$dir" <<-'END'
		import json, os, sys
		names, prefix, folder = sys.argv[1:]
		for key in json.load(open(names)) or []:
		    os.makedirs(os.path.join(folder, key[len(prefix):]), exist_ok=True)
	END
	;;
rclone)
	# rclone's own transport cannot take a CA bundle from the environment.
	env -u AWS_CA_BUNDLE -u AWS_PROFILE rclone --config "$config" --transfers 8 \
		--s3-provider Other --s3-env-auth --s3-endpoint "$endpoint" --s3-region "$region" --s3-force-path-style \
		copy ":s3:$bucket/$prefix" "$dir" >&2
	;;
*)
	die "unknown client $client" 'S3_CLIENT is one of s3cmd, aws, rclone'
	;;
esac
