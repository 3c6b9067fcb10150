// Command load reads a Compose file with Compose's own loader, and reports its faults beyond
// the schema: an image without an exact version, a service that depends on one whose health it can't
// know, a port that is published to more than this machine, a file that is not there. What it has
// read goes to standard output as JSON.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// secret has to come from outside.
const secret = "DEMO_SECRET"

var exactVersion = regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)

func main() {
	if len(os.Args) != 2 {
		fail("usage: load FILE")
	}
	if _, err := load(os.Args[1]); err == nil {
		fail("%s loads without %s", os.Args[1], secret)
	} else if !strings.Contains(err.Error(), secret) {
		fail("%v", err)
	}
	project, err := load(os.Args[1], secret+"="+cmp.Or(os.Getenv(secret), "of-this-check"))
	if err != nil {
		fail("%v", err)
	}
	faults := check(project)
	if len(faults) > 0 {
		fail("%s", strings.Join(faults, "\n"))
	}
	read, err := project.MarshalJSON()
	if err != nil {
		fail("%v", err)
	}
	fmt.Println(string(read))
}

func load(file string, environment ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(environment))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func check(project *types.Project) []string {
	var faults []string
	for name, service := range project.Services {
		report := func(format string, values ...any) {
			faults = append(faults, name+": "+fmt.Sprintf(format, values...))
		}
		if !exactVersion.MatchString(service.Image) {
			report("%s is no exact version", service.Image)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				report("port %s is published to %q", port.Published, port.HostIP)
			}
		}
		for other, dependency := range service.DependsOn {
			// An image that is built here has its check in the Dockerfile.
			hasCheck := project.Services[other].HealthCheck != nil || project.Services[other].Build != nil
			if dependency.Condition == types.ServiceConditionHealthy && !hasCheck {
				report("waits for the health of %s, which has no check", other)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				report("%v", err)
			}
		}
	}
	return faults
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
