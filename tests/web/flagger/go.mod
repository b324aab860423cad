module flaggerhook

go 1.24.0

require (
	github.com/fluxcd/flagger v1.36.1
	sigs.k8s.io/yaml v1.4.0
)
