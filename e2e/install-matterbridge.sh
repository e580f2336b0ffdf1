#!/bin/sh
# Builds matterbridge, with which "make bench" compares, into .cache/matterbridge. It is
# pinned in a module of its own; what only serves other networks is left out
# (one of its libraries can't be had any more).
set -eu
cd "$(dirname "$0")/.."
cache=$PWD/.cache/matterbridge
! cmp -s e2e/peers/matterbridge/go.sum "$cache/.installed" || exit 0

tags=
for network in api discord gitter harmony keybase mattermost msteams mumble nctalk rocketchat slack sshchat steam \
	telegram vk whatsapp zulip; do
	tags="$tags,no$network"
done
echo "install: matterbridge (a minute the first time)"
(cd e2e/peers/matterbridge && go build -trimpath -ldflags='-s -w' -tags "${tags#,}" -o "$cache/" tool)
cp e2e/peers/matterbridge/go.sum "$cache/.installed"
