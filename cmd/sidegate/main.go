// Command sidegate is the client-policy decision point and its command line.
package main

import (
	"context"
	"os"

	"github.com/sidegate/sidegate/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	return cli.Main(context.Background(), cli.Options{
		Streams: cli.Streams{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
			Terminal: terminal(os.Stdin), Colour: terminal(os.Stdout),
		},
		Args:    os.Args[1:],
		Environ: os.Environ(),
	})
}
