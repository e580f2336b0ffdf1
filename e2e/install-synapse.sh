#!/bin/sh
# Installs a Synapse for "make test-synapse" into .cache/synapse, a root of Debian
# sid's, because no release of Debian has one. It takes a superuser, 400 MB and
# some minutes; the system stays as it is, but for the mmdebstrap that makes it.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/.cache/synapse
[ ! -x "$root/usr/bin/python3" ] || exit 0

if ! command -v mmdebstrap >/dev/null; then
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null
fi
# The mirror that this machine uses anyway; its list of sid may be an old one.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
echo "install: synapse"
mkdir -p .cache
# One at a time: mmdebstrap has the system's /dev in there while it works, and
# what was left of an earlier try must never be removed with that.
exec 9>.cache/synapse.lock
flock 9
[ ! -x "$root/usr/bin/python3" ] || exit 0
if grep -q " $root.new/" /proc/mounts; then
	echo "install: something is mounted below $root.new" >&2
	exit 1
fi
rm -rf --one-file-system "$root.new"
mmdebstrap --variant=apt --include=matrix-synapse \
	--aptopt='Acquire::Check-Valid-Until "false"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	sid "$root.new" "${mirror%/}"
mv "$root.new" "$root"
