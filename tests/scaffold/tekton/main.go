// Tektonlint asks Tekton's own code whether it would take a file: strict decoding, its defaults, its validation, as its
// admission webhook does. It prints what is wrong and exits with 1.
package main

import (
	"context"
	"fmt"
	"os"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return err
	}
	if head.APIVersion != "tekton.dev/v1" {
		return fmt.Errorf("apiVersion is %q", head.APIVersion)
	}
	ctx := context.Background()
	switch head.Kind {
	case "PipelineRun":
		var run v1.PipelineRun
		if err := yaml.UnmarshalStrict(text, &run); err != nil {
			return err
		}
		run.SetDefaults(ctx)
		if problem := run.Validate(ctx); problem != nil {
			return problem
		}
		// Of a run, undeclared parameters and workspaces are forgiven; of a pipeline of its own they are not.
		if run.Spec.PipelineSpec != nil {
			embedded := v1.Pipeline{ObjectMeta: run.ObjectMeta, Spec: *run.Spec.PipelineSpec}
			if problem := embedded.Validate(ctx); problem != nil {
				return problem
			}
		}
	case "Pipeline":
		var pipeline v1.Pipeline
		if err := yaml.UnmarshalStrict(text, &pipeline); err != nil {
			return err
		}
		pipeline.SetDefaults(ctx)
		if problem := pipeline.Validate(ctx); problem != nil {
			return problem
		}
	default:
		return fmt.Errorf("kind is %q", head.Kind)
	}
	return nil
}
