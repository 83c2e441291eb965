package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
)

// moving is one run of move.
type moving struct {
	*app
	writing
	before, after string
	to            int
}

func (a *app) move() *cobra.Command {
	m := &moving{app: a}
	kinds := []string{resourcePolicies}
	c := &cobra.Command{
		Use:   "move policies NAME --before OTHER|--after OTHER|--to INDEX",
		Short: "Move a policy to another place in the order of evaluation",
		Args:  resourceArgs(kinds, 2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			place, err := m.place(c)
			if err != nil {
				return err
			}
			return m.run(c.Context(), args[1], place)
		},
	}
	c.ValidArgsFunction = a.arguments(kinds, a.itemNames, 2)
	c.Flags().StringVar(&m.before, "before", "", "policy that it is to stand right before")
	c.Flags().StringVar(&m.after, "after", "", "policy that it is to stand right after")
	c.Flags().IntVar(&m.to, "to", 0, "index that it is to have, 0 being the first")
	c.Flags().StringVar(&m.comment, "comment", "", "why; kept with the revision")
	c.Flags().BoolVar(&m.dryRun, "dry-run", false, "check, move nothing")
	a.suggest(c, "before", a.itemNames(resourcePolicies))
	a.suggest(c, "after", a.itemNames(resourcePolicies))
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

// place is where to, in one way.
func (m *moving) place(c *cobra.Command) (*document.Node, error) {
	var places []*document.Node
	for name, v := range map[string]any{"before": m.before, "after": m.after, "to": m.to} {
		if !c.Flags().Changed(name) {
			continue
		}
		if name == "to" {
			name = "index"
		}
		places = append(places, object(name, v))
	}
	if len(places) != 1 {
		return nil, usage("move: expected one of --before, --after and --to, got %d of them", len(places))
	}
	return places[0], nil
}

func (m *moving) run(ctx context.Context, name string, place *document.Node) error {
	realm, err := m.realm("move")
	if err != nil {
		return err
	}
	client, err := m.connect()
	if err != nil {
		return err
	}
	// Moving changes no content: the tag says that the policy is still the same.
	path := realmPath(realm, "/policies/"+segment(name))
	found, err := client.get(ctx, path, nil)
	if err != nil {
		return err
	}
	done, err := client.do(ctx, call{method: http.MethodPost, path: path + ":move", query: m.query(), body: place.JSON(), ifMatch: found.etag})
	if refusedWith(err, http.StatusPreconditionFailed, http.StatusConflict) {
		return fmt.Errorf("somebody changed policy %q in the meantime; nothing written, run the command again: %w", name, err)
	}
	if err != nil {
		return err
	}
	if m.output != outputTable {
		return m.print(done.body, nil)
	}
	m.warn(done.body)
	if m.dryRun {
		m.say("dry run: the server accepts this; nothing written")
	} else {
		m.say("realm %q is at revision %s", realm, scalar(done.body, "revision"))
	}
	return nil
}
