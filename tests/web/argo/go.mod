module argometric

go 1.24.9

require (
	github.com/argoproj/argo-rollouts v1.9.0
	sigs.k8s.io/yaml v1.6.0
)
