package vm

import "testing"

func TestErrgroup(t *testing.T) {
	nb := newNotebook(t)
	nb.want("import (\"context\"; \"errors\"; \"fmt\"; \"golang.org/x/sync/errgroup\")\ng, ctx := errgroup.WithContext(context.Background())\ng.SetLimit(2)\nbad := errors.New(\"bad\")\nfor i := range 5 { g.Go(func() error { if i == 0 { return bad }; <-ctx.Done(); return nil }) }\nfmt.Println(g.Wait(), errors.Is(context.Cause(ctx), bad))", "bad true")
	nb.want("type job struct{ g errgroup.Group; n int }\nvar j job\nj.g.Go(func() error { j.n++; return nil })\nfmt.Printf(\"%v %d %T\", j.g.Wait(), j.n, &j.g)", "<nil> 1 *errgroup.Group")
}
