package acceptance

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// kernelTests are all tests of jupyter_kernel_test 0.7.
var kernelTests = []string{
	"test_clear_output", "test_completion", "test_display_data", "test_error", "test_execute_result",
	"test_execute_stderr", "test_execute_stdout", "test_history", "test_inspect", "test_is_complete",
	"test_kernel_info", "test_pager", "test_recv_iopub_welcome_msg",
}

func TestJupyterKernelTest(t *testing.T) {
	kernel := fresh(t)
	var said map[string]string
	decode(t, output(t, t.TempDir(), kernel.python, testdata(t, "kerneltest.py"), kernelName), &said)
	if names := slices.Sorted(maps.Keys(said)); !slices.Equal(names, kernelTests) {
		t.Errorf("the tests were\n%s\nwant\n%s", strings.Join(names, " "), strings.Join(kernelTests, " "))
	}
	passed := 0
	for name, text := range said {
		if text == "ok" {
			passed++
		} else {
			t.Errorf("%s: %s", name, text)
		}
	}
	if passed != 13 {
		t.Errorf("%d of 13 pass", passed)
	}
}
