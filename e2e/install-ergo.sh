#!/bin/sh
# Unpacks Ergo into .cache/ergo. Debian 12 doesn't have it, but the package of
# Debian 13 is a static Go program that runs here as it is. It is fetched by apt,
# from the mirror that this machine uses anyway, through lists of its own:
# the system's sources stay as they are.
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/.cache/ergo
[ ! -x "$cache/usr/bin/ergochat" ] || exit 0

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/download"
chmod -R 755 "$work"
echo "deb [signed-by=$keyring] ${mirror%/} trixie main" >"$work/sources.list"

apt() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o APT::Update::Post-Invoke-Success= -o Acquire::Languages=none -o APT::Sandbox::User=root "$@" </dev/null
}

echo "install: ergo"
apt update
(cd "$work/download" && apt download ergochat)
rm -rf "$cache.new" && mkdir -p "$cache.new"
dpkg-deb -x "$work"/download/ergochat_*.deb "$cache.new"
rm -rf "$cache"
mv "$cache.new" "$cache"
