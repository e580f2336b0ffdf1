// Package e2e holds the scenarios: each promise of Isthmus, tried on real XMPP
// and IRC servers with clients that we didn't write. One promise, one test, the
// sentence of the specification above its check.
//
// e2e/install.sh installs what they need; "go test -short" leaves them out.
package e2e
