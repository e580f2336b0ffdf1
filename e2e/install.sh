#!/bin/sh
# Installs the servers and foreign clients that the scenarios run against, and
# nothing else: Debian packages, an Ergo unpacked and a Dendrite built into .cache/,
# and npm packages into e2e/node/node_modules. A second run finds everything there
# and is quick.
# No service of the system is started, and none is configured.
#
#   e2e/install.sh            what "make test" and "make demo" need
#   e2e/install.sh biboumi    and the peer that "make bench" compares with
set -eu
cd "$(dirname "$0")/.."

# gcc and libc6-dev are for "go test -race", and for Dendrite's SQLite.
packages="prosody ejabberd inspircd ngircd postgresql python3-slixmpp ca-certificates gcc libc6-dev $*"
command -v node >/dev/null || packages="$packages nodejs"
command -v npm >/dev/null || packages="$packages npm"

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian's packages start their services when they are installed, unless
# policy-rc.d says no (101: forbidden by policy).
policy=/usr/sbin/policy-rc.d
forbid_services() {
	[ ! -e $policy ] || return 0
	trap 'as_root rm -f $policy' EXIT
	trap 'exit 130' INT TERM
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
	as_root chmod 755 $policy
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

missing=
for p in $packages; do
	installed "$p" || missing="$missing $p"
done
if [ -n "$missing" ]; then
	echo "install: apt-get install$missing"
	forbid_services
	apt update
	# shellcheck disable=SC2086
	apt install --no-install-recommends $missing >/dev/null
fi

e2e/install-ergo.sh || echo "install: NO ERGO: its package can't be had here, its scenarios are skipped" >&2

# Dendrite is pinned in a module of its own, as "go install" would ask for lists of versions.
dendrite=$PWD/.cache/dendrite
if ! cmp -s e2e/homeservers/go.sum "$dendrite/.installed"; then
	echo "install: dendrite (some minutes the first time)"
	(cd e2e/homeservers && go build -trimpath -ldflags='-s -w' -o "$dendrite/" tool)
	cp e2e/homeservers/go.sum "$dendrite/.installed"
fi

lock=e2e/node/package-lock.json
if ! cmp -s $lock e2e/node/node_modules/.installed; then
	echo "install: npm ci"
	(cd e2e/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null)
	cp $lock e2e/node/node_modules/.installed
fi
