module tektonlint

go 1.24.0

require (
	github.com/tektoncd/pipeline v1.6.0
	sigs.k8s.io/yaml v1.6.0
)
