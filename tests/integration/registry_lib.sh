# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Registries on loopback, and images to put into them; sourced after pod_lib.sh. Debian's docker-registry answers on port
# 5000, and with a password (puller, s3cret-word) on 5001, over one storage in $T/registry.

for program in skopeo docker-registry curl; do
	command -v $program >/dev/null || skip_all "$program is not installed"
done
real_skopeo=$(command -v skopeo)
registries=()

registry_config() { # PORT
	printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
		"$T/registry" "$1"
	[ "$1" = 5000 ] || printf 'auth: {htpasswd: {realm: test, path: %s}}\n' "$T/htpasswd"
}
start_registries() {
	local port
	mkdir -p "$T/registry"
	# shellcheck disable=SC2016 # a bcrypt hash
	printf '%s\n' 'puller:$2y$05$Hg878MsS10M1cOXP3BQaTuWjFQUHOBYxa4GfdPseIAKKDHnRif26S' >"$T/htpasswd"
	for port in 5000 5001; do
		registry_config $port >"$T/$port.yml"
		docker-registry serve "$T/$port.yml" >"$LOG/registry.$port" 2>&1 {never}>&- &
		registries+=($!)
	done
	wait_for 10 'curl -s http://127.0.0.1:5000/v2/ && curl -s http://127.0.0.1:5001/v2/'
}
end_registries() { kill "${registries[@]}" && wait "${registries[@]}"; }

# push SOURCE TAG: puts an image into the registry.
push() { "$real_skopeo" --insecure-policy --tmpdir "$T/tmp" copy -q --dest-tls-verify=false "$1" "docker://127.0.0.1:5000/$2" >"$LOG/push" 2>&1; }
# digest_of TAG: of what the registry has by that name.
digest_of() { curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json' \
	"http://127.0.0.1:5000/v2/${1%:*}/manifests/${1#*:}" | sha256sum | sed 's/ .*//; s/^/sha256:/'; }

# variant NAME FILTER [TAR]: the image of busybox as a layout in $T/NAME, its config changed by jq, with one layer more.
variant() {
	local dir=$T/$1 blobs=$T/$1/blobs/sha256 manifest config layers='.'
	mkdir -p "$dir" && tar -xf "$IMAGES/busybox.tar" -C "$dir" || return
	manifest=$(jq -r '.manifests[0].digest' "$dir/index.json") config=$(jq -r .config.digest "$dir/blobs/${manifest/://}")
	filter=$2
	if [ $# = 3 ]; then
		filter="$filter | .rootfs.diff_ids += [\"$(sum_of "$3")\"]"
		layers=".layers += [{mediaType: \"application/vnd.oci.image.layer.v1.tar\", digest: \"$(sum_of "$3")\", size: $(stat -c %s "$3")}]"
		cp "$3" "$blobs/$(sum_of "$3" | cut -d : -f 2)"
	fi
	jq -c "$filter" "$dir/blobs/${config/://}" >"$dir/config"
	jq -c --arg d "$(sum_of "$dir/config")" --argjson s "$(stat -c %s "$dir/config")" \
		"$layers"' | .config.digest = $d | .config.size = $s' "$dir/blobs/${manifest/://}" >"$dir/manifest"
	jq -c --arg d "$(sum_of "$dir/manifest")" --argjson s "$(stat -c %s "$dir/manifest")" \
		'.manifests[0].digest = $d | .manifests[0].size = $s' "$dir/index.json" >"$dir/index" && mv "$dir/index" "$dir/index.json"
	mv "$dir/config" "$blobs/$(sum_of "$dir/config" | cut -d : -f 2)"
	mv "$dir/manifest" "$blobs/$(sum_of "$dir/manifest" | cut -d : -f 2)"
}
sum_of() { echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"; }
