package pages

// What tests reach besides what is exported.
var (
	Prose   = prose
	Table   = table
	Excerpt = excerpt
)

// Judged tells whether judgements on the given events are about the provider's.
func Judged(executor string, on ...[]string) error {
	b := &book{}
	if err := b.registered(); err != nil {
		return err
	}
	list := make([]judgement, len(on))
	for i := range on {
		list[i] = judgement{On: on[i]}
	}
	return covers(list, b.registry.Executor(executor).Events)
}

// Clause tells whether a clause can be listed.
func Clause(number, asks string, by, profiles []string, gap string) error {
	b := &book{}
	if err := b.registered(); err != nil {
		return err
	}
	return b.checkClause(&clause{Number: number, Asks: asks, By: by, Profiles: profiles, Gap: gap})
}
