package ircside

// matchMask reports whether s fits the mask, in which * is any text and ? any
// one character (RFC 2812 2.5). Both are folded already.
func matchMask(mask, s string) bool {
	star, again := -1, 0
	for i, j := 0, 0; ; {
		switch {
		case j < len(mask) && mask[j] == '*':
			star, again = j, i
			j++
			continue
		case i == len(s):
			return j == len(mask)
		case j < len(mask) && (mask[j] == '?' || mask[j] == s[i]):
			i++
			j++
			continue
		case star >= 0: // let the last * take one more
			again++
			i, j = again, star+1
			continue
		}
		return false
	}
}
