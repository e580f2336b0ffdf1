module isthmus

go 1.25.0

require (
	github.com/cenkalti/backoff/v5 v5.0.3
	github.com/jackc/pgx/v5 v5.7.5
	github.com/prometheus/client_golang v1.23.0
	github.com/rivo/uniseg v0.4.7
	github.com/spf13/cobra v1.9.1
	github.com/xdg-go/scram v1.1.2
	golang.org/x/crypto v0.45.0
	golang.org/x/net v0.47.0
	golang.org/x/text v0.31.0
	golang.org/x/time v0.14.0
	gopkg.in/yaml.v3 v3.0.1
	modernc.org/sqlite v1.40.0
)
