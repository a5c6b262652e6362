package claim_test

import (
	"fmt"
	"strings"
	"testing"

	rt "braid/runtime"
	"braid/runtime/claim"
)

func Example() {
	wrong, schedules := 4, 6
	fmt.Println(claim.All(
		claim.Misleading("G6", wrong > 0, "%d of %d schedules lose an update", wrong, schedules).
			And(schedules == 6, "those are all schedules"),
		claim.Holds("G7", true, "100% of the time is one thread's"),
	))
	// Output:
	// ✓ G6 misleading: 4 of 6 schedules lose an update
	//   those are all schedules
	// ✓ G7 holds: 100% of the time is one thread's
}

func TestAClaimThatIsNotShownEndsTheCell(t *testing.T) {
	defer func() {
		e, ok := recover().(*rt.Exception)
		if !ok || e.Type != "AssertionError" || !strings.Contains(e.Msg, "claim A5 is not shown, this was not observed: it took 3 s") {
			t.Errorf("panic with %v", e)
		}
	}()
	claim.Holds("A5", true, "it ran").And(false, "it took %d s", 3)
	t.Error("a false observation passed")
}

func TestHTMLIsEscaped(t *testing.T) {
	for _, v := range []*claim.Verdict{
		claim.Holds("X", true, "<i>"), claim.Conditional("X", true, "<i>"), claim.Outdated("X", true, "<i>"),
		claim.Misleading("X", true, "<i>"), claim.Wrong("X", true, "<i>"),
	} {
		if page := claim.All(v, v).HTML(); strings.Contains(page, "<i>") || strings.Count(page, "&lt;i&gt;") != 2 || strings.Contains(page, "solid ;") {
			t.Errorf("%s: %s", v.Judgment, page)
		}
	}
}
