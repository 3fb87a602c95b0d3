// Command control-plane is every program of a Kubernetes control plane that
// the local fleet runs, in one binary chosen by its first argument. One link
// step instead of five, and their text is shared in memory: a hub and three
// members cost the machine less than 2 GB.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// programs maps the first argument to the program's entry, which reads the
// remaining arguments from os.Args as it would in a binary of its own.
var programs = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubectl":                 func() int { return cli.Run(cmd.NewDefaultKubectlCommand()) },
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	program, known := programs[os.Args[1]]
	if !known {
		usage()
	}
	os.Args = os.Args[1:]
	os.Exit(program())
}

// runEtcd keeps the write-ahead log in small segments: etcd reserves two of
// them from the start, which at its 64 MB each would be most of the memory
// that a fleet's data takes.
func runEtcd() int {
	wal.SegmentSizeBytes = 4 << 20
	etcdmain.Main(os.Args)
	return 0
}

func usage() {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "usage: control-plane PROGRAM [ARGUMENTS]\nPROGRAM is one of: %s\n", strings.Join(names, ", "))
	os.Exit(2)
}
