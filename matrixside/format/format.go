// Package format turns Matrix's messages (org.matrix.custom.html) into text
// with spans, and back. Both directions are pure functions.
package format
