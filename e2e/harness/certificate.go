package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// writeCertificate makes cert.pem, key.pem and both.pem in dir, for "localhost"
// and 127.0.0.1, signed by itself, and returns the file to trust.
func writeCertificate(t T, dir string) (ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	ca = dir + "/cert.pem"
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	writeFile(t, ca, string(certPEM))
	writeFile(t, dir+"/key.pem", string(keyPEM))
	writeFile(t, dir+"/both.pem", string(certPEM)+string(keyPEM))
	return ca
}

// ClientCertificate makes a certificate to log in with: it and its key as PEM,
// and the SHA-256 of it in hexadecimal, by which services know it.
func ClientCertificate(t T) (both, fingerprint string) {
	t.Helper()
	dir := tempDir(t, "certificate")
	writeCertificate(t, dir)
	text, err := os.ReadFile(dir + "/both.pem")
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	cert, _ := pem.Decode(text)
	return string(text), fmt.Sprintf("%x", sha256.Sum256(cert.Bytes))
}
